"""The values clients take and give: accounts, people, destinations, tickets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Step:
    """One choice on the way to a ticket's destination ("Project", then "Issue type")."""

    key: str
    label: str
    # Whether the first choice is the usual one, taken when nothing else is known.
    default_first: bool = False


@dataclass(frozen=True)
class Account:
    """Who a connection acts as, and where people find the provider's pages."""

    id: str
    name: str
    site_url: str = ""
    site_name: str = ""


@dataclass(frozen=True)
class Permission:
    """One thing the account was found to be allowed or not; None = could not be told."""

    label: str
    granted: bool | None


@dataclass(frozen=True)
class CheckResult:
    """Outcome of a successful check."""

    account: Account
    permissions: tuple[Permission, ...] = ()


@dataclass(frozen=True)
class Person:
    """A person at the provider."""

    external_id: str
    name: str
    username: str
    email: str
    active: bool = True
    email_hidden: bool = False


@dataclass(frozen=True)
class Choice:
    """One entry of a list to choose from."""

    value: str
    label: str


class DestinationFieldKind(StrEnum):
    """Kinds of destination fields the ticket dialog can draw; UNSUPPORTED ones are named instead."""

    TEXT = "text"
    TEXTAREA = "textarea"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    USER = "user"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class DestinationField:
    """A field the destination demands from us."""

    id: str
    label: str
    kind: DestinationFieldKind
    required: bool = True
    choices: tuple[Choice, ...] = ()
    vendor_kind: str = ""


@dataclass(frozen=True)
class DestinationSchema:
    """What a destination wants.

    `fields` must be filled on every ticket; `optional` ones may get a stored default; `severity_fields` are the ids,
    among both, that an incident's severity may decide.
    """

    fields: tuple[DestinationField, ...]
    assignee_on_create: bool = True
    optional: tuple[DestinationField, ...] = ()
    severity_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class FieldValue:
    """What was typed into a destination field: text, or a list of values for a multi-select."""

    kind: DestinationFieldKind
    value: Any


@dataclass(frozen=True)
class TicketDraft:
    """Everything a create call needs. `values` maps destination field ids to what was typed."""

    marker: str
    summary: str
    description: str
    destination: Mapping[str, str]
    values: Mapping[str, FieldValue]
    assignee_id: str
    assignee_on_create: bool
    incident_url: str
    incident_key: str


@dataclass(frozen=True)
class CreatedTicket:
    """What the provider told of a ticket it made.

    `assignment_error` is set when it exists but is nobody's; `warnings` name values the provider left out without
    saying so.
    """

    external_id: str
    external_key: str
    url: str
    assignment_error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TicketStatus:
    """A ticket as the provider shows it now; `category` is new, active or done."""

    external_id: str
    external_key: str
    url: str
    summary: str
    status: str
    category: str
    assignee_id: str
    assignee_name: str
    marker_found: bool = False


@dataclass(frozen=True)
class Delivery:
    """A call of the provider to us, as it arrived. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Registered:
    """What the provider keeps to call us: its ids, and until when (None: for ever)."""

    ids: tuple[str, ...]
    until: dt.datetime | None = None
