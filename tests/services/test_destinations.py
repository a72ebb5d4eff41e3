"""Live lists: asked for once, known to every process, and good enough when the provider does not answer."""

from __future__ import annotations

import datetime as dt

import pytest
from flask.testing import FlaskClient

from extensions import db
from models import Connection, Incident, IntegrationUser, KeptList, Ticket, TicketState
from providers.errors import Unreachable
from services import breakers, destinations, store
from services.actors import COMMAND_LINE
from tests.conftest import Site

OPS, TASK = {"project": "10000"}, {"project": "10000", "issue_type": "10001"}


def restarted() -> None:
    """A process that has just started: it remembers nothing itself."""
    with destinations._lock:
        destinations._kept.clear()


def older(age: dt.timedelta) -> None:
    """Let everything kept have been read so long ago."""
    restarted()
    with store.write() as session:
        for kept in session.query(KeptList):
            kept.at = kept.at - age


def ask(connection: Connection, *, known: bool = False) -> tuple[object, ...]:
    """All lists on the way to an OPS Task."""
    return (
        list(destinations.choices(COMMAND_LINE, connection, "project", {}, known=known)),
        list(destinations.choices(COMMAND_LINE, connection, "issue_type", OPS, known=known)),
        destinations.schema(COMMAND_LINE, connection, TASK, known=known),
    )


def test_another_process_knows_the_lists_and_asks_nothing(jira: Site, connected: Connection) -> None:
    first, calls = ask(connected), len(jira.standin.calls)
    restarted()
    assert ask(connected) == first
    assert len(jira.standin.calls) == calls


def test_after_five_minutes_they_are_read_again(jira: Site, connected: Connection) -> None:
    ask(connected)
    calls = len(jira.standin.calls)
    older(dt.timedelta(minutes=6))
    ask(connected)
    assert len(jira.standin.calls) > calls


def test_a_provider_that_does_not_answer_costs_nobody_the_lists_of_the_day(jira: Site, connected: Connection) -> None:
    first = ask(connected)
    older(dt.timedelta(hours=23))
    for _ in range(3):
        jira.standin.fail_next(500)
    assert ask(connected) == first
    older(dt.timedelta(hours=2))
    jira.standin.fail_next(500)
    with pytest.raises(Unreachable):
        ask(connected)


def test_a_form_that_was_sent_does_not_wait_for_newer_lists(jira: Site, connected: Connection) -> None:
    first, calls = ask(connected), len(jira.standin.calls)
    older(dt.timedelta(hours=5))
    assert ask(connected, known=True) == first
    assert len(jira.standin.calls) == calls


def test_what_is_forgotten_is_forgotten_for_every_process(jira: Site, connected: Connection) -> None:
    ask(connected)
    calls = len(jira.standin.calls)
    destinations.forget(connected.id)
    restarted()
    ask(connected)
    assert len(jira.standin.calls) > calls


def test_lists_go_with_their_connection(jira: Site, connected: Connection) -> None:
    ask(connected)
    with store.write() as session:
        session.delete(session.get(Connection, connected.id))
    assert db.session.query(KeptList).count() == 0


def test_a_ticket_click_in_a_fresh_process_makes_the_create_call_and_no_other(
    jira: Site, connected: Connection, person: IntegrationUser, incident: Incident, responder: FlaskClient
) -> None:
    page = f"/incidents/{incident.id}/tickets"
    opened = responder.get(f"{page}/new?connection={connected.id}&project=10000&issue_type=10001")
    key = opened.get_data(as_text=True).split('name="form_key"')[1].split('value="')[1].split('"')[0]
    restarted()
    breakers.forget_all()
    typed = {
        "form_key": key,
        "connection": connected.id,
        "integration_user": person.id,
        "summary": "Disk full",
        "description": "",
        **TASK,
    }
    jira.standin.fail_after_create(502)
    calls = len(jira.standin.calls)
    answer = responder.post_form(page, typed)  # type: ignore[attr-defined]  # PatchpanelClient
    assert answer.status_code == 303, answer.get_data(as_text=True)
    ticket = db.session.query(Ticket).one()
    assert ticket.state == TicketState.UNCLEAR
    assert [call.method for call in jira.standin.calls[calls:]] == ["POST"]
    assert "Being confirmed" in responder.get(f"/incidents/{incident.id}").get_data(as_text=True)
