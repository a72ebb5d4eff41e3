"""Disconnecting: what it would mean, giving back what the provider can take back, and the end of a connection."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import func, select

import providers
from extensions import db
from models import OPEN_STATES, Connection, IntegrationUser, Ticket
from models.crypto import CannotOpen
from providers.base import Client
from providers.errors import ProviderError
from services import connections, outbound, store, webhooks
from services.actors import Actor

log = logging.getLogger("patchpanel.connections")


@dataclass(frozen=True)
class Consequences:
    """What disconnecting would mean, in numbers."""

    integration_users: int
    open_tickets: int


def consequences(connection: Connection) -> Consequences:
    """Count what hangs on a connection."""
    people = select(func.count()).where(IntegrationUser.connection_id == connection.id).scalar_subquery()
    tickets = (
        select(func.count())
        .where(Ticket.connection_id == connection.id, Ticket.state.in_(OPEN_STATES))
        .scalar_subquery()
    )
    row = db.session.execute(select(people, tickets)).one()
    return Consequences(*row)


def disconnect(actor: Actor, connection: Connection) -> None:
    """Remove the connection, its secrets and its integration users. Tickets stay, with their links.

    Tokens the provider can take back are given back first; that this may fail stops nothing.
    """
    # First, while its credentials still open the way.
    webhooks.remove(actor, connection)
    _farewell(actor, connection)
    with store.write() as session:
        # Tickets before their connection, as whoever writes the outcome of a create does.
        mine = select(Ticket.id).where(Ticket.connection_id == connection.id).order_by(Ticket.id)
        session.execute(mine.with_for_update())
        current = store.locked(session, Connection, connection.id)
        connections.record(session, actor, "connection.disconnected", current)
        session.delete(current)


def _farewell(actor: Actor, connection: Connection) -> None:
    if not connection.enabled or providers.get(connection.provider_key).client.farewell is Client.farewell:
        return
    try:
        outbound.client_for(connection, actor).farewell()
    except (ProviderError, CannotOpen) as error:
        log.info("nothing was given back on disconnect", extra={"reason": str(error)})
