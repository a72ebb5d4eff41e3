"""How a create call can end, written into the ticket, its incident's timeline and the audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import providers
from models import Connection, Event, Incident, Ticket, TicketState, TimelineEntry
from providers.base import CreatesTickets, utcnow
from providers.breaker import Resting
from providers.errors import AuthenticationFailed, Busy, ProviderError, RateLimited
from providers.values import CreatedTicket, TicketStatus
from services import events, notices
from services.actors import Actor
from services.runtime import settings

DEFAULT_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 15 * 60.0
FIRST_LOOK_SECONDS = 2.0
# Refusals that say for certain that nothing was made. 408, 409, 425 and 429 do not.
UNDECIDED = frozenset({408, 409, 425, 429})
UNCLEAR = "ticket.unclear"  # the event of every outcome that was in doubt


def label(ticket: Ticket) -> str:
    """The provider's name for people."""
    return providers.get(ticket.provider_key).label


def created(session: Session, ticket: Ticket, actor: Actor, made: CreatedTicket) -> None:
    """The provider named the new ticket."""
    if ticket.state == TicketState.CREATED and ticket.external_id != made.external_id:
        doubled(session, ticket, actor, [made.external_key])
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
        ticket.reason = f"{others + 1} tickets in {label(ticket)} carry the same reference. {rest}"
        _tell(session, ticket, actor, "ticket.duplicate", ticket.reason)
        _notice(session, ticket, "exists more than once", ticket.reason)


def doubled(session: Session, ticket: Ticket, actor: Actor, keys: Sequence[str]) -> None:
    """The provider holds further tickets for this request, besides the one that is shown."""
    ticket.reason = (
        f"{label(ticket)} also holds {', '.join(keys)} for this request, besides {ticket.external_key}. "
        f"Keep one of them and close the rest: all carry the reference {ticket.marker}."
    )
    _tell(session, ticket, actor, "ticket.duplicate", ticket.reason)
    _notice(session, ticket, "exists more than once", ticket.reason)


def settle(session: Session, ticket: Ticket, *, external_id: str, external_key: str, url: str) -> None:
    """The ticket exists: note its names and mark the incident."""
    ticket.state = TicketState.CREATED
    ticket.external_id, ticket.external_key, ticket.url = external_id, external_key, url
    ticket.reason = ""
    ticket.field_errors = {}
    ticket.sending_until = None
    ticket.empty_looks, ticket.next_look_at = 0, _look_for_twin_at(session, ticket)
    ticket.updated_at = ticket.sync_due_at = utcnow()
    mark_incident(session, ticket.incident_id)


def _look_for_twin_at(session: Session, ticket: Ticket) -> dt.datetime | None:
    """When to look whether an earlier create made a ticket after all (services/ticket_twins.py); None without doubt."""
    if ticket.sends < 2:
        return None
    doubt = select(Event.id).where(
        Event.action == UNCLEAR, Event.target_kind == "ticket", Event.target_id == str(ticket.id)
    )
    if session.scalar(doubt.limit(1)) is None:
        return None
    return utcnow() + dt.timedelta(seconds=quiet_time(ticket))


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
    # Some vendors' ids tell where a ticket lies, and change when it is moved.
    ticket.external_id, ticket.external_key, ticket.url = found.external_id, found.external_key, found.url
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
    elif definite(error):
        ticket.field_errors = dict(getattr(error, "field_errors", {}))
        _closed(session, ticket, actor, TicketState.REJECTED, reason)
    else:
        unclear(session, ticket, actor, error.cause)


def definite(error: ProviderError) -> bool:
    """Whether the refusal proves that nothing was made."""
    refused = error.vendor_status is not None and 400 <= error.vendor_status < 500
    # Vendors hide refused credentials behind a sign-in page and a 2xx or 3xx.
    return isinstance(error, AuthenticationFailed) or (refused and error.vendor_status not in UNDECIDED)


def _later(session: Session, ticket: Ticket, actor: Actor, error: RateLimited | Busy) -> None:
    """The provider (or we ourselves) did not take it: it is sent when its time comes."""
    asked = error.retry_after if isinstance(error, RateLimited | Resting) else 5.0
    wait = min(asked or DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
    ticket.state = TicketState.REQUESTED
    ticket.sending_until = None
    # Nothing was taken, so this call leaves no doubt behind.
    ticket.sends -= 1
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
    _tell(session, ticket, actor, UNCLEAR, f"Being confirmed with {label(ticket)}: {reason}")


def needs_look(session: Session, ticket: Ticket, actor: Actor, reason: str) -> None:
    """A person must decide."""
    ticket.state = TicketState.NEEDS_LOOK
    ticket.reason = reason
    ticket.next_look_at = None
    ticket.updated_at = utcnow()
    _tell(session, ticket, actor, "ticket.needs_look", f"Needs a look: {reason}")
    _notice(session, ticket, "needs a look", reason)


def quiet_end(ticket: Ticket) -> dt.datetime:
    """Until when an unclear ticket must not be created again, counted from the end of the call's deadline."""
    return (ticket.sending_until or ticket.updated_at) + dt.timedelta(seconds=quiet_time(ticket))


def quiet_time(ticket: Ticket) -> int:
    """Seconds: the setting, else the provider's own quiet time."""
    client: type[CreatesTickets] = providers.get(ticket.provider_key).client  # type: ignore[assignment]  # only such providers have tickets
    return settings().settle_seconds or client.quiet_seconds


def note_timeline(session: Session, ticket: Ticket, actor: Actor, text: str) -> None:
    """One line in the incident's timeline."""
    entry = TimelineEntry(incident_id=ticket.incident_id, at=utcnow(), actor=actor.name, kind="ticket", text=text)
    session.add(entry)


def _tell(session: Session, ticket: Ticket, actor: Actor, action: str, text: str) -> None:
    note_timeline(session, ticket, actor, text)
    target = f"INC-{ticket.incident_id} {ticket.external_key}".strip()
    events.record(session, actor, action, kind="ticket", target_id=ticket.id, target=target)


def _notice(session: Session, ticket: Ticket, what: str, reason: str) -> None:
    """Tell responders, once for each create call."""
    notices.tell(
        session,
        kind="ticket",
        level=notices.Level.WARNING,
        title=f"INC-{ticket.incident_id}: the ticket in {label(ticket)} {what}",
        text=reason,
        link=f"/incidents/{ticket.incident_id}",
        key=f"ticket:{ticket.marker}:{what}:{ticket.sends}",
        audience=notices.Audience.RESPONDER,
    )
