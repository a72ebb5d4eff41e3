"""Late twins: a create was repeated because its first outcome could not be found out, and both made a ticket.

That needs a provider that hides or makes a ticket longer than its quiet time. It cannot be prevented from outside; so
after a repeated create the marker is looked for a few times more, at growing distances, and people are told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models import Connection, Ticket, TicketState
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.errors import ProviderError
from providers.values import TicketStatus
from services import outbound, store, ticket_outcomes
from services.actors import Actor

# The first after one quiet time, each pause twice as long as the one before: with Jira over some 16 hours.
MOST_LOOKS = 6
LOOK_SECONDS = 40.0  # whoever looks holds the ticket this long
BATCH = 50


def look_at_due(actor: Actor) -> None:
    """Look after every ticket whose time for it has come."""
    query = (
        select(Ticket.id)
        .where(Ticket.state == TicketState.CREATED, Ticket.next_look_at <= utcnow())
        .order_by(Ticket.next_look_at)
        .limit(BATCH)
    )
    ids = db.session.scalars(query).all()
    store.release()
    for ticket_id in ids:
        _look(actor, ticket_id)


def _look(actor: Actor, ticket_id: int) -> None:
    connection = _take(ticket_id)
    if connection is None:
        return
    ticket = store.get(Ticket, ticket_id)
    found: Sequence[TicketStatus] = ()
    try:
        client = outbound.client_for(connection, actor, seconds=outbound.WORKER_SECONDS)
        found = client.find_by_marker(ticket.marker, ticket.draft.get("destination", {}))
    except (ProviderError, CannotOpen):
        # Nothing was promised for this look; the next one asks again.
        found = ()
    with store.write() as session:
        current = store.locked(session, Ticket, ticket_id)
        current.look_until = None
        if current.state == TicketState.CREATED:
            _note(session, current, actor, found)


def _take(ticket_id: int) -> Connection | None:
    """Hold the ticket for a look; None when it needs none (any more) or somebody else looks."""
    now = utcnow()
    with store.write() as session:
        ticket = store.locked(session, Ticket, ticket_id)
        held = ticket.look_until is not None and ticket.look_until > now
        wanted = ticket.state == TicketState.CREATED and ticket.next_look_at is not None and ticket.next_look_at <= now
        if held or not wanted:
            return None
        connection = session.get(Connection, ticket.connection_id) if ticket.connection_id else None
        if connection is None or not connection.enabled:
            # Whoever disconnects it takes its tickets into their own hands.
            ticket.next_look_at = None
            return None
        ticket.look_until = now + dt.timedelta(seconds=LOOK_SECONDS)
    return connection


def _note(session: Session, ticket: Ticket, actor: Actor, found: Sequence[TicketStatus]) -> None:
    others = [status.external_key for status in found if status.external_id != ticket.external_id]
    ticket.empty_looks += 1
    ticket.next_look_at = None
    if others:
        ticket_outcomes.doubled(session, ticket, actor, others)
    elif ticket.empty_looks < MOST_LOOKS:
        pause = ticket_outcomes.quiet_time(ticket) * 2**ticket.empty_looks
        ticket.next_look_at = utcnow() + dt.timedelta(seconds=pause)
