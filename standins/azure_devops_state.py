"""State of the sandbox Azure DevOps and the methods that turn it into a difficult one.

`knobs` holds lasting switches; methods act at once or arm a fault for the next matching requests. Everything is guarded
by one lock, which no method holds while it waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import fields, replace
from typing import Any

from flask import current_app

from standins.azure_devops_knobs import Call, CreateFault, Knobs, WorkItem
from standins.azure_devops_people import ADMIN_EMAIL, PAT, Person, Token, people, tokens
from standins.azure_devops_projects import Field, ItemType, Project, projects, system_fields
from standins.jira_faults import Fault, FaultBook

FIRST_ITEM_ID = 131
ORGANIZATION = "sandbox"
TOO_MUCH = (
    "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource <Concurrency> in "
    "namespace <User>."
)


class AzureSandbox:
    """Accounts, tokens, projects, work items, recorded calls, and the knobs."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.reset()

    def reset(self) -> None:
        """Back to the first state: no work items, no recorded calls, no faults; held requests are let go."""
        self.faults.clear()
        with self.lock:
            self.knobs = Knobs()
            self.people: dict[str, Person] = people()
            self.tokens: dict[str, Token] = tokens()
            self.projects: dict[str, Project] = projects()
            self.by_id: dict[int, WorkItem] = {}
            self.calls: list[Call] = []
            self.creates = 0
            self.create_faults: deque[CreateFault] = deque()
            self._next_id = FIRST_ITEM_ID

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def work_items(self) -> dict[int, WorkItem]:
        """All stored work items by number (a copy: safe to walk while requests come in)."""
        with self.lock:
            return dict(self.by_id)

    def project(self, reference: str) -> Project | None:
        """The visible project with this name or id, whatever its case."""
        with self.lock:
            wanted = reference.lower()
            found = (p for p in self.projects.values() if wanted in (p.name.lower(), p.id) and p.visible)
            return next(found, None)

    def person(self, email: str) -> Person:
        """The account that signs in with this address. Raises KeyError."""
        for person in self.people.values():
            if person.account.lower() == email.lower():
                return person
        raise KeyError(email)

    @property
    def owner(self) -> Person:
        """Who every token belongs to."""
        return self.person(ADMIN_EMAIL)

    def has(self, right: str) -> bool:
        """Whether a right was not taken away."""
        return right not in self.knobs.denied

    def queryable(self, item: WorkItem) -> bool:
        """Whether a query shows the work item at this moment."""
        return time.monotonic() - item.stored_at >= self.knobs.query_lag and not (item.deleted or item.hidden)

    # -- changing the data --------------------------------------------------------------------------------------------

    def store(self, item: WorkItem) -> WorkItem:
        """Keep a new work item under the next number."""
        with self.lock:
            item.id, self._next_id = self._next_id, self._next_id + 1
            self.by_id[item.id] = item
            return item

    def set_state(self, number: int | str, state: str) -> None:
        """Put a work item into a state of its type. Raises KeyError."""
        with self.lock:
            item = self.by_id[int(number)]
            kind = self.projects[item.project].type(item.type)
            if kind is None or not kind.category(state):
                raise KeyError(state)
            item.state = state
            item.rev += 1

    def rename_state(self, project: str, item_type: str, state: str, name: str) -> None:
        """Give a state of a type another name, as a process editor may. Raises KeyError."""
        with self.lock:
            kind = self._type(project, item_type)
            kind.states = tuple((name if old == state else old, category) for old, category in kind.states)
            for item in self.by_id.values():
                if (item.project, item.type, item.state) == (project, kind.name, state):
                    item.state = name

    def move_item(self, number: int | str, project: str) -> None:
        """Move a work item to another project; its number stays. Raises KeyError."""
        with self.lock:
            self.by_id[int(number)].project = self.projects[project].name

    def delete_item(self, number: int | str, for_good: bool = False) -> None:
        """Put a work item into the recycle bin, or remove it for good. Raises KeyError."""
        with self.lock:
            self.by_id[int(number)].deleted = True
            if for_good:
                del self.by_id[int(number)]

    def hide_item(self, number: int | str, hidden: bool = True) -> None:
        """Make a work item invisible to the API, as in a forbidden area path. Raises KeyError."""
        with self.lock:
            self.by_id[int(number)].hidden = hidden

    def copy_item(self, number: int | str) -> int:
        """Copy a work item with its tags, as a person may do in the browser. Returns its number. Raises KeyError."""
        with self.lock:
            old = self.by_id[int(number)]
            return self.store(replace(old, values=dict(old.values), stored_at=time.monotonic())).id

    def _type(self, project: str, item_type: str) -> ItemType:
        found = self.projects[project].type(item_type)
        if found is None:
            raise KeyError(item_type)
        return found

    def add_required_field(self, project: str, item_type: str, new: Field | dict[str, Any]) -> None:
        """Demand one more field of a type; a dict holds the arguments of `Field`. Raises KeyError."""
        made = replace(new, required=True) if isinstance(new, Field) else Field(**{**new, "required": True})
        with self.lock:
            self._type(project, item_type).fields.append(made)

    def add_project(self, name: str) -> None:
        """One more plain project with the type Task."""
        with self.lock:
            self.projects[name] = Project(name, [ItemType("Task", system_fields())])

    def add_token(self, token: str, scopes: list[str] | None = None, state: str = "good") -> None:
        """One more token, with these scopes alone when given."""
        with self.lock:
            self.tokens[token] = Token(state=state) if scopes is None else Token(frozenset(scopes), state)

    def expire_token(self, token: str = PAT) -> None:
        """The token's day has come. Raises KeyError."""
        self.tokens[token].state = "expired"

    def revoke_token(self, token: str = PAT) -> None:
        """Somebody revoked the token. Raises KeyError."""
        self.tokens[token].state = "revoked"

    def set_active(self, email: str, active: bool) -> None:
        """Disable or enable the account with this address. Raises KeyError."""
        self.person(email).active = active

    def set(self, **values: Any) -> None:
        """Set lasting knobs by name. Raises KeyError for a name that is none."""
        names = {knob.name for knob in fields(Knobs)}
        with self.lock:
            for name, value in values.items():
                if name not in names:
                    raise KeyError(name)
                setattr(self.knobs, name, set(value) if name == "denied" else value)

    def deny(self, *rights: str) -> None:
        """Take scopes (vso.work, vso.work_write, vso.project, vso.identity) or rights away."""
        with self.lock:
            self.knobs.denied.update(rights)

    def allow(self, *rights: str) -> None:
        """Give scopes or rights back."""
        with self.lock:
            self.knobs.denied.difference_update(rights)

    # -- arming faults ------------------------------------------------------------------------------------------------

    def fail_next(
        self,
        status: int,
        times: int | None = 1,
        route: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer matching requests with this status before they have any effect."""
        self.faults.arm(Fault("fail", route, times, status=status, body=body, headers=headers or {}))

    def rate_limit(self, times: int | None = 1, retry_after: int | str | None = 1, route: str | None = None) -> None:
        """Answer 429 with every header of the vendor's; `retry_after=None` leaves that one out."""
        headers = {"X-RateLimit-Resource": "Core", "X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0"}
        headers["X-RateLimit-Reset"] = str(int(time.time()) + 60)
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        body = {"message": TOO_MUCH, "typeKey": "RequestBlockedException", "errorCode": 0, "eventId": 3000}
        self.fail_next(429, times, route, body, headers)

    def hold(
        self, seconds: float | None = None, route: str | None = None, times: int | None = 1, after: bool = False
    ) -> None:
        """Let matching requests wait (None: until `release`) before they have an effect, or `after` it."""
        self.faults.arm(Fault("hold_after" if after else "hold", route, times, seconds=seconds))

    def release(self) -> None:
        """Let held requests go on."""
        self.faults.release()

    def drip(self, seconds: float, route: str | None = None, times: int | None = 1) -> None:
        """Send the body of matching answers one byte every so many seconds."""
        self.faults.arm(Fault("drip", route, times, seconds=seconds))

    def html_instead(self, route: str | None = None, times: int | None = 1, status: int = 200) -> None:
        """Answer matching requests with an HTML page where JSON is expected."""
        self.faults.arm(Fault("html", route, times, status=status))

    def drop_before_create(self, times: int = 1) -> None:
        """Cut the connection on the next creates without storing anything."""
        self._arm_create(CreateFault("drop_before"), times)

    def drop_after_create(self, times: int = 1) -> None:
        """Store the next work items, then cut the connection instead of answering."""
        self._arm_create(CreateFault("drop_after"), times)

    def fail_after_create(self, status: int = 502, times: int = 1) -> None:
        """Store the next work items, then answer an HTML page with this status."""
        self._arm_create(CreateFault("fail_after", status), times)

    def created_without_id(self, times: int = 1) -> None:
        """Store the next work items, then answer 200 with a body that breaks off before the number."""
        self._arm_create(CreateFault("no_id"), times)

    def _arm_create(self, fault: CreateFault, times: int) -> None:
        with self.lock:
            self.create_faults.extend([fault] * times)

    def take_create_fault(self, *kinds: str) -> CreateFault | None:
        """The next armed create fault if it is one of these kinds."""
        with self.lock:
            if self.create_faults and self.create_faults[0].kind in kinds:
                return self.create_faults.popleft()
        return None


def sandbox() -> AzureSandbox:
    """The sandbox the current request belongs to."""
    found: AzureSandbox = current_app.extensions["sandbox"]
    return found
