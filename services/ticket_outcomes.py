"""How a create call can end, written into the ticket, its incident's timeline and the audit log."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import providers
from models import Connection, Incident, Ticket, TicketState, TimelineEntry
from providers.base import CreatesTickets, utcnow
from providers.errors import AuthenticationFailed, Busy, ProviderError, RateLimited
from providers.values import CreatedTicket, TicketStatus
from services import events
from services.actors import Actor
from services.runtime import settings

DEFAULT_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 15 * 60.0
FIRST_LOOK_SECONDS = 2.0
# Refusals that say for certain that nothing was made. 408, 409, 425 and 429 do not.
UNDECIDED = frozenset({408, 409, 425, 429})


def label(ticket: Ticket) -> str:
    """The provider's name for people."""
    return providers.get(ticket.provider_key).label


def created(session: Session, ticket: Ticket, actor: Actor, made: CreatedTicket) -> None:
    """The provider named the new ticket."""
    if ticket.state == TicketState.CREATED and ticket.external_id != made.external_id:
        _second(session, ticket, actor, made.external_key)
        return
    settle(session, ticket, external_id=made.external_id, external_key=made.external_key, url=made.url)
    ticket.assignment_error = made.assignment_error
    remember_destination(session, ticket)
    text = f"Ticket {made.external_key} created in {label(ticket)} for {ticket.assignee}"
    if made.assignment_error:
        text = f"Ticket {made.external_key} created in {label(ticket)}, but not assigned: {made.assignment_error}"
    _tell(session, ticket, actor, "ticket.created", text)
    if made.warnings:
        ticket.reason = f"{label(ticket)} left out: " + "; ".join(made.warnings)
        note_timeline(session, ticket, actor, ticket.reason)


def adopted(session: Session, ticket: Ticket, actor: Actor, found: TicketStatus, others: int) -> None:
    """A ticket that carries our marker was found."""
    settle(session, ticket, external_id=found.external_id, external_key=found.external_key, url=found.url)
    apply_status(ticket, found)
    remember_destination(session, ticket)
    _tell(
        session,
        ticket,
        actor,
        "ticket.confirmed",
        f"Ticket {found.external_key} found in {label(ticket)}: it was created",
    )
    if others:
        rest = "The oldest one is shown; close the others."
        text = f"{others + 1} tickets in {label(ticket)} carry the same reference. {rest}"
        _tell(session, ticket, actor, "ticket.duplicate", text)


def _second(session: Session, ticket: Ticket, actor: Actor, key: str) -> None:
    text = f"{label(ticket)} also holds {key} for this request, besides {ticket.external_key}. Close one of them."
    _tell(session, ticket, actor, "ticket.duplicate", text)


def settle(session: Session, ticket: Ticket, *, external_id: str, external_key: str, url: str) -> None:
    """The ticket exists: note its names and mark the incident."""
    ticket.state = TicketState.CREATED
    ticket.external_id, ticket.external_key, ticket.url = external_id, external_key, url
    ticket.reason = ""
    ticket.field_errors = {}
    ticket.sending_until = ticket.next_look_at = None
    ticket.updated_at = utcnow()
    mark_incident(session, ticket.incident_id)


def mark_incident(session: Session, incident_id: int) -> None:
    """Keep the incident's own note of whether it has a ticket."""
    session.flush()
    count = session.scalar(
        select(func.count()).where(Ticket.incident_id == incident_id, Ticket.state == TicketState.CREATED)
    )
    incident = session.get(Incident, incident_id)
    if incident is not None:
        incident.has_ticket = bool(count)
        incident.updated_at = utcnow()


def remember_destination(session: Session, ticket: Ticket) -> None:
    """Offer the same destination next time."""
    connection = session.get(Connection, ticket.connection_id) if ticket.connection_id else None
    if connection is not None and ticket.draft.get("destination"):
        connection.destination = dict(ticket.draft["destination"])


def apply_status(ticket: Ticket, found: TicketStatus) -> None:
    """What the provider shows now."""
    ticket.external_key, ticket.url = found.external_key, found.url
    ticket.external_status, ticket.status_category = found.status, found.category
    ticket.assignee = found.assignee_name
    ticket.visibility = ""
    ticket.synced_at = utcnow()
    wanted = ticket.draft.get("assignee_id", "")
    if found.assignee_id and found.assignee_id == wanted:
        ticket.assignment_error = ""


