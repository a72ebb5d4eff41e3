"""Many created tickets at once, in the sandbox Jira and in our tables, without a call for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, func, insert, select

from models import Incident, Ticket
from providers.base import utcnow
from standins.jira_issues import Issue

ROWS_AT_ONCE = 500


def make_issues(standin: Any, count: int) -> list[Issue]:
    """So many issues in the project OPS of a sandbox Jira, to do, for nobody."""
    project = standin.projects["OPS"]
    kind = next(each for each in project.types if each.name == "Task")
    return [standin.store(project, kind, {"summary": f"Disk {number} full"}, None) for number in range(count)]


def follow(engine: Engine, connection_id: int, issues: Sequence[Issue]) -> None:
    """An incident and a created ticket for each issue, due to be read back now."""
    now = utcnow()
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        first = (connection.scalar(select(func.max(Incident.id))) or 0) + 1
        for start in range(0, len(issues), ROWS_AT_ONCE):
            part = list(enumerate(issues[start : start + ROWS_AT_ONCE], start=first + start))
            rows = [_incident(number, issue, now) for number, issue in part]
            made = connection.scalars(insert(Incident).returning(Incident.id, sort_by_parameter_order=True), rows).all()
            tickets = [_ticket(id_, connection_id, issue, now) for id_, (_, issue) in zip(made, part, strict=True)]
            connection.execute(insert(Ticket), tickets)


def _incident(number: int, issue: Issue, now: Any) -> dict[str, Any]:
    return {
        "title": issue.summary,
        "description": "",
        "severity": "high",
        "severity_rank": 3,
        "status": "open",
        "source": "sync",
        "source_key": str(number),
        "labels": [],
        "resource": "",
        "url": "",
        "has_ticket": True,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }


def _ticket(incident_id: int, connection_id: int, issue: Issue, now: Any) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "connection_id": connection_id,
        "provider_key": "jira",
        "connection_name": "Operations Jira",
        "form_key": f"sync-form-key-{incident_id:06}",
        "marker": f"pp-sync{incident_id:08}",
        "state": "created",
        "draft": {},
        "external_id": issue.id,
        "external_key": issue.key,
        "requested_by": "Sync",
        "sync_due_at": now,
        "created_at": now,
        "updated_at": now,
    }
