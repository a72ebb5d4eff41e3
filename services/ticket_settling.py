"""Settling: finding out what became of tickets whose create call has no known outcome, without ever creating a
second one.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, Ticket, TicketState
from models.crypto import CannotOpen
from providers.base import CreatesTickets, utcnow
from providers.errors import ProviderError
from providers.values import TicketStatus
from services import outbound, store, ticket_outcomes, ticket_twins, tickets, waking
from services.actors import Actor

# Whoever looks holds the ticket this long; another process takes over when it died.
LOOK_SECONDS = 40.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_SENDS = 3
PATIENCE = dt.timedelta(hours=1)  # after the quiet time, for looks that fail themselves
# A requested ticket nobody is sending after this time lost its process between two commits.
FORGOTTEN_SECONDS = 3.0
BATCH = 200
OPEN = (TicketState.REQUESTED, TicketState.SENDING, TicketState.UNCLEAR)


@dataclass
class Report:
    """What a run did, by ticket."""

    created: int = 0
    adopted: int = 0
    pending: int = 0
    not_created: int = 0
    needs_look: int = 0


def settle_all(actor: Actor, *, wait_seconds: float = 0.0, only_due: bool = False) -> Report:
    """Look after every ticket with an unknown outcome.

    Args:
        wait_seconds: stay this long while tickets are left whose next step falls into that time.
        only_due: leave tickets alone whose next look lies in the future (periodic runs).
    """
    report, end = Report(), time.monotonic() + wait_seconds
    ticket_twins.look_at_due(actor)
    while True:
        open_ids = _open_ids(only_due=only_due)
        for ticket_id in open_ids:
            _count(report, step(actor, ticket_id))
        rest = _open_ids(only_due=False)
        report.pending = len(rest)
        pause = _pause(rest)
        if not rest or pause is None or time.monotonic() + pause > end:
            return report
        time.sleep(pause)


def wake_due(actor: Actor) -> int:
    """Have the worker look after every ticket that is due, several at once. Returns how many."""
    ticket_twins.look_at_due(actor)
    due = _open_ids(only_due=True)
    for ticket_id in due:
        if not waking.wake("settle", ticket_id):
            step(actor, ticket_id)
    return len(due)


def _open_ids(*, only_due: bool) -> Sequence[int]:
    query = select(Ticket.id).where(Ticket.state.in_(OPEN)).order_by(Ticket.id).limit(BATCH)
    if only_due:
        query = query.where(or_(Ticket.next_look_at.is_(None), Ticket.next_look_at <= utcnow()))
    ids = db.session.scalars(query).all()
    store.release()
    return ids


def _pause(ids: Sequence[int]) -> float | None:
    """Seconds until the next of these tickets can move on; None when there is none."""
    moments = []
    for ticket in db.session.scalars(
        select(Ticket).where(Ticket.id.in_(ids)).execution_options(populate_existing=True)
    ):
        moments.append(_next_moment(ticket))
    store.release()
    return max(0.2, (min(moments) - utcnow()).total_seconds()) if moments else None


def _next_moment(ticket: Ticket) -> dt.datetime:
    if ticket.state == TicketState.SENDING and ticket.sending_until:
        return ticket.sending_until
    if ticket.state == TicketState.REQUESTED:
        return ticket.next_look_at or ticket.updated_at + dt.timedelta(seconds=FORGOTTEN_SECONDS)
    return ticket.next_look_at or utcnow()


def _count(report: Report, state: str | None) -> None:
    if state == TicketState.CREATED:
        report.created += 1
    elif state in (TicketState.REJECTED, TicketState.FAILED):
        report.not_created += 1
    elif state == TicketState.NEEDS_LOOK:
        report.needs_look += 1


def step(actor: Actor, ticket_id: int) -> str | None:
    """Do what can be done for one ticket now. Returns its state when it changed to an end, None otherwise."""
    what = _next_step(actor, ticket_id)
    if what == "send":
        tickets.send(actor, ticket_id, seconds=outbound.WORKER_SECONDS)
    elif what == "look":
        _look(actor, ticket_id)
        if _is_requested(ticket_id):
            tickets.send(actor, ticket_id, seconds=outbound.WORKER_SECONDS)
    state = store.get(Ticket, ticket_id).state
    store.release()
    return None if state in OPEN else state


def _is_requested(ticket_id: int) -> bool:
    state = db.session.scalar(select(Ticket.state).where(Ticket.id == ticket_id))
    store.release()
    return state == TicketState.REQUESTED


def _next_step(actor: Actor, ticket_id: int) -> str:
    now = utcnow()
    with store.write() as session:
        ticket = store.locked(session, Ticket, ticket_id)
        if ticket.state == TicketState.REQUESTED:
            return "send" if _next_moment(ticket) <= now else ""
        if ticket.state == TicketState.SENDING:
            if ticket.sending_until and ticket.sending_until > now:
                return ""
            ticket_outcomes.unclear(session, ticket, actor, "The call was cut off before its outcome was known.")
        if ticket.state != TicketState.UNCLEAR or _held(ticket, now):
            return ""
        if ticket.connection_id is None:
            reason = "The integration was disconnected before the outcome was known."
            ticket_outcomes.needs_look(session, ticket, actor, reason)
            return ""
        ticket.look_until = now + dt.timedelta(seconds=LOOK_SECONDS)
    return "look"


def _held(ticket: Ticket, now: dt.datetime) -> bool:
    """Whether another process is looking right now."""
    return ticket.look_until is not None and ticket.look_until > now


def _look(actor: Actor, ticket_id: int) -> None:
    ticket = store.get(Ticket, ticket_id)
    connection = store.get(Connection, ticket.connection_id or 0)
    found: Sequence[TicketStatus] = ()
    problem: Exception | None = None
    try:
        client = outbound.client_for(connection, actor, seconds=outbound.WORKER_SECONDS)
        found = client.find_by_marker(ticket.marker, ticket.draft.get("destination", {}))
    except (ProviderError, CannotOpen) as error:
        problem = error
    with store.write() as session:
        current = store.locked(session, Ticket, ticket_id)
        current.look_until = None
        if current.state != TicketState.UNCLEAR:
            return
        if found:
            ticket_outcomes.adopted(session, current, actor, found[0], len(found) - 1)
        elif problem is not None:
            _could_not_look(session, current, actor, problem)
        else:
            _found_nothing(session, current, actor)


def _found_nothing(session: Session, ticket: Ticket, actor: Actor) -> None:
    now = utcnow()
    ticket.empty_looks += 1
    client: type[CreatesTickets] = providers.get(ticket.provider_key).client  # type: ignore[assignment]  # only such providers have tickets
    if now < ticket_outcomes.quiet_end(ticket) or ticket.empty_looks < client.empty_looks:
        ticket.next_look_at = now + dt.timedelta(seconds=_pause_until_next_look(ticket, client.empty_looks))
        return
    if ticket.sends >= MOST_SENDS:
        reason = f"{ticket.sends} tries had no clear outcome, and no ticket carries the reference {ticket.marker}."
        ticket_outcomes.needs_look(session, ticket, actor, reason)
        return
    ticket.state = TicketState.REQUESTED
    ticket.sending_until = ticket.next_look_at = None
    ticket.updated_at = now
    label = ticket_outcomes.label(ticket)
    ticket_outcomes.note_timeline(session, ticket, actor, f"No ticket was found in {label}: it is created now")


def _pause_until_next_look(ticket: Ticket, looks: int) -> float:
    """Short at first, longer later, and enough looks before the quiet time ends."""
    left = (ticket_outcomes.quiet_end(ticket) - utcnow()).total_seconds()
    even = max(0.3, left / max(1, looks - ticket.empty_looks + 1))
    doubling = float(2 ** (1 + min(ticket.empty_looks, 5)))
    return min(doubling, even, LONGEST_PAUSE_SECONDS)


def _could_not_look(session: Session, ticket: Ticket, actor: Actor, problem: Exception) -> None:
    now = utcnow()
    cause = problem.cause if isinstance(problem, ProviderError) else "The stored secret cannot be opened."
    ticket.reason = f"Patchpanel could not look for the ticket: {cause}"
    if now > ticket_outcomes.quiet_end(ticket) + PATIENCE:
        ticket_outcomes.needs_look(session, ticket, actor, ticket.reason)
        return
    wait = getattr(problem, "retry_after", None) or 10.0
    ticket.next_look_at = now + dt.timedelta(seconds=min(wait, ticket_outcomes.LONGEST_WAIT_SECONDS))