def not_created(session: Session, ticket: Ticket, actor: Actor, error: ProviderError) -> None:
    """The call failed: what that proves decides."""
    reason = " ".join(part for part in (error.vendor_message or error.cause, error.next_step) if part)
    if isinstance(error, RateLimited | Busy):
        _later(session, ticket, actor, error)
    elif not error.sent:
        failed(session, ticket, actor, f"{error.cause} {error.next_step}".strip())
    elif _definite(error):
        ticket.field_errors = dict(getattr(error, "field_errors", {}))
        _closed(session, ticket, actor, TicketState.REJECTED, reason)
    else:
        unclear(session, ticket, actor, error.cause)


def _definite(error: ProviderError) -> bool:
    """Whether the refusal proves that nothing was made."""
    refused = error.vendor_status is not None and 400 <= error.vendor_status < 500
    # Vendors hide refused credentials behind a sign-in page and a 2xx or 3xx.
    return isinstance(error, AuthenticationFailed) or (refused and error.vendor_status not in UNDECIDED)


def _later(session: Session, ticket: Ticket, actor: Actor, error: RateLimited | Busy) -> None:
    """The provider (or we ourselves) did not take it: it is sent when its time comes."""
    asked = error.retry_after if isinstance(error, RateLimited) else 5.0
    wait = min(asked or DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
    ticket.state = TicketState.REQUESTED
    ticket.sending_until = None
    ticket.next_look_at = utcnow() + dt.timedelta(seconds=wait)
    ticket.reason = f"{error.cause} It is sent again in {round(wait)} seconds."
    ticket.updated_at = utcnow()
    note_timeline(session, ticket, actor, f"{label(ticket)} did not take the ticket yet: {ticket.reason}")


def failed(session: Session, ticket: Ticket, actor: Actor, reason: str) -> None:
    """Nothing reached the provider: it may be tried again at once."""
    _closed(session, ticket, actor, TicketState.FAILED, reason)


def _closed(session: Session, ticket: Ticket, actor: Actor, state: TicketState, reason: str) -> None:
    ticket.state = state
    ticket.reason = reason
    ticket.sending_until = ticket.next_look_at = None
    ticket.updated_at = utcnow()
    _tell(session, ticket, actor, f"ticket.{state}", f"Ticket not created in {label(ticket)}: {reason}")


def unclear(session: Session, ticket: Ticket, actor: Actor, reason: str) -> None:
    """The ticket may or may not exist: from now on it is looked for, not created."""
    ticket.state = TicketState.UNCLEAR
    ticket.reason = reason
    ticket.empty_looks = 0
    ticket.next_look_at = utcnow() + dt.timedelta(seconds=FIRST_LOOK_SECONDS)
    ticket.updated_at = utcnow()
    _tell(session, ticket, actor, "ticket.unclear", f"Being confirmed with {label(ticket)}: {reason}")


def needs_look(session: Session, ticket: Ticket, actor: Actor, reason: str) -> None:
    """A person must decide."""
    ticket.state = TicketState.NEEDS_LOOK
    ticket.reason = reason
    ticket.next_look_at = None
    ticket.updated_at = utcnow()
    _tell(session, ticket, actor, "ticket.needs_look", f"Needs a look: {reason}")


def quiet_end(ticket: Ticket) -> dt.datetime:
    """Until when an unclear ticket must not be created again, counted from the end of the call's deadline."""
    quiet = settings().settle_seconds or quiet_seconds(ticket)
    return (ticket.sending_until or ticket.updated_at) + dt.timedelta(seconds=quiet)


def quiet_seconds(ticket: Ticket) -> int:
    """The provider's own quiet time."""
    client: type[CreatesTickets] = providers.get(ticket.provider_key).client  # type: ignore[assignment]  # only such providers have tickets
    return client.quiet_seconds


def note_timeline(session: Session, ticket: Ticket, actor: Actor, text: str) -> None:
    """One line in the incident's timeline."""
    entry = TimelineEntry(incident_id=ticket.incident_id, at=utcnow(), actor=actor.name, kind="ticket", text=text)
    session.add(entry)


def _tell(session: Session, ticket: Ticket, actor: Actor, action: str, text: str) -> None:
    note_timeline(session, ticket, actor, text)
    target = f"INC-{ticket.incident_id} {ticket.external_key}".strip()
    events.record(session, actor, action, kind="ticket", target_id=ticket.id, target=target)
