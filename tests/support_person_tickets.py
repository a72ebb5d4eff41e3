"""People with tickets, for the tests of those who leave."""

from __future__ import annotations

from typing import Any

from models import Connection, IntegrationUser, Ticket
from services import incidents, store, tickets
from services.actors import COMMAND_LINE
from services.integration_users import PersonStatus
from tests.support_people import PAGE

INES = "ines.duarte@sandbox.example"
DESTINATION = {"project": "10000", "issue_type": "10001"}


def give(connected: Connection, person: IntegrationUser, title: str = "Disk almost full") -> Ticket:
    """A new incident with a ticket for this person."""
    incident = incidents.create(COMMAND_LINE, incidents.Draft(title=title, description="", severity="high"))
    wanted = tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connected.id,
        integration_user_id=person.id,
        summary=title,
        description="",
        destination=DESTINATION,
        values={},
    )
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert ticket.state == "created", ticket.reason
    return ticket


def leave(person: IntegrationUser, status: PersonStatus = PersonStatus.INACTIVE) -> str:
    """The person is not active any more. Returns the address of their tickets."""
    with store.write() as session:
        store.locked(session, IntegrationUser, person.id).status = status
    return f"{PAGE}/{person.id}/tickets"


def fresh(ticket: Ticket) -> Ticket:
    """The ticket as it is now."""
    found = store.get(Ticket, ticket.id)
    store.release()
    return found


def change(ticket: Ticket, **values: Any) -> None:
    """Set columns of the ticket."""
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        for name, value in values.items():
            setattr(row, name, value)
