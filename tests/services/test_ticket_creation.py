"""One create call per ticket, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Attempt, Connection, Event, Incident, IntegrationUser, Ticket, TicketState, TimelineEntry
from services import destinations, store, tickets
from services.actors import COMMAND_LINE
from services.errors import Refused
from tests.conftest import Site


@pytest.fixture
def wanted(connected: Connection, person: IntegrationUser) -> tickets.Wanted:
    """A ticket for Dana in OPS, of a type without further required fields."""
    projects = destinations.choices(COMMAND_LINE, connected, "project", {})
    project = next(choice.value for choice in projects if "(OPS)" in choice.label)
    kinds = destinations.choices(COMMAND_LINE, connected, "issue_type", {"project": project})
    kind = next(choice.value for choice in kinds if choice.label == "Task")
    return tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connected.id,
        integration_user_id=person.id,
        summary="Disk almost full",
        description="On db-1.\nSee https://example.com/alerts/1",
        destination={"project": project, "issue_type": kind},
        values={},
    )


def again(wanted: tickets.Wanted) -> tickets.Wanted:
    """The same wish from another form."""
    return replace(wanted, form_key=tickets.new_form_key())


def test_a_ticket_is_created_assigned_and_marked(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == TicketState.CREATED
    issue = jira.standin.issues[ticket.external_key]
    assert ticket.url == f"{jira.url}/browse/{ticket.external_key}"
    sent = next(call for call in jira.standin.calls if call.method == "POST" and call.path.endswith("/issue"))
    fields = sent.body["fields"]
    assert ticket.marker in fields["labels"]
    assert fields["assignee"] == {"accountId": ticket.draft["assignee_id"]}
    assert ticket.marker in str(fields["description"])
    assert f"/incidents/{incident.id}" in str(fields["description"])
    assert issue is not None


def test_creating_costs_one_create_call_and_three_commits(
    app: Flask, jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.calls.clear()
    before = db.session.scalars(select(Attempt.id)).all()
    tickets.create(COMMAND_LINE, incident.id, wanted)
    assert [(call.method, call.path) for call in jira.standin.calls] == [("POST", "/rest/api/3/issue")]
    added = db.session.scalars(select(Attempt).where(Attempt.id.not_in(before))).all()
    assert [(attempt.purpose, attempt.outcome, attempt.status) for attempt in added] == [("create ticket", "ok", 201)]


def test_the_same_form_key_gives_the_same_ticket(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    first = tickets.create(COMMAND_LINE, incident.id, wanted)
    second = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert first.id == second.id
    assert jira.standin.creates == 1


def test_a_second_form_gives_the_open_ticket(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    first = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert tickets.create(COMMAND_LINE, incident.id, again(wanted)).id == first.id
    assert jira.standin.creates == 1


@pytest.mark.parametrize("one_key", [True, False], ids=["one form key", "a form key each"])
def test_twenty_parallel_posts_make_one_call(
    app: Flask, jira: Site, incident: Incident, wanted: tickets.Wanted, one_key: bool
) -> None:
    jira.standin.hold(0.3, route="POST /rest/api/3/issue")
    seen: list[Any] = []

    def post() -> None:
        with app.app_context():
            try:
                seen.append(tickets.create(COMMAND_LINE, incident.id, wanted if one_key else again(wanted)).id)
            except Exception as error:
                seen.append(error)

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1, seen
    assert jira.standin.creates == 1
    db.session.rollback()
    assert db.session.scalars(select(Ticket)).one().state == TicketState.CREATED


def test_a_definite_refusal_is_told_with_its_fields(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    kinds = {"project": wanted.destination["project"], "issue_type": "10003"}
    ticket = tickets.create(COMMAND_LINE, incident.id, replace(wanted, destination=kinds))
    assert ticket.state == TicketState.REJECTED
    assert "is required" in " ".join(ticket.field_errors.values())
    assert jira.standin.issues == {}


def test_a_person_who_may_not_be_assigned_is_refused_on_the_person_field(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.fail_next(
        400,
        times=1,
        route="POST /rest/api/3/issue",
        body={"errorMessages": [], "errors": {"assignee": "User 'x' cannot be assigned issues."}},
    )
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == TicketState.REJECTED
    assert ticket.field_errors == {"integration_user": "User 'x' cannot be assigned issues."}


def test_nothing_sent_means_failed_and_may_be_tried_again(
    jira: Site, incident: Incident, wanted: tickets.Wanted, connected: Connection, allow: Callable[..., None]
) -> None:
    with store.write() as session:
        row = store.locked(session, Connection, connected.id)
        credentials = row.for_client().credentials
        row.settings = {**row.settings, "service_url": "http://127.0.0.1:9"}
        row.seal(dict(credentials), origin="http://127.0.0.1:9")
    allow("http://127.0.0.1:9")
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == TicketState.FAILED
    assert "refused the connection" in ticket.reason
    assert jira.standin.creates == 0


@pytest.mark.parametrize(
    "fault",
    [
        lambda standin: standin.drop_after_create(),
        lambda standin: standin.drop_before_create(),
        lambda standin: standin.fail_after_create(502),
        lambda standin: standin.fail_after_create(503),
        lambda standin: standin.fail_after_create(504),
        lambda standin: standin.fail_after_create(500),
        lambda standin: standin.created_without_key(),
        lambda standin: standin.fail_next(408, times=1, route="POST /rest/api/3/issue"),
        lambda standin: standin.fail_next(409, times=1, route="POST /rest/api/3/issue"),
        lambda standin: standin.html_instead("POST /rest/api/3/issue"),
    ],
)
def test_a_doubtful_outcome_is_unclear_and_not_repeated(
    jira: Site, incident: Incident, wanted: tickets.Wanted, fault: Callable[[Any], None]
) -> None:
    fault(jira.standin)
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == TicketState.UNCLEAR
    assert jira.standin.creates == 1
    assert tickets.create(COMMAND_LINE, incident.id, again(wanted)).id == ticket.id
    assert jira.standin.creates == 1


def test_a_limited_create_is_sent_again_when_its_time_comes(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.fail_next(429, times=1, route="POST /rest/api/3/issue", headers={"Retry-After": "7"})
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == TicketState.REQUESTED
    assert ticket.next_look_at is not None
    assert 5 < (ticket.next_look_at - ticket.updated_at).total_seconds() < 8
    assert jira.standin.issues == {}


def test_created_but_not_assigned_is_said_as_such(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.set(assignee_not_on_create_screen=True, assign_fails=True)
    ticket = tickets.create(COMMAND_LINE, incident.id, replace(wanted, assignee_on_create=False))
    assert ticket.state == TicketState.CREATED
    assert ticket.assignment_error
    assert jira.standin.creates == 1


def test_a_ticket_for_a_stranger_is_refused(incident: Incident, wanted: tickets.Wanted) -> None:
    with pytest.raises(Refused):
        tickets.create(COMMAND_LINE, incident.id, replace(wanted, integration_user_id=999_999))
    assert db.session.scalars(select(Ticket)).all() == []


def test_events_and_timeline_tell_the_story(incident: Incident, wanted: tickets.Wanted) -> None:
    tickets.create(COMMAND_LINE, incident.id, wanted)
    actions = db.session.scalars(select(Event.action).where(Event.target_kind == "ticket").order_by(Event.id)).all()
    assert actions == ["ticket.requested", "ticket.created"]
    lines = db.session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "ticket")).all()
    assert any("created in Jira for Dana Reyes" in line for line in lines)
