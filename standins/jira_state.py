"""State of the sandbox Jira and the methods that turn it into a difficult one.

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

from standins.jira_faults import Fault, FaultBook
from standins.jira_fields import Field
from standins.jira_issues import WORKFLOW, Call, Issue, Status
from standins.jira_knobs import CreateFault, Knobs
from standins.jira_oauth import OAuthDesk, OAuthState
from standins.jira_people import ADMIN_EMAIL, ADMIN_ID, API_TOKEN, Person, people
from standins.jira_projects import IssueType, Project, projects

FIRST_ISSUE_ID = 10123


class Sandbox(OAuthDesk):
    """Accounts, projects, issues, recorded calls, and the knobs."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.reset()

    def reset(self) -> None:
        """Back to the first state: no issues, no recorded calls, no faults; held requests are let go."""
        self.faults.clear()
        with self.lock:
            self.knobs = Knobs()
            self.oauth = OAuthState()
            self.people: dict[str, Person] = people()
            self.projects: dict[str, Project] = projects()
            self.tokens: dict[str, str] = {ADMIN_EMAIL: API_TOKEN}
            self.by_id: dict[str, Issue] = {}
            self.calls: list[Call] = []
            self.creates = 0
            self.create_faults: deque[CreateFault] = deque()
            self._next_id = FIRST_ISSUE_ID

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
            issue.status = known
            issue.touch()

    def move_issue(self, key: str, project: str) -> str:
        """Move an issue to another project. Returns its new key; the old one still answers. Raises KeyError."""
        with self.lock:
            issue, target = self._must_find(key), self.projects[project]
            target.last_number += 1
            issue.old_keys.append(issue.key)
            issue.key, issue.project_key = f"{project}-{target.last_number}", project
            issue.touch()
            return issue.key

    def delete_issue(self, key: str) -> None:
        """Remove an issue for good. Raises KeyError."""
        with self.lock:
            del self.by_id[self._must_find(key).id]

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

    def set(self, **values: Any) -> None:
        """Set lasting knobs by name. Raises KeyError for a name that is none."""
        names = {knob.name for knob in fields(Knobs)}
        with self.lock:
            for name, value in values.items():
                if name not in names:
                    raise KeyError(name)
                setattr(self.knobs, name, set(value) if name == "denied" else value)

    def deny(self, *permissions: str) -> None:
        """Take permissions away (BROWSE_PROJECTS, CREATE_ISSUES, ASSIGN_ISSUES, USER_PICKER …)."""
        with self.lock:
            self.knobs.denied.update(permissions)

    def allow(self, *permissions: str) -> None:
        """Give permissions back."""
        with self.lock:
            self.knobs.denied.difference_update(permissions)

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

    def rate_limit(
        self, times: int | None = 1, retry_after: int | str | None = 1, route: str | None = None
    ) -> None:  # fmt: skip
        """Answer 429 with every header of Jira's; `retry_after=None` leaves that one out, text is sent as it is."""
        headers = {"RateLimit-Reason": "jira-burst-based", "X-RateLimit-Remaining": "0"}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.fail_next(429, times, route, None, headers)

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
        """Store the next issues, then cut the connection instead of answering."""
        self._arm_create(CreateFault("drop_after"), times)

    def fail_after_create(self, status: int = 502, times: int = 1) -> None:
        """Store the next issues, then answer an HTML page with this status."""
        self._arm_create(CreateFault("fail_after", status), times)

    def created_without_key(self, times: int = 1) -> None:
        """Store the next issues, then answer 201 with a body that breaks off before the key."""
        self._arm_create(CreateFault("no_key"), times)

    def _arm_create(self, fault: CreateFault, times: int) -> None:
        with self.lock:
            self.create_faults.extend([fault] * times)

    def take_create_fault(self, *kinds: str) -> CreateFault | None:
        """The next armed create fault if it is one of these kinds."""
        with self.lock:
            if self.create_faults and self.create_faults[0].kind in kinds:
                return self.create_faults.popleft()
        return None

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
