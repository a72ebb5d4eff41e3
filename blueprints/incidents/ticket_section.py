"""What the Ticket section of an incident shows."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from blueprints.access import actor
from models import Connection, Incident, Ticket, TicketState
from providers.base import CreatesTickets, utcnow
from services import connections, ticket_care, ticket_outcomes
from services.actors import Permission
from services.incident_lists import Filters

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
    # Why calls over its integration rest just now; "" when they do not.
    resting: str = ""


def section(incident: Incident) -> dict[str, Any]:
    """What the Ticket section needs."""
    found = ticket_care.of_incident(incident.id)
    usable = connections.with_capability(CreatesTickets)
    open_ids = {ticket.connection_id for ticket in found if ticket.is_open}
    shown = [ticket for ticket in found if ticket.is_open]
    # A request that ended without a ticket stays on screen until something newer takes its place.
    if found and not found[0].is_open and found[0].state != TicketState.CANCELLED:
        shown.insert(0, found[0])
    by_id = {connection.id: connection for connection in usable}
    query = {**Filters.of(request.args).query(), "timeline": request.args.get("timeline") or None}
    return {
        "tickets": [view(ticket, ticket.connection_id in by_id, _resting(ticket, by_id)) for ticket in shown],
        "seen": _digest(incident, shown),
        "section_query": query,
        "connectable": [connection for connection in usable if connection.id not in open_ids],
        "has_ticket_provider": bool(usable),
    }


def _resting(ticket: Ticket, by_id: dict[int, Connection]) -> str:
    connection = by_id.get(ticket.connection_id or 0)
    resting = connection is not None and connection.rests_until is not None and connection.rests_until > utcnow()
    return connection.rest_reason if connection is not None and resting else ""


def _digest(incident: Incident, shown: Sequence[Ticket]) -> str:
    """Tells whether the page shows something else than it did. When it was read back does not count: see
    `incidents/_ticket_times.html`.
    """
    facts = [(t.id, t.state, t.external_key, t.external_status, t.assignee, t.visibility, t.reason) for t in shown]
    errors = [(t.url, t.status_category, t.assignment_error, t.synced_at is None) for t in shown]
    return f"{zlib.crc32(repr((incident.status, facts, errors)).encode()):08x}"


def view(ticket: Ticket, usable: bool, resting: str = "") -> View:
    """A ticket as the section shows it; `usable` when its integration can still be asked."""
    badge, text = _badge(ticket)
    link = ""
    if ticket.attempt_id and actor().may(Permission.ACTIVITY_READ):
        link = url_for("settings.attempt", attempt_id=ticket.attempt_id)
    return View(ticket, ticket_outcomes.label(ticket), badge, text, ticket.state in MOVING, usable, link, resting)


def _badge(ticket: Ticket) -> tuple[str, str]:
    provider = ticket_outcomes.label(ticket)
    if ticket.state == TicketState.CREATED:
        if ticket.visibility:
            return "danger", f"Deleted in {provider}" if ticket.visibility == "deleted" else "No longer visible"
        if not ticket.external_status:
            return "new", "Created"
        return CATEGORY_BADGES.get(ticket.status_category, "neutral"), ticket.external_status
    return {
        TicketState.WAITING: ("new", "Waiting"),
        TicketState.UNCLEAR: ("progress", "Being confirmed"),
        TicketState.NEEDS_LOOK: ("attention", "Needs a look"),
        TicketState.REJECTED: ("danger", "Not created"),
        TicketState.FAILED: ("danger", "Not created"),
        TicketState.CANCELLED: ("off", "Cancelled"),
    }.get(TicketState(ticket.state), ("progress", "Creating"))
