"""What a read-back shows, written into ticket and timeline, and what follows from it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Incident, IncidentStatus, Ticket, TicketState
from providers.base import utcnow
from providers.values import TicketStatus
from services import incidents, store, ticket_outcomes, ticket_rules
from services.actors import Actor

DELETED, HIDDEN = "deleted", "hidden"
# What a provider does not show may be deleted or hidden, and few of them tell which: "hidden" is for those that say so.
WORDS = {
    DELETED: "was deleted in {label}, or is hidden from the account of the integration",
    HIDDEN: "is no longer visible in {label} to the account of the integration",
}
# The person a ticket is being given to right now, by us: what a read-back shows of that meanwhile is no news.
ASSIGNING = "assigning_id"


def differs(ticket: Ticket, found: TicketStatus) -> bool:
    """Whether the provider shows anything that our row does not."""
    ours = (ticket.external_key, ticket.url, ticket.external_status, ticket.status_category, ticket.assignee)
    theirs = (found.external_key, found.url, found.status, found.category, found.assignee_name)
    moved = bool(found.external_id) and found.external_id != ticket.external_id
    return bool(ours != theirs or moved or ticket.visibility or (ticket.assignment_error and found.assignee_id))


def is_newer(ticket: Ticket, began: dt.datetime) -> bool:
    """Whether our row was written after this look began, so that the look may show an older state."""
    return any(moment is not None and moment > began for moment in (ticket.synced_at, ticket.updated_at))


def finishes(ticket: Ticket, found: TicketStatus) -> bool:
    """Whether the ticket has become done since it was seen last."""
    return found.category == "done" and ticket.status_category != "done"


def seen(session: Session, actor: Actor, ticket: Ticket, found: TicketStatus) -> None:
    """Write what the provider shows now. The caller has locked the ticket."""
    news = _news(ticket, found, ticket_outcomes.label(ticket))
    became_done = finishes(ticket, found)
    ticket_outcomes.apply_status(ticket, found)
    for text in news:
        ticket_outcomes.note_timeline(session, ticket, actor, text)
    if news:
        ticket.updated_at = utcnow()
    if became_done and ticket_rules.is_on(session, ticket, ticket_rules.RESOLVE_WHEN_DONE):
        _resolve(session, actor, ticket)


def _news(ticket: Ticket, found: TicketStatus, label: str) -> list[str]:
    """What is worth a line in the timeline. The first look at a new ticket is no news."""
    news = []
    if ticket.visibility:
        news.append(f"Ticket {found.external_key} is visible again in {label}")
    if ticket.external_key and found.external_key != ticket.external_key:
        news.append(f"Ticket {ticket.external_key} is now {found.external_key} in {label}")
    if found.status != ticket.external_status and (ticket.external_status or found.category == "done"):
        news.append(f"Ticket {found.external_key} is now “{found.status}” in {label}")
    if ticket.synced_at is not None and found.assignee_name != ticket.assignee and not _ours(ticket, found):
        whom = f"assigned to {found.assignee_name}" if found.assignee_name else "nobody's"
        news.append(f"Ticket {found.external_key} is now {whom} in {label}")
    return news


def _ours(ticket: Ticket, found: TicketStatus) -> bool:
    return bool(found.assignee_id) and found.assignee_id == ticket.draft.get(ASSIGNING)


def _resolve(session: Session, actor: Actor, ticket: Ticket) -> None:
    """Resolve the incident of a ticket that has just become done, unless another ticket of it is open.

    It happens at that moment only: an incident that is reopened later stays open.
    """
    session.flush()
    incident = store.locked(session, Incident, ticket.incident_id)
    if incident.status == IncidentStatus.RESOLVED or _others_open(session, ticket):
        return
    text = f"Resolved: {ticket.external_key} is done in {ticket_outcomes.label(ticket)}"
    incidents.move(session, actor, incident, IncidentStatus.RESOLVED, text)


def _others_open(session: Session, ticket: Ticket) -> bool:
    query = select(Ticket.id).where(
        Ticket.incident_id == ticket.incident_id,
        Ticket.id != ticket.id,
        Ticket.state == TicketState.CREATED,
        Ticket.status_category != "done",
        Ticket.visibility == "",
    )
    return session.scalar(query.limit(1)) is not None


def missed(session: Session, actor: Actor, ticket: Ticket, visibility: str) -> None:
    """The provider does not show the ticket any more. Said once. The caller has locked the ticket."""
    now = utcnow()
    if ticket.visibility != visibility:
        ticket.visibility, ticket.updated_at = visibility, now
        words = WORDS[visibility].format(label=ticket_outcomes.label(ticket))
        ticket_outcomes.note_timeline(session, ticket, actor, f"Ticket {ticket.external_key} {words}")
    ticket.synced_at = now
