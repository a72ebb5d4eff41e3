"""Tickets nobody asked for: a routing rule may say that incidents which arrive from a program get one at once.

The row is written in the transaction that stores the incident, so none is lost; the worker sends it by the same way as
every other ticket. A flood is held back by the connection's rate: what is above it waits, and the page says so.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, Incident, IntegrationUser, RoutingRule, Ticket, TicketState
from models.crypto import CannotOpen
from providers.base import CreatesTickets, utcnow
from providers.errors import ProviderError
from providers.values import FieldValue
from services import connections, destinations, locks, outbound, routing, store, ticket_drafts, ticket_outcomes, tickets
from services.actors import Actor

WINDOW = dt.timedelta(minutes=1)
RUN_SECONDS = 60.0
LONGEST_SUMMARY = 250
RULE, SEVERITY = "rule_id", "severity"


def arrived(session: Session, actor: Actor, arrivals: Iterable[Incident]) -> int:
    """Write the tickets these new incidents are to get, within the caller's transaction. Returns how many.

    The first rule that takes an incident decides, per connection; when it is not automatic there is no ticket.
    """
    written = 0
    rules = {connection: found for connection in _connections(session) if (found := _rules(session, connection))}
    for incident in arrivals if rules else ():
        for connection, found in rules.items():
            rule = next((each for each in found if routing.takes(each, incident)), None)
            if rule is not None and rule.automatic:
                _write(session, actor, incident, connection, rule)
                written += 1
    return written


def _connections(session: Session) -> Sequence[Connection]:
    keys = [provider.key for provider in providers.all_providers() if provider.can(CreatesTickets)]
    query = select(Connection).where(Connection.provider_key.in_(keys), Connection.enabled).order_by(Connection.id)
    return session.scalars(query).all()


def _rules(session: Session, connection: Connection) -> Sequence[RoutingRule]:
    """The connection's rules in their order; none when no rule is automatic."""
    query = select(RoutingRule).where(RoutingRule.connection_id == connection.id).order_by(RoutingRule.position)
    found = sorted(session.scalars(query).all(), key=lambda rule: rule.is_default)
    return found if any(rule.automatic for rule in found) else ()


def _write(session: Session, actor: Actor, incident: Incident, connection: Connection, rule: RoutingRule) -> None:
    person = session.get(IntegrationUser, rule.integration_user_id) if rule.integration_user_id else None
    ticket = tickets.new_row(actor, incident, connection, person, f"automatic-{incident.id:06}-{connection.id}")
    ticket.state, ticket.automatic = TicketState.WAITING, True
    ticket.draft = {RULE: rule.id, SEVERITY: incident.severity}
    ticket.reason = "It is created in its turn."
    session.add(ticket)
    session.flush()
    text = f"A ticket is created without asking ({routing.words(rule)})"
    tickets.tell_requested(session, actor, incident, ticket, text)


def release_due(actor: Actor, everything: bool) -> str:
    """Send waiting tickets, of each connection no more in a minute than it allows. Returns a report in words.

    Everything wanted: stays until nothing waits that may go now; the rate counts all the same.
    """
    end, sent = time.monotonic() + RUN_SECONDS, 0
    for connection_id in _waiting_at():
        while time.monotonic() < end:
            ticket_id = _release(actor, connection_id)
            if ticket_id is None:
                break
            tickets.send(actor, ticket_id, seconds=outbound.WORKER_SECONDS)
            sent += 1
    waiting = db.session.scalar(select(func.count()).where(Ticket.state == TicketState.WAITING))
    store.release()
    return f"{sent} sent, {waiting} waiting"


def _waiting_at() -> Sequence[int]:
    query = select(Ticket.connection_id).where(Ticket.state == TicketState.WAITING).distinct()
    found = [number for number in db.session.scalars(query).all() if number is not None]
    store.release()
    return found


def _release(actor: Actor, connection_id: int) -> int | None:
    """Make the next waiting ticket of a connection ready to be sent. Returns its number; None when none may go now."""
    connection = store.get(Connection, connection_id)
    resting = connection.rests_until is not None and connection.rests_until > utcnow()
    query = select(Ticket).where(Ticket.connection_id == connection_id, Ticket.state == TicketState.WAITING)
    ticket = db.session.scalar(query.order_by(Ticket.id).limit(1))
    if ticket is None or resting or not connection.enabled or _left(db.session(), connection) <= 0:
        store.release()
        return None
    number: int = ticket.id
    draft = _draft(actor, connection, ticket)
    with store.write() as session:
        locks.hold(session, f"automatic:{connection_id}")
        current = store.locked(session, Ticket, number)
        if current.state != TicketState.WAITING or _left(session, connection) <= 0:
            return None
        if isinstance(draft, str):
            current.released_at = utcnow()
            ticket_outcomes.failed(session, current, actor, draft)
            return number
        current.draft, current.reason = draft, ""
        current.state, current.released_at = TicketState.REQUESTED, utcnow()
    return number


def _left(session: Session, connection: Connection) -> int:
    """How many tickets the connection may still get in this minute."""
    recent = select(func.count()).where(Ticket.connection_id == connection.id, Ticket.released_at > utcnow() - WINDOW)
    return connection.automatic_rate - int(session.scalar(recent) or 0)


def _draft(actor: Actor, connection: Connection, ticket: Ticket) -> dict[str, Any] | str:
    """What is sent, by the rule as it is now; a sentence when it cannot be made."""
    rule = db.session.get(RoutingRule, int(ticket.draft.get(RULE) or 0), populate_existing=True)
    incident = store.get(Incident, ticket.incident_id)
    if rule is None:
        return "The rule that asked for this ticket was removed. Create it by hand if it is still wanted."
    person = db.session.get(IntegrationUser, rule.integration_user_id or 0, populate_existing=True)
    if person is None or person.status != "active":
        return "The person of the rule can no longer be given tickets. Choose another one on Configure."
    try:
        schema = destinations.schema(actor, connection, rule.destination)
    except (ProviderError, CannotOpen) as error:
        return f"The fields of the destination could not be read: {error}"
    known = {field.id: field for field in (*schema.fields, *schema.optional)}
    filled: Mapping[str, Any] = routing.defaults_for(rule, incident)
    values = {name: FieldValue(known[name].kind, value) for name, value in filled.items() if name in known}
    wanted = tickets.Wanted(
        form_key=ticket.form_key,
        connection_id=connection.id,
        integration_user_id=person.id,
        summary=incident.title[:LONGEST_SUMMARY],
        description=incident.description,
        destination=dict(rule.destination),
        values=values,
    )
    return ticket_drafts.freeze(replace(wanted, assignee_on_create=schema.assignee_on_create), person)


def set_rate(actor: Actor, connection: Connection, rate: int) -> None:
    """Let at most so many tickets be created without asking in a minute."""
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        current.automatic_rate = rate
        connections.record(session, actor, "connection.rate_changed", current, {"per minute": rate})
