"""State of the sandbox Jira and the methods that turn it into a difficult one.

What it shares with the sandboxes of other vendors is in `state`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

from flask import current_app

from standins.jira_fields import Field
from standins.jira_issues import WORKFLOW, Issue, Status
from standins.jira_knobs import Knobs
from standins.jira_oauth import OAuthDesk, OAuthState
from standins.jira_people import ADMIN_EMAIL, ADMIN_ID, API_TOKEN, Person, people
from standins.jira_projects import IssueType, Project, projects
from standins.jira_webhooks import FIRST_ID, Change, Webhook, WebhookDesk
from standins.state import SHARED_CONTROLS, State

FIRST_ISSUE_ID = 10123


class Sandbox(State, OAuthDesk, WebhookDesk):
    """Accounts, projects, issues, recorded calls, and the knobs."""

    create_route = "POST /rest/api/3/issue"
    controls: ClassVar[frozenset[str]] = SHARED_CONTROLS | {
        "created_without_key", "set_status", "move_issue", "delete_issue", "hide_issue", "copy_issue",
        "add_required_field", "add_project", "add_token", "revoke_token", "set_active", "advance", "offer_sites",
        "set_oauth", "change_client_secret", "revoke_consents", "end_access_tokens", "drop_scope",
        "say", "add_person", "rename_person", "remove_person", "add_admin_webhook", "remove_webhooks",
        "replay_webhooks", "hold_webhooks", "release_webhooks",
    }  # fmt: skip
    knobs: Knobs

    def reset(self) -> None:
        """Back to the first state; deliveries on their way are not sent any more."""
        self.stop_hooks()
        super().reset()

    def _fresh(self) -> None:
        self.knobs = Knobs()
        self.oauth = OAuthState()
        self.people: dict[str, Person] = people()
        self.projects: dict[str, Project] = projects()
        self.tokens: dict[str, str] = {ADMIN_EMAIL: API_TOKEN}
        self.by_id: dict[str, Issue] = {}
        self._next_id = FIRST_ISSUE_ID
        self.webhooks: dict[int, Webhook] = {}
        self._next_webhook = FIRST_ID

    def as_state(self) -> dict[str, Any]:
        """Calls, creates, issues, webhooks and knobs."""
        with self.lock:
            issues = {key: issue.as_state() for key, issue in self.issues.items()}
            return {**super().as_state(), "issues": issues, **self.webhooks_as_state()}

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def issues(self) -> dict[str, Issue]:
        """All stored issues by their present key (a copy: safe to walk while requests come in)."""
        with self.lock:
            return {issue.key: issue for issue in self.by_id.values()}

    def find(self, reference: str) -> Issue | None:
        """The issue with this id, key or former key, hidden or not."""
        wanted = reference.upper()
        with self.lock:
            if wanted in self.by_id:
                return self.by_id[wanted]
            return next((i for i in self.by_id.values() if wanted == i.key or wanted in i.old_keys), None)

    def _must_find(self, reference: str) -> Issue:
        issue = self.find(reference)
        if issue is None:
            raise KeyError(reference)
        return issue

    def project(self, reference: str | None) -> Project | None:
        """The project with this key (case counts) or id."""
        with self.lock:
            return next((p for p in self.projects.values() if reference in (p.key, p.id)), None)

    def person_by_email(self, email: str) -> Person:
        """The first account with this address, hidden or not, without case. Raises KeyError."""
        wanted = email.lower()
        for person in self.people.values():
            if person.email.lower() == wanted:
                return person
        raise KeyError(email)

    def may(self, permission: str) -> bool:
        """Whether the token's owner has the permission."""
        if permission == "USER_PICKER" and self.knobs.deny_user_search:
            return False
        return permission not in self.knobs.denied

    # -- changing the data --------------------------------------------------------------------------------------------

    def store(self, project: Project, issue_type: IssueType, values: dict[str, Any], assignee: str | None) -> Issue:
        """Keep a new issue under the project's next key."""
        with self.lock:
            project.last_number += 1
            issue_id, key = str(self._next_id), f"{project.key}-{project.last_number}"
            self._next_id += 1
            issue = Issue(issue_id, key, project.key, issue_type.id, values, assignee, ADMIN_ID)
            self.by_id[issue_id] = issue
            self.tell("jira:issue_created", issue)
            return issue

    def set_status(self, key: str, status: str, category: str | None = None) -> None:
        """Put an issue into a status by name; a name outside the workflow needs its category. Raises KeyError."""
        with self.lock:
            issue = self._must_find(key)
            known = next((s for s in WORKFLOW if s.name.lower() == status.lower()), None)
            if category is not None:
                known = Status("10900", status, category)
            if known is None:
                raise KeyError(status)
            before, issue.status = issue.status, known
            issue.touch()
            self.tell("jira:issue_updated", issue, Change("status", before.id, before.name, known.id, known.name))

    def move_issue(self, key: str, project: str) -> str:
        """Move an issue to another project. Returns its new key; the old one still answers. Raises KeyError."""
        with self.lock:
            issue, target = self._must_find(key), self.projects[project]
            target.last_number += 1
            issue.old_keys.append(issue.key)
            before = self.projects[issue.project_key]
            issue.key, issue.project_key = f"{project}-{target.last_number}", project
            issue.touch()
            self.tell("jira:issue_updated", issue, Change("project", before.id, before.name, target.id, target.name))
            return issue.key

    def change_issue(self, issue: Issue, values: dict[str, Any]) -> None:
        """Give fields of an issue other values."""
        with self.lock:
            changes = [
                Change(name, None, str(issue.values.get(name)), None, str(value))
                for name, value in values.items()
                if value != issue.values.get(name)
            ]
            issue.values.update(values)
            issue.touch()
            self.tell("jira:issue_updated", issue, *changes)

    def give_issue(self, issue: Issue, account_id: str | None) -> None:
        """Give an issue to somebody, or to nobody."""
        with self.lock:
            old, new = self.people.get(issue.assignee or ""), self.people.get(account_id or "")
            change = Change(
                "assignee", issue.assignee, old.name if old else None, account_id, new.name if new else None
            )
            issue.assignee = account_id
            issue.touch()
            self.tell("jira:issue_updated", issue, change)

    def comment_on(self, issue: Issue, body: Any, author: str = ADMIN_ID) -> dict[str, Any]:
        """Keep a comment; `author` is an account id."""
        with self.lock:
            comment = {"id": str(10000 + len(issue.comments)), "body": body, "author": author, "at": time.time()}
            issue.comments.append(comment)
            self.tell("comment_created", issue)
            return comment

    def say(self, key: str, text: str | dict[str, Any], email: str = "dana.reyes@sandbox.example") -> None:
        """Let a person comment on an issue in the browser, with a line of text or a document. Raises KeyError."""
        line = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        body = text if isinstance(text, dict) else {"type": "doc", "version": 1, "content": [line]}
        self.comment_on(self._must_find(key), body, self.person_by_email(email).account_id)

    def delete_issue(self, key: str) -> None:
        """Remove an issue for good. Raises KeyError."""
        with self.lock:
            gone = self.by_id.pop(self._must_find(key).id)
            self.tell("jira:issue_deleted", gone)

    def hide_issue(self, key: str, hidden: bool = True) -> None:
        """Make an issue invisible to the API (404), or visible again. Raises KeyError."""
        with self.lock:
            self._must_find(key).hidden = hidden

    def copy_issue(self, key: str) -> str:
        """Clone an issue with its labels, as a person may do in the browser. Returns the new key. Raises KeyError."""
        with self.lock:
            issue = self._must_find(key)
            project = self.projects[issue.project_key]
            issue_type = next(t for t in project.types if t.id == issue.type_id)
            return self.store(project, issue_type, dict(issue.values), issue.assignee).key

    def add_required_field(self, project: str, issue_type: str, new: Field | dict[str, Any]) -> None:
        """Demand one more field on a create screen; a dict holds the arguments of `Field`. Raises KeyError."""
        made = replace(new, required=True) if isinstance(new, Field) else Field(**{**new, "required": True})
        with self.lock:
            found = self.projects[project].issue_type(issue_type)
            if found is None:
                raise KeyError(issue_type)
            found.fields.append(made)

    def add_project(self, key: str, name: str) -> None:
        """One more plain project with the type Task."""
        with self.lock:
            number = 20_000 + 10 * len(self.projects)
            self.projects[key] = Project(str(number), key, name, types=[IssueType(str(number + 1), "Task")])

    def add_token(self, email: str, token: str) -> None:
        """Let an e-mail address in with this token (the former one stops working). Raises KeyError."""
        owner = self.person_by_email(email)
        with self.lock:
            self.tokens[owner.email.lower()] = token

    def revoke_token(self, email: str = ADMIN_EMAIL) -> None:
        """From now on this e-mail address is refused."""
        with self.lock:
            self.tokens.pop(email.lower(), None)

    def set_active(self, email: str, active: bool) -> None:
        """Deactivate or reactivate the first account with this address. Raises KeyError."""
        self.person_by_email(email).active = active

    def add_person(self, name: str, email: str) -> str:
        """One more ordinary account. Returns its id."""
        with self.lock:
            account_id = f"5b10ac8d82e05b22{len(self.people):08x}"
            self.people[account_id] = Person(account_id, name, email)
            return account_id

    def rename_person(self, email: str, name: str, new_email: str = "") -> None:
        """Give the first account with this address another name, and another address if asked to. Raises KeyError."""
        with self.lock:
            person = self.person_by_email(email)
            person.name, person.email = name, new_email or person.email
            if email.lower() in self.tokens:
                self.tokens[person.email.lower()] = self.tokens.pop(email.lower())

    def remove_person(self, email: str) -> None:
        """Remove the first account with this address for good. Raises KeyError, ValueError for the token's owner."""
        with self.lock:
            person = self.person_by_email(email)
            if person.account_id == ADMIN_ID:
                raise ValueError("the owner of the sandbox's token stays")
            del self.people[person.account_id]

    # -- knobs of Jira alone ------------------------------------------------------------------------------------------

    def created_without_key(self, times: int = 1) -> None:
        """Store the next issues, then answer 201 with a body that breaks off before the key."""
        self.created_without_id(times)

    def _limited(self) -> tuple[dict[str, str], Any]:
        return {"RateLimit-Reason": "jira-burst-based", "X-RateLimit-Remaining": "0"}, None

    def indexed(self, issue: Issue) -> bool:
        """Whether a search finds the issue at this moment (lag, then flicker). Counts as one look."""
        if time.monotonic() - issue.stored_at < self.knobs.index_lag:
            return False
        issue.looks += 1
        return issue.looks > self.knobs.index_flicker or issue.looks % 2 == 1


def sandbox() -> Sandbox:
    """The sandbox the current request belongs to."""
    found: Sandbox = current_app.extensions["sandbox"]
    return found
