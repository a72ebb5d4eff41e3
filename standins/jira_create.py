"""Judging a create call as Jira does: every field is looked at, all complaints come back together, nothing is stored.

`jira_texts` says which refusal texts are known and which are only plausible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from standins import jira_adf, jira_fields
from standins.jira_fields import Field
from standins.jira_people import Person
from standins.jira_projects import IssueType, Project
from standins.jira_site import creatable, screen, visible
from standins.jira_state import Sandbox
from standins.jira_wire import say

SUMMARY_LIMIT = 255
LABEL_LIMIT = 255
ASSIGNED_BY_JIRA = ("project", "issuetype")


@dataclass
class Judgement:
    """Outcome: complaints by field and in general, or else everything needed to store the issue."""

    errors: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    project: Project | None = None
    issue_type: IssueType | None = None
    values: dict[str, Any] = field(default_factory=dict)
    assignee: str | None = None

    @property
    def good(self) -> bool:
        """Whether Jira takes the issue."""
        return not (self.errors or self.messages)

    def complain(self, field_id: str, message: str) -> None:
        """Note a complaint; an invalid document is reported without naming its field."""
        if message == jira_adf.INVALID:
            self.messages.append(message)
        elif message:
            self.errors[field_id] = message


def judge(jira: Sandbox, body: Any) -> Judgement:
    """Look at the body of `POST /rest/api/3/issue` for a signed-in caller."""
    result = Judgement()
    values = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(values, dict):
        result.errors["project"] = say("bad_project")
        return result
    _destination(jira, result, values)
    if result.issue_type is None:
        return result
    _fields(jira, result, values)
    if jira.knobs.ignore_assignee_on_create:
        result.assignee = None
    return result


def _reference(value: Any, *names: str) -> Any:
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def _destination(jira: Sandbox, result: Judgement, values: dict[str, Any]) -> None:
    """Find project and issue type, or complain."""
    project = visible(jira.project(_reference(values.get("project"), "id", "key")))
    if project is None:
        result.complain("project", say("bad_project"))
        return
    if not creatable(project):
        result.complain("project", say("no_create"))
        return
    wanted = project.issue_type(_reference(values.get("issuetype"), "id", "name"))
    if wanted is None:
        result.complain("issuetype", say("bad_type"))
        return
    if wanted.subtask and "parent" not in values:
        result.complain("parent", say("subtask"))
        return
    result.project, result.issue_type = project, wanted


def _fields(jira: Sandbox, result: Judgement, values: dict[str, Any]) -> None:
    """Check what was sent against the create screen, then what is missing from it."""
    known = {f.id: f for f in screen(result.issue_type)} if result.issue_type else {}
    for name, value in values.items():
        if name in ASSIGNED_BY_JIRA:
            continue
        if name not in known:
            result.complain(name, say("not_on_screen", field=name))
        else:
            _one(jira, result, known[name], value)
    for wanted in known.values():
        absent = values.get(wanted.id) in (None, "", [])
        if wanted.required and wanted.default is None and absent and wanted.id not in result.errors:
            message = say("no_summary") if wanted.id == "summary" else say("required", name=wanted.name)
            result.complain(wanted.id, message)
    defaults = {f.id: f.default for f in known.values() if f.default is not None}
    result.values = {**defaults, **result.values}


def _one(jira: Sandbox, result: Judgement, wanted: Field, value: Any) -> None:
    """Check one value and keep it when it is good."""
    if value is None:
        return
    special: Callable[[Sandbox, Any], str] | None = SPECIAL.get(wanted.kind)
    message = special(jira, value) if special else jira_fields.problem(wanted, value)
    if message:
        result.complain(wanted.id, message)
    elif wanted.id == "assignee":
        result.assignee = account(value)
    else:
        result.values[wanted.id] = value


def _summary(_jira: Sandbox, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        return say("no_summary")
    if "\n" in value or "\r" in value:
        return say("newline_summary")
    return say("long_summary") if len(value) > SUMMARY_LIMIT else ""


def labels_problem(_jira: Sandbox, value: Any) -> str:
    """Why these labels are refused, "" when they are good."""
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        return say("label_array")
    spaced = next((label for label in value if any(c.isspace() for c in label)), None)
    if spaced is not None:
        return say("label_space", label=spaced)
    return "The label is too long." if any(len(label) > LABEL_LIMIT for label in value) else ""


def account(value: Any) -> str | None:
    """The account id in `{"accountId": …}` or `{"id": …}`."""
    found = _reference(value, "accountId", "id")
    return found if isinstance(found, str) else None


def person_problem(jira: Sandbox, value: Any) -> str:
    """Why nobody can be given an issue by this value, "" when somebody can. Names and e-mails are refused (GDPR)."""
    if account(value) is None:
        return say("gdpr") if _reference(value, "name", "key", "emailAddress") else say("unknown_user")
    person: Person | None = jira.people.get(account(value) or "")
    if person is None:
        return say("unknown_user")
    return "" if person.can_be_assigned() else say("not_assignable", name=person.name)


SPECIAL: dict[str, Callable[[Sandbox, Any], str]] = {
    "summary": _summary,
    "labels": labels_problem,
    "user": person_problem,
}
