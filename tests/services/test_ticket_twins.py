"""A create that was repeated in doubt: when the first ticket shows up after all, people are told of both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select

from extensions import db
from models import Connection, Event, Incident, Ticket, TicketState, TimelineEntry
from providers.base import utcnow
from services import store, ticket_settling, ticket_twins, tickets
from services.actors import COMMAND_LINE
from tests.conftest import Site
from tests.services.test_ticket_creation import wanted
from tests.services.test_ticket_settling import backdate, fresh

__all__ = ["wanted"]  # the fixture is used by the tests below


@pytest.fixture(autouse=True)
def _short_quiet_time(allow: Callable[..., None]) -> None:
    allow(settle_seconds=1)


def repeated(jira: Site, incident: Incident, wanted: tickets.Wanted) -> Ticket:
    """A ticket whose create had no known outcome and was made again."""
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    backdate(ticket, 60)
    for _ in range(12):
        if fresh(ticket).state == TicketState.UNCLEAR:
            backdate(ticket, 0)
            ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.CREATED
    assert jira.standin.creates == 2
    return fresh(ticket)


def due(ticket: Ticket) -> None:
    """The time of the next look has come."""
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        assert row.next_look_at is not None
        assert row.next_look_at > utcnow() - dt.timedelta(seconds=60)
        row.next_look_at = utcnow()


def told(incident: Incident) -> list[str]:
    """Lines of the incident's timeline about a second ticket."""
    query = select(TimelineEntry.text).where(TimelineEntry.incident_id == incident.id)
    return [text for text in db.session.scalars(query) if "also holds" in text]


def test_a_first_ticket_that_shows_up_late_is_told(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.set(index_lag=3600)
    jira.standin.drop_after_create()
    ticket = repeated(jira, incident, wanted)
    first, second = sorted(jira.standin.issues, key=lambda key: int(key.split("-")[1]))
    assert ticket.external_key == second
    due(ticket)
    ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    assert told(incident) == []
    jira.standin.set(index_lag=0)
    due(ticket)
    ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    text = (
        f"Jira also holds {first} for this request, besides {second}. Keep one of them and close the rest: "
        f"all carry the reference {ticket.marker}."
    )
    assert told(incident) == [text]
    found = fresh(ticket)
    assert (found.state, found.external_key, found.reason, found.next_look_at) == ("created", second, text, None)
    actions = db.session.scalars(select(Event.action).where(Event.target_kind == "ticket")).all()
    assert "ticket.duplicate" in actions
    assert jira.standin.creates == 2


def test_looking_for_a_first_ticket_ends_when_there_is_none(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_before_create()
    ticket = repeated(jira, incident, wanted)
    assert len(jira.standin.issues) == 1
    jira.standin.calls.clear()
    for _ in range(ticket_twins.MOST_LOOKS):
        due(ticket)
        ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    assert fresh(ticket).next_look_at is None
    assert len([call for call in jira.standin.calls if "search" in call.path]) == ticket_twins.MOST_LOOKS
    assert told(incident) == []


def test_the_looks_grow_apart(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.drop_before_create()
    ticket = repeated(jira, incident, wanted)
    gaps = []
    for _ in range(3):
        due(ticket)
        ticket_settling.settle_all(COMMAND_LINE, only_due=True)
        next_look_at = fresh(ticket).next_look_at
        assert next_look_at is not None
        gaps.append(round((next_look_at - utcnow()).total_seconds()))
    assert gaps == [2, 4, 8]


def test_a_provider_that_cannot_be_asked_is_asked_again(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.set(index_lag=3600)
    jira.standin.drop_after_create()
    ticket = repeated(jira, incident, wanted)
    jira.standin.set(index_lag=0)
    jira.standin.fail_next(400, route="POST /rest/api/3/search/jql")
    due(ticket)
    ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    assert told(incident) == []
    due(ticket)
    ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    assert len(told(incident)) == 1


def test_a_create_that_was_only_put_off_is_not_looked_after(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.rate_limit(route="POST /rest/api/3/issue")
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    backdate(ticket, 10)
    with store.write() as session:
        store.locked(session, Connection, ticket.connection_id or 0).rests_until = None
    ticket_settling.step(COMMAND_LINE, ticket.id)
    # The call that was put off left no doubt behind, so it does not count.
    assert (fresh(ticket).state, fresh(ticket).sends) == ("created", 1)
    assert fresh(ticket).next_look_at is None


def test_a_ticket_of_a_connection_that_is_gone_is_left_alone(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_before_create()
    ticket = repeated(jira, incident, wanted)
    with store.write() as session:
        store.locked(session, Ticket, ticket.id).connection_id = None
    due(ticket)
    jira.standin.calls.clear()
    ticket_settling.settle_all(COMMAND_LINE, only_due=True)
    assert fresh(ticket).next_look_at is None
    assert jira.standin.calls == []


def test_two_tickets_found_at_once_are_told_in_the_section(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    jira.standin.copy_issue(next(iter(jira.standin.issues)))
    ticket_settling.settle_all(COMMAND_LINE)
    assert "carry the same reference" in fresh(ticket).reason
