"""Switches of the sandbox Azure DevOps that stay as they are set until `reset()`, and its work items."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from standins.knobs import SharedKnobs


@dataclass
class Knobs(SharedKnobs):
    """Lasting switches besides the shared ones.

    refusal: the face of a bad token: page (203), redirect (302), plain or json (401); "" = as the vendor does, by verb
    and by whether the caller asked not to be redirected. scope_face: json or html, for a missing scope.
    error_header: send X-TFS-ServiceError with refusals. anonymous: connectionData answers unknown tokens as anonymous.
    denied: scopes (vso.…) and rights (SAVE_AREA, CREATE_TAGS, EDIT_SUBSCRIPTIONS) taken away.
    project_page: projects per page.
    query_lag: seconds until a query shows a new item. delay is told in headers of the delayed answer. ignore_assignee:
    work items are made without the assignee that was asked for. long_field_list: the list of all fields is longer than
    a client should take. comment_page: comments per page. hook_refusal: 403 or 401, without the right to
    subscribe. private_targets: webhooks may go to addresses that the vendor would never call.
    """

    refusal: str = ""
    scope_face: str = "json"
    error_header: bool = True
    anonymous: bool = False
    project_page: int = 100
    query_lag: float = 0.0
    ignore_assignee: bool = False
    long_field_list: bool = False
    comment_page: int = 200
    hook_refusal: int = 403
    private_targets: bool = False


@dataclass
class Comment:
    """Something said in a work item's discussion, as HTML."""

    id: int
    text: str
    author: str
    created: str
    deleted: bool = False


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
    comments: list[Comment] = field(default_factory=list)
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

    def say(self, text: str, author: str) -> None:
        """One more comment."""
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        self.comments.append(Comment(len(self.comments) + 1, text, author, now))

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
        shown = {name: getattr(self, name) for name in names}
        return shown | {"comments": [comment.text for comment in self.comments if not comment.deleted]}
