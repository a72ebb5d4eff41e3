"""What a provider is: data that the generic form, card, dialog and routes read, and a client that speaks to it.

This package knows no Flask, no database and no settings of ours; everything it needs is handed in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from providers.capabilities import (
    CreatesTickets,
    FindsPeople,
    ReadsStatus,
    ReceivesWebhooks,
    TakesComments,
    TellsExpiry,
)
from providers.values import CheckResult, Step

if TYPE_CHECKING:
    from providers.oauth import Consent

__all__ = [
    "AuthMethod",
    "Client",
    "ConnectionValues",
    "CreatesTickets",
    "Field",
    "FieldKind",
    "FindsPeople",
    "Group",
    "Provider",
    "ReadsStatus",
    "ReceivesWebhooks",
    "Recorder",
    "Sentences",
    "TakesComments",
    "TellsExpiry",
    "url_origin",
    "utcnow",
]


class Group(StrEnum):
    """Section of the Integrations page a provider's card stands in; the value is the heading."""

    TICKETS = "Ticket Providers"
    SIGN_IN = "Authentication Providers"
    EMAIL = "Email"


class FieldKind(StrEnum):
    """How a field of a connection form is drawn and checked."""

    TEXT = "text"
    URL = "url"
    EMAIL = "email"
    SECRET = "password"  # noqa: S105 - the kind of input, not a password


@dataclass(frozen=True)
class Field:
    """One field of a connection form.

    `help` says what to enter, `find` where the value is found at the vendor, `find_url` links there.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    help: str = ""
    find: str = ""
    find_url: str = ""
    placeholder: str = ""
    max_length: int = 500

    @property
    def secret(self) -> bool:
        """True when the value is sealed at rest and never shown again."""
        return self.kind is FieldKind.SECRET


@dataclass(frozen=True)
class AuthMethod:
    """One way to connect to a provider: its opener on the card, its fields, its submit buttons.

    With `consent`, the fields name an application registered at the vendor, and a person consents there.
    """

    key: str
    label: str
    fields: tuple[Field, ...]
    opener: str = "Setup"
    submit_new: str = "Save"
    submit_existing: str = "Update"
    consent: Consent | None = None


@dataclass(frozen=True)
class Sentences:
    """The exact first sentences of this provider's failures (screen contract); cause and next step follow them."""

    refused: str = "Invalid credentials"
    unreachable: str = "Service URL not reachable"
    permission: str = "Permission missing"


@dataclass(frozen=True)
class Provider:
    """A kind of outside system, described as data."""

    key: str
    label: str
    group: Group
    purpose: str
    auth_methods: tuple[AuthMethod, ...]
    client: type[Client]
    sentences: Sentences
    integration_type: str = ""
    logo: str = "generic.svg"  # file in static/img/providers/
    steps: tuple[Step, ...] = ()

    def auth_method(self, key: str) -> AuthMethod:
        """The way to connect with this key. Raises KeyError when there is none."""
        for method in self.auth_methods:
            if method.key == key:
                return method
        raise KeyError(key)

    def can(self, capability: type) -> bool:
        """Whether connections of this provider have the capability."""
        return issubclass(self.client, capability)

    def origin(self, settings: Mapping[str, str]) -> str:
        """Scheme, host and port that the secrets of a connection with these settings belong to."""
        return self.client.origin(settings)

    def tenant(self, settings: Mapping[str, str]) -> str:
        """Short name of the outside instance for people ("acme.atlassian.net")."""
        return self.client.tenant(settings)


@dataclass(frozen=True)
class ConnectionValues:
    """All a client gets to know of a connection. Credentials do not show in its repr.

    `renew` gives newer credentials after the provider refused these; None where there is nothing to renew.
    """

    id: int | None
    auth_method: str
    settings: Mapping[str, str]
    credentials: Mapping[str, str] = field(repr=False)
    renew: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False, compare=False)
    # Id of the account the connection was last found to act as; "" before the first check.
    account_id: str = ""


class Recorder(Protocol):
    """Ledger of outbound calls, handed in by the service (providers know no database)."""

    def before(self, *, purpose: str, method: str, target: str) -> int | None:
        """Note a call that is about to be made. Returns the ledger id, None when nothing is kept."""

    def after(
        self, attempt_id: int | None, *, outcome: str, status: int | None, code: str, message: str, duration_ms: int
    ) -> None:
        """Note how the call ended."""


class Client:
    """Base of all clients: built from values and an open door, speaks to one outside instance."""

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        self.values = values
        self.door = door

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """Scheme, host and port the secrets belong to; "" when the address is not usable."""
        raise NotImplementedError

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """Short name of the outside instance."""
        raise NotImplementedError

    @classmethod
    def clean(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Settings as they are stored (trimmed, in canonical form). Raises InvalidInput with our field names."""
        return {name: value.strip() for name, value in settings.items()}

    @classmethod
    def use_endpoints(cls, endpoints: Mapping[str, str]) -> None:
        """Told once at start: addresses of vendor hosts, which the operator may have changed."""

    @classmethod
    def describe(cls, response: Any) -> tuple[str, str]:
        """The provider's own (code, message) in an error answer; empty where it gave none."""
        return "", ""

    def check(self) -> CheckResult:
        """Prove that the credentials work with the cheapest call that shows it. Raises ProviderError."""
        raise NotImplementedError

    def farewell(self) -> None:
        """Called before the connection is removed: give back what the provider can take back (tokens). May fail."""


def url_origin(url: str) -> str:
    """Scheme, lower-case host and port of a URL, "" when it has none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else ""


def utcnow() -> dt.datetime:
    """Now, in UTC, with zone."""
    return dt.datetime.now(dt.UTC)
