"""The Ticket section of an open page: it follows read-backs, cheaply, and says plainly what became of a ticket."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask.testing import FlaskClient

from models import Connection, Incident, Ticket
from providers.base import utcnow
from services import store, ticket_care, tickets
from services.actors import COMMAND_LINE
from tests.conftest import Site
from tests.services.test_ticket_creation import wanted

__all__ = ["wanted"]  # the fixture is used by the tests below
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ticket(incident: Incident, wanted: tickets.Wanted) -> Ticket:
    """A created ticket that was read back."""
    made = tickets.create(COMMAND_LINE, incident.id, wanted)
    return ticket_care.refresh(COMMAND_LINE, store.get(Ticket, made.id))


def address(page: str) -> str:
    """What the section asks for by itself."""
    found = re.search(r'id="incident-tickets"[^>]*hx-get="([^"]+)"[^>]*hx-trigger="every 20s"', page)
    assert found, page
    return found.group(1).replace("&amp;", "&")


def test_an_open_page_gets_only_the_time_while_nothing_changed(
    responder: FlaskClient, incident: Incident, ticket: Ticket, jira: Site
) -> None:
    jira.standin.calls.clear()
    url = address(responder.get(f"/incidents/{incident.id}").get_data(as_text=True))
    with store.write() as session:
        store.locked(session, Ticket, ticket.id).synced_at = utcnow() - dt.timedelta(minutes=2)
    answer = responder.get(url, headers=HTMX)
    assert answer.headers["HX-Reswap"] == "none"
    body = answer.get_data(as_text=True)
    assert f'id="ticket-{ticket.id}-time" hx-swap-oob="true"' in body
    assert "2 min ago" in body
    assert len(body) < 500
    assert jira.standin.calls == []


def test_an_open_page_gets_section_and_timeline_once_something_changed(
    responder: FlaskClient, incident: Incident, ticket: Ticket, jira: Site
) -> None:
    url = address(responder.get(f"/incidents/{incident.id}?status=open&timeline=all").get_data(as_text=True))
    assert "status=open" in url
    assert "timeline=all" in url
    jira.standin.set_status(ticket.external_key, "Done")
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    answer = responder.get(url, headers=HTMX)
    body = answer.get_data(as_text=True)
    assert "HX-Reswap" not in answer.headers
    assert body.index('id="incident-tickets"') < body.index('id="incident-timeline" hx-swap-oob="true"')
    assert "is now “Done” in Jira" in body
    assert address(body) != url
    assert responder.get(address(body), headers=HTMX).headers["HX-Reswap"] == "none"


def test_an_open_page_follows_a_deleted_ticket_and_says_what_to_do(
    responder: FlaskClient, incident: Incident, ticket: Ticket, jira: Site
) -> None:
    url = address(responder.get(f"/incidents/{incident.id}").get_data(as_text=True))
    jira.standin.delete_issue(ticket.external_key)
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    body = responder.get(url, headers=HTMX).get_data(as_text=True)
    assert "Deleted in Jira" in body
    assert "says this ticket does not exist any more" in body
    assert "Patchpanel looks again once a day" in body


def test_a_resting_integration_is_said(
    responder: FlaskClient, incident: Incident, ticket: Ticket, connected: Connection
) -> None:
    with store.write() as session:
        row = store.locked(session, Connection, connected.id)
        row.rests_until, row.rest_reason = utcnow() + dt.timedelta(minutes=5), "Jira asked for patience."
    page = responder.get(f"/incidents/{incident.id}").get_data(as_text=True)
    assert "Jira asked for patience. The status is read back as soon as Jira answers again." in page


def test_a_switched_off_integration_is_not_asked_about(
    responder: FlaskClient, incident: Incident, ticket: Ticket, connected: Connection
) -> None:
    with store.write() as session:
        store.locked(session, Connection, connected.id).enabled = False
    page = responder.get(f"/incidents/{incident.id}").get_data(as_text=True)
    assert "every 20s" not in page
    assert "its status is not refreshed" in page


def test_without_htmx_the_address_of_the_section_leads_to_the_page(
    responder: FlaskClient, incident: Incident, ticket: Ticket
) -> None:
    answer = responder.get(f"/incidents/{incident.id}/tickets?seen=00000000")
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/incidents/{incident.id}"
