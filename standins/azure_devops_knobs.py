"""Switches of the sandbox Azure DevOps that stay as they are set until `reset()`, and what it keeps of requests."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Knobs:
    """Lasting switches.

    refusal: the face of a bad token: page (203), redirect (302), plain or json (401); "" = as the vendor does, by verb
    and by whether the caller asked not to be redirected. scope_face: json or html, for a missing scope.
    error_header: send X-TFS-ServiceError with refusals. anonymous: connectionData answers unknown tokens as anonymous.
    denied: scopes (vso.…) and rights (SAVE_AREA, CREATE_TAGS) taken away. project_page: projects per page.
    query_lag: seconds until a query shows a new item. delay: seconds each API call takes, told in Retry-After of its
    200. ignore_assignee: work items are made without the assignee that was asked for. long_field_list: the list of all
    fields is longer than a client should take. redirect_to: origin that every route redirects to.
    """

    refusal: str = ""
    scope_face: str = "json"
    error_header: bool = True
    anonymous: bool = False
    denied: set[str] = field(default_factory=set)
    project_page: int = 100
    query_lag: float = 0.0
    delay: float = 0.0
    ignore_assignee: bool = False
    long_field_list: bool = False
    redirect_to: str = ""


@dataclass(frozen=True)
class CreateFault:
    """Harm done to one create: drop_before, drop_after, fail_after (with status) or no_id."""

    kind: str
    status: int = 502


@dataclass
class Call:
    """One request the stand-in received. The Authorization header is judged, never kept."""

    method: str
    path: str
    query: str
    body: Any
    authorised: bool
    time: float
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The call for the control address."""
        return asdict(self)


@dataclass
class WorkItem:
    """A stored work item. `values` holds every field as it was sent, apart from the people."""

    id: int
    project: str
    type: str
    values: dict[str, Any]
    assignee: str | None
    creator: str
    state: str
    relations: list[dict[str, Any]] = field(default_factory=list)
    rev: int = 1
    deleted: bool = False
    hidden: bool = False
    stored_at: float = field(default_factory=time.monotonic)
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def title(self) -> str:
        """The one-line title."""
        return str(self.values.get("System.Title", ""))

    @property
    def tags(self) -> list[str]:
        """The tags."""
        return [tag.strip() for tag in str(self.values.get("System.Tags", "")).split(";") if tag.strip()]

    def as_state(self) -> dict[str, Any]:
        """Everything about the work item for the control address."""
        names = (
            "id",
            "project",
            "type",
            "title",
            "tags",
            "values",
            "assignee",
            "state",
            "relations",
            "deleted",
            "hidden",
        )
        return {name: getattr(self, name) for name in names}
