"""State of the sandbox Azure DevOps and the methods that turn it into a difficult one.

What it shares with the sandboxes of other vendors is in `state`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

from flask import current_app

from standins.azure_devops_knobs import Knobs, WorkItem
from standins.azure_devops_people import ADMIN_EMAIL, PAT, Person, Token, people, tokens
from standins.azure_devops_projects import Field, ItemType, Project, projects, system_fields
from standins.azure_devops_subscriptions import Subscriptions, WebhookKnobs
from standins.state import SHARED_CONTROLS, State

FIRST_ITEM_ID = 131
ORGANIZATION = "sandbox"
TOO_MUCH = (
    "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource <Concurrency> in "
    "namespace <User>."
)


class AzureSandbox(WebhookKnobs, State):
    """Accounts, tokens, projects, work items, recorded calls, and the knobs."""

    create_route = f"POST /{ORGANIZATION}/*/_apis/wit/workitems/$*"
    controls: ClassVar[frozenset[str]] = SHARED_CONTROLS | {
        "set_state", "rename_state", "move_item", "delete_item", "hide_item", "copy_item", "add_required_field",
        "add_project", "hide_project", "add_token", "expire_token", "revoke_token", "set_active", "rename_person",
        "remove_person", "restore_item", "delete_comment", "paste_webhook", "replay_webhooks", "hold_webhooks",
        "release_webhooks",
    }  # fmt: skip
    knobs: Knobs

    def _fresh(self) -> None:
        self.knobs = Knobs()
        self.people: dict[str, Person] = people()
        self.tokens: dict[str, Token] = tokens()
        self.projects: dict[str, Project] = projects()
        self.by_id: dict[int, WorkItem] = {}
        self._next_id = FIRST_ITEM_ID
        self.stop_hooks()
        self.subscriptions = Subscriptions()

    def as_state(self) -> dict[str, Any]:
        """Calls, creates, work items, subscriptions and knobs."""
        with self.lock:
            items = {str(number): item.as_state() for number, item in self.work_items.items()}
            return {**super().as_state(), "work_items": items, **self.subscriptions.as_state(self.owner.id)}

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

    def visible(self, number: int) -> WorkItem | None:
        """The work item with this number, None when the API does not show it."""
        item = self.by_id.get(number)
        return None if item is None or item.deleted or item.hidden or not self.projects[item.project].visible else item

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
        return time.monotonic() - item.stored_at >= self.knobs.query_lag and self.visible(item.id) is not None

    # -- changing the data --------------------------------------------------------------------------------------------

    def store(self, item: WorkItem) -> WorkItem:
        """Keep a new work item under the next number."""
        with self.lock:
            item.id, self._next_id = self._next_id, self._next_id + 1
            self.by_id[item.id] = item
        self.tell("workitem.created", item)
        return item

    def tell(self, event: str, item: WorkItem, changed: dict[str, Any] | None = None) -> None:
        """Have webhooks tell of a work item."""
        self.subscriptions.tell(event, item, self.projects[item.project], changed)

    def changed(self, item: WorkItem, **fields: tuple[Any, Any]) -> None:
        """Note a change of a work item: fields with what they were and are, their dots written as underscores."""
        item.rev += 1
        pairs = {name.replace("_", "."): {"oldValue": old, "newValue": new} for name, (old, new) in fields.items()}
        self.tell("workitem.updated", item, pairs)

    def set_state(self, number: int | str, state: str) -> None:
        """Put a work item into a state of its type. Raises KeyError."""
        with self.lock:
            item = self.by_id[int(number)]
            kind = self.projects[item.project].type(item.type)
            if kind is None or not kind.category(state):
                raise KeyError(state)
            before, item.state = item.state, state
        self.changed(item, System_State=(before, state))

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
            item = self.by_id[int(number)]
            before, item.project = item.project, self.projects[project].name
        self.changed(item, System_TeamProject=(before, item.project))

    def delete_item(self, number: int | str, for_good: bool = False) -> None:
        """Put a work item into the recycle bin, or remove it for good. Raises KeyError."""
        with self.lock:
            item = self.by_id[int(number)]
            item.deleted = True
            if for_good:
                del self.by_id[int(number)]
        self.tell("workitem.deleted", item)

    def restore_item(self, number: int | str) -> None:
        """Take a work item out of the recycle bin. Raises KeyError."""
        item = self.by_id[int(number)]
        item.deleted = False
        self.tell("workitem.restored", item)

    def delete_comment(self, number: int | str, comment: int) -> None:
        """Delete a comment, as its author may. Raises KeyError."""
        found = {each.id: each for each in self.by_id[int(number)].comments}
        found[comment].deleted = True

    def hide_item(self, number: int | str, hidden: bool = True) -> None:
        """Make a work item invisible to the API, as in a forbidden area path. Raises KeyError."""
        with self.lock:
            self.by_id[int(number)].hidden = hidden

    def copy_item(self, number: int | str) -> int:
        """Copy a work item with its tags, as a person may do in the browser. Returns its number. Raises KeyError."""
        with self.lock:
            old = self.by_id[int(number)]
            copy = replace(old, values=dict(old.values), comments=[], stored_at=time.monotonic())
        return self.store(copy).id

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

    def hide_project(self, name: str, hidden: bool = True) -> None:
        """Take the owner's sight of a project and all in it, or give it back. Raises KeyError."""
        self.projects[name].visible = not hidden

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

    def rename_person(self, email: str, name: str = "", address: str = "") -> None:
        """Give an account another name, sign-in and mail address; its id stays. Raises KeyError."""
        person = self.person(email)
        person.name = name or person.name
        if address:
            person.account = person.mail = address

    def remove_person(self, email: str) -> None:
        """The directory forgets the account; fields that name it stay as they are. Raises KeyError."""
        self.person(email).gone = True

    def _limited(self) -> tuple[dict[str, str], Any]:
        headers = {"X-RateLimit-Resource": "Core", "X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0"}
        headers["X-RateLimit-Reset"] = str(int(time.time()) + 60)
        return headers, {"message": TOO_MUCH, "typeKey": "RequestBlockedException", "errorCode": 0, "eventId": 3000}


def sandbox() -> AzureSandbox:
    """The sandbox the current request belongs to."""
    found: AzureSandbox = current_app.extensions["sandbox"]
    return found
