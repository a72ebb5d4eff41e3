"""Issues of the sandbox Jira and how they look on the wire."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from standins import jira_adf


@dataclass(frozen=True)
class Status:
    """A workflow status. Names are free per site; only the category is fixed (new, indeterminate, done)."""

    id: str
    name: str
    category: str

    def as_json(self, base: str) -> dict[str, Any]:
        """The status as a field value."""
        number, color, title = CATEGORIES[self.category]
        category = {"id": number, "key": self.category, "colorName": color, "name": title}
        category["self"] = f"{base}/rest/api/3/statuscategory/{number}"
        data = {"self": f"{base}/rest/api/3/status/{self.id}", "id": self.id, "name": self.name, "description": ""}
        return {**data, "iconUrl": f"{base}/images/status.png", "statusCategory": category}


CATEGORIES = {
    "undefined": (1, "medium-gray", "No Category"),
    "new": (2, "blue-gray", "To Do"),
    "done": (3, "green", "Done"),
    "indeterminate": (4, "yellow", "In Progress"),
}
WORKFLOW = (
    Status("10000", "To Do", "new"),
    Status("3", "In Progress", "indeterminate"),
    Status("10001", "Done", "done"),
)
TRANSITIONS = dict(zip(("11", "21", "31"), WORKFLOW, strict=True))


def jira_time(moment: dt.datetime) -> str:
    """A moment as Jira writes it: milliseconds, and a zone without colon."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}" + moment.strftime("%z")


@dataclass
class Issue:
    """A stored issue. `values` holds every field as it was sent, apart from the people."""

    id: str
    key: str
    project_key: str
    type_id: str
    values: dict[str, Any]
    assignee: str | None
    reporter: str
    status: Status = WORKFLOW[0]
    old_keys: list[str] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    hidden: bool = False
    looks: int = 0
    stored_at: float = field(default_factory=time.monotonic)
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    updated: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def summary(self) -> str:
        """The one-line title."""
        return str(self.values.get("summary", ""))

    @property
    def labels(self) -> list[str]:
        """The labels, in the order they were given."""
        return list(self.values.get("labels") or [])

    @property
    def description_text(self) -> str:
        """The description without its formatting."""
        return jira_adf.text(self.values.get("description"))

    def touch(self) -> None:
        """Note that the issue has just changed."""
        self.updated = dt.datetime.now(dt.UTC)

    def as_state(self) -> dict[str, Any]:
        """Everything about the issue for the control address."""
        return {
            "id": self.id,
            "key": self.key,
            "project": self.project_key,
            "issuetype": self.type_id,
            "summary": self.summary,
            "description": self.description_text,
            "labels": self.labels,
            "assignee": self.assignee,
            "status": self.status.name,
            "values": self.values,
            "properties": self.properties,
            "links": self.links,
            "comments": [jira_adf.text(comment["body"]) for comment in self.comments],
            "old_keys": self.old_keys,
            "hidden": self.hidden,
        }
