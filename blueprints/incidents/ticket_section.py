"""What the Ticket section of an incident shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for

from blueprints.access import actor
from models import Incident, Ticket, TicketState
from providers.base import CreatesTickets
from services import connections, ticket_care, ticket_outcomes
from services.actors import Permission

CATEGORY_BADGES = {"new": "new", "active": "progress", "done": "done"}
MOVING = (TicketState.REQUESTED, TicketState.SENDING, TicketState.UNCLEAR, TicketState.WAITING)


@dataclass(frozen=True)
class View:
    """A ticket as the section shows it."""

    ticket: Ticket
    provider: str
    badge: str
    text: str
    moving: bool
    usable: bool
    attempt_url: str


def section(incident: Incident) -> dict[str, Any]:
    """What the Ticket section needs."""
    found = ticket_care.of_incident(incident.id)
    usable = connections.with_capability(CreatesTickets)
    open_ids = {ticket.connection_id for ticket in found if ticket.is_open}
    shown = [ticket for ticket in found if ticket.is_open]
    # A request that ended without a ticket stays on screen until something newer takes its place.
    if found and not found[0].is_open and found[0].state != TicketState.CANCELLED:
        shown.insert(0, found[0])
    usable_ids = {connection.id for connection in usable}
    return {
        "tickets": [view(ticket, ticket.connection_id in usable_ids) for ticket in shown],
        "connectable": [connection for connection in usable if connection.id not in open_ids],
        "has_ticket_provider": bool(usable),
    }


def view(ticket: Ticket, usable: bool) -> View:
    """A ticket as the section shows it; `usable` when its integration can still be asked."""
    badge, text = _badge(ticket)
    link = ""
    if ticket.attempt_id and actor().may(Permission.ACTIVITY_READ):
        link = url_for("settings.attempt", attempt_id=ticket.attempt_id)
    return View(ticket, ticket_outcomes.label(ticket), badge, text, ticket.state in MOVING, usable, link)


def _badge(ticket: Ticket) -> tuple[str, str]:
    provider = ticket_outcomes.label(ticket)
    if ticket.state == TicketState.CREATED:
        if ticket.visibility:
            return "danger", f"Deleted in {provider}" if ticket.visibility == "deleted" else "No longer visible"
        if not ticket.external_status:
            return "new", "Created"
        return CATEGORY_BADGES.get(ticket.status_category, "neutral"), ticket.external_status
    return {
        TicketState.UNCLEAR: ("progress", "Being confirmed"),
        TicketState.NEEDS_LOOK: ("attention", "Needs a look"),
        TicketState.REJECTED: ("danger", "Not created"),
        TicketState.FAILED: ("danger", "Not created"),
        TicketState.CANCELLED: ("off", "Cancelled"),
    }.get(TicketState(ticket.state), ("progress", "Creating"))
