"""Tickets that a rule creates without asking: one each, never lost, held back by the connection's rate."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import Connection, IntegrationUser, RoutingRule, Ticket, TicketState
from providers.base import utcnow
from providers.values import DestinationFieldKind, FieldValue
from services import automatic_tickets, connections, incident_import, routing, store, tickets
from services.actors import COMMAND_LINE
from services.errors import Refused
from tests.conftest import Site

DESTINATION = {"project": "10000", "issue_type": "10001"}
NAMES = {"project": "Operations", "issue_type": "Task"}
Arrive = Callable[..., incident_import.Report]


@pytest.fixture
def rule(connected: Connection, person: IntegrationUser) -> RoutingRule:
    """Incidents from the scanner go to OPS without asking."""
    return save(connected, person, {"source": ["Scanner"]}, automatic=True)


def save(
    connection: Connection, person: IntegrationUser | None, conditions: dict[str, object], **more: object
) -> RoutingRule:
    """Store a rule."""
    draft = routing.Draft(conditions, DESTINATION, NAMES, integration_user_id=person.id if person else None, **more)  # type: ignore[arg-type]  # keywords of the draft
    return routing.save(COMMAND_LINE, connection, draft)


@pytest.fixture
def arrive(app: Flask) -> Arrive:
    """So many incidents arrive from a program: arrive(3), arrive(2, source="Mail")."""

    def do(count: int, *, source: str = "Scanner", first: int = 1, automatic: bool = True) -> incident_import.Report:
        rows = [
            {"title": f"Finding {number}", "source": source, "source_key": str(number), "severity": "high"}
            for number in range(first, first + count)
        ]
        file = io.BytesIO("\n".join(json.dumps(row) for row in rows).encode())
        report = incident_import.Report()
        incident_import.run(
            COMMAND_LINE, file, name="x.jsonl", report=report, on_refused=lambda *_: None, automatic=automatic
        )
        return report

    return do


def states() -> list[str]:
    """States of all tickets in order."""
    found = list(db.session.scalars(select(Ticket.state).order_by(Ticket.id)).all())
    store.release()
    return found


def test_an_incident_that_arrives_gets_its_ticket_once(jira: Site, rule: RoutingRule, arrive: Arrive) -> None:
    arrive(1)
    assert states() == [TicketState.WAITING]
    assert jira.standin.creates == 0
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "1 sent, 0 waiting"
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "0 sent, 0 waiting"
    arrive(1)  # the same incident again
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "0 sent, 0 waiting"
    assert states() == [TicketState.CREATED]
    assert jira.standin.creates == 1
    issue = next(iter(jira.standin.issues.values()))
    assert issue.summary == "Finding 1"
    assert issue.assignee is not None


def test_incidents_nobody_asked_for_or_without_an_automatic_rule_get_none(
    jira: Site, rule: RoutingRule, arrive: Arrive
) -> None:
    arrive(1, automatic=False)
    arrive(1, source="Mail")
    assert states() == []


def test_the_first_rule_that_fits_decides(
    jira: Site, connected: Connection, person: IntegrationUser, arrive: Arrive
) -> None:
    save(connected, person, {"severity": ["high"]})
    save(connected, person, {"source": ["Scanner"]}, automatic=True)
    arrive(1)
    assert states() == []


def test_a_flood_is_held_back_by_the_rate_and_goes_on_in_its_turn(
    jira: Site, connected: Connection, rule: RoutingRule, arrive: Arrive
) -> None:
    automatic_tickets.set_rate(COMMAND_LINE, connected, 3)
    arrive(8)
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "3 sent, 5 waiting"
    assert automatic_tickets.release_due(COMMAND_LINE, True) == "0 sent, 5 waiting"
    for expected in ("3 sent, 2 waiting", "2 sent, 0 waiting"):
        a_minute_later()
        assert automatic_tickets.release_due(COMMAND_LINE, False) == expected
    assert states() == [TicketState.CREATED] * 8
    assert jira.standin.creates == 8


def a_minute_later() -> None:
    """Move what was released into the past."""
    with store.write() as session:
        for ticket in session.scalars(select(Ticket).where(Ticket.released_at.is_not(None))):
            ticket.released_at = ticket.released_at - dt.timedelta(seconds=61)


def test_an_answer_that_is_lost_makes_no_second_ticket(jira: Site, rule: RoutingRule, arrive: Arrive) -> None:
    arrive(1)
    jira.standin.drop_after_create()
    automatic_tickets.release_due(COMMAND_LINE, False)
    assert states() == [TicketState.UNCLEAR]
    automatic_tickets.release_due(COMMAND_LINE, False)
    assert jira.standin.creates == 1


def test_nothing_is_sent_while_the_connection_is_off_or_rests(
    jira: Site, connected: Connection, rule: RoutingRule, arrive: Arrive
) -> None:
    arrive(2)
    connections.switch(COMMAND_LINE, connected, on=False)
    calls = len(jira.standin.calls)
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "0 sent, 2 waiting"
    connections.switch(COMMAND_LINE, connected, on=True)
    with store.write() as session:
        session.get(Connection, connected.id).rests_until = utcnow() + dt.timedelta(minutes=1)  # type: ignore[union-attr]  # it exists
    assert automatic_tickets.release_due(COMMAND_LINE, False) == "0 sent, 2 waiting"
    assert len(jira.standin.calls) == calls


def test_a_ticket_whose_rule_or_person_is_gone_says_so(
    jira: Site, connected: Connection, rule: RoutingRule, person: IntegrationUser, arrive: Arrive
) -> None:
    arrive(1)
    with store.write() as session:
        session.get(IntegrationUser, person.id).status = "inactive"  # type: ignore[union-attr]  # it exists
    automatic_tickets.release_due(COMMAND_LINE, False)
    arrive(1, first=2)
    routing.remove(COMMAND_LINE, connected, rule.id)
    automatic_tickets.release_due(COMMAND_LINE, False)
    found = db.session.scalars(select(Ticket).order_by(Ticket.id)).all()
    assert [ticket.state for ticket in found] == [TicketState.FAILED, TicketState.FAILED]
    assert "can no longer be given tickets" in found[0].reason
    assert "was removed" in found[1].reason
    assert jira.standin.creates == 0


def test_a_rule_without_a_person_cannot_create_without_asking(connected: Connection) -> None:
    with pytest.raises(Refused, match="Choose who gets the tickets"):
        save(connected, None, {"source": ["Scanner"]}, automatic=True)


def test_defaults_of_the_rule_are_sent(
    jira: Site, connected: Connection, person: IntegrationUser, arrive: Arrive
) -> None:
    value = FieldValue(DestinationFieldKind.SELECT, "2")
    save(connected, person, {}, automatic=True, field_defaults={"priority": value})
    arrive(1)
    automatic_tickets.release_due(COMMAND_LINE, False)
    assert next(iter(jira.standin.issues.values())).values["priority"]["id"] == "2"


def test_the_page_says_that_the_ticket_waits(
    jira: Site, rule: RoutingRule, arrive: Arrive, responder: FlaskClient
) -> None:
    arrive(1)
    incident_id = db.session.scalar(select(Ticket.incident_id))
    store.release()
    page = responder.get(f"/incidents/{incident_id}").get_data(as_text=True)
    assert "Waiting" in page
    assert "It is created in its turn." in page


def test_a_person_who_asks_meanwhile_gets_the_waiting_ticket(
    jira: Site, connected: Connection, person: IntegrationUser, rule: RoutingRule, arrive: Arrive
) -> None:
    arrive(1)
    waiting = db.session.scalar(select(Ticket))
    assert waiting is not None
    store.release()
    wanted = tickets.Wanted(tickets.new_form_key(), connected.id, person.id, "Mine", "", DESTINATION, {})
    assert tickets.create(COMMAND_LINE, waiting.incident_id, wanted).id == waiting.id
    assert jira.standin.creates == 0
