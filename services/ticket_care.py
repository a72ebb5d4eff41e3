"""Looking after tickets that exist or need a person: refresh, assign again, link, unlink, decide."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extensions import db
from models import OPEN_STATES, Connection, Incident, IntegrationUser, Ticket, TicketState
from providers.base import utcnow
from providers.errors import NotAllowed, NotFound, ProviderError
from providers.values import TicketStatus
from services import events, outbound, store, ticket_changes, ticket_outcomes, tickets
from services.actors import Actor
from services.errors import Refused


def of_incident(incident_id: int) -> Sequence[Ticket]:
    """All tickets of an incident, newest first."""
    query = select(Ticket).where(Ticket.incident_id == incident_id).order_by(Ticket.id.desc()).limit(50)
    return db.session.scalars(query).all()


def refresh(actor: Actor, ticket: Ticket) -> Ticket:
    """Read the ticket back from the provider.

    Raises:
        Refused: the ticket cannot be read (disconnected, switched off, not created).
        ProviderError: the provider could not be asked; what was known stays.
    """
    connection = _usable(ticket)
    visibility, found, began = "", None, utcnow()
    try:
        found = outbound.client_for(connection, actor).read_ticket(ticket.external_id)
    except NotFound:
        visibility = ticket_changes.DELETED
    except NotAllowed:
        visibility = ticket_changes.HIDDEN
    with store.write() as session:
        current = store.locked(session, Ticket, ticket.id)
        if ticket_changes.is_newer(current, began):
            # Somebody else was faster; what we saw may be older.
            current.sync_due_at = utcnow()
        elif found is not None:
            ticket_changes.seen(session, actor, current, found)
        else:
            ticket_changes.missed(session, actor, current, visibility)
    return current


def assign(actor: Actor, ticket: Ticket, integration_user_id: int) -> Ticket:
    """Give an existing ticket to a person. Makes no create call.

    Raises Refused when person and ticket do not fit, ProviderError with what the provider said.
    """
    connection = _usable(ticket)
    person = store.get(IntegrationUser, integration_user_id)
    if person.connection_id != connection.id or person.status != "active":
        raise Refused("Choose a person who is active in this integration.")
    problem: ProviderError | None = None
    _announce(ticket, person)
    try:
        outbound.client_for(connection, actor).assign_ticket(ticket.external_id, person.external_id)
    except ProviderError as error:
        problem = error
    with store.write() as session:
        current = store.locked(session, Ticket, ticket.id)
        current.integration_user_id = person.id
        kept = {name: value for name, value in current.draft.items() if name != ticket_changes.ASSIGNING}
        current.draft = {**kept, "assignee_id": person.external_id}
        current.updated_at = utcnow()
        current.assignment_error = (problem.vendor_message or problem.cause) if problem else ""
        if problem is None:
            current.assignee = person.name
            text = f"Ticket {current.external_key} assigned to {person.name}"
            ticket_outcomes.note_timeline(session, current, actor, text)
            _event(session, actor, "ticket.assigned", current)
    if problem is not None:
        raise problem
    return current


def _announce(ticket: Ticket, person: IntegrationUser) -> None:
    """Note what is about to be done, so that a read-back in between does not tell of it as somebody else's doing."""
    with store.write() as session:
        current = store.locked(session, Ticket, ticket.id)
        current.draft = {**current.draft, ticket_changes.ASSIGNING: person.external_id}


def link(actor: Actor, incident_id: int, connection_id: int, reference: str) -> Ticket:
    """Tie an existing ticket to an incident, by key or pasted link.

    Raises InvalidInput, Refused, or ProviderError when the ticket cannot be read.
    """
    connection = store.get(Connection, connection_id)
    if not connection.enabled:
        raise Refused("This integration is switched off.")
    found = _read(actor, connection, reference)
    ticket = _linked(actor, incident_id, connection)
    try:
        with store.write() as session:
            store.locked(session, Incident, incident_id)
            _refuse_second(session, incident_id, connection.id)
            session.add(ticket)
            session.flush()
            _take(session, ticket, found)
            text = f"Ticket {found.external_key} linked"
            ticket_outcomes.note_timeline(session, ticket, actor, text)
            _event(session, actor, "ticket.linked", ticket)
    except IntegrityError:
        raise Refused("This incident has a ticket in this integration already.") from None
    return ticket


def _linked(actor: Actor, incident_id: int, connection: Connection) -> Ticket:
    now = utcnow()
    return Ticket(
        incident_id=incident_id,
        connection_id=connection.id,
        provider_key=connection.provider_key,
        connection_name=outbound.display_name(connection),
        form_key=tickets.new_form_key(),
        marker=tickets.new_marker(),
        state=TicketState.CREATED,
        draft={},
        linked=True,
        requested_by_id=actor.id,
        requested_by=actor.name,
        created_at=now,
        updated_at=now,
    )


def _read(actor: Actor, connection: Connection, reference: str) -> TicketStatus:
    client = outbound.client_for(connection, actor)
    found: TicketStatus = client.read_ticket(client.ticket_reference(reference))
    return found


def _refuse_second(session: Session, incident_id: int, connection_id: int) -> None:
    query = select(Ticket).where(
        Ticket.incident_id == incident_id, Ticket.connection_id == connection_id, Ticket.state.in_(OPEN_STATES)
    )
    existing = session.scalar(query)
    if existing is not None:
        name = existing.external_key or "one that is being created"
        raise Refused(f"This incident has a ticket in this integration already: {name}. Unlink it first.")


def _take(session: Session, ticket: Ticket, found: TicketStatus) -> None:
    ticket_outcomes.settle(
        session, ticket, external_id=found.external_id, external_key=found.external_key, url=found.url
    )
    ticket_outcomes.apply_status(ticket, found)


def unlink(actor: Actor, ticket: Ticket) -> None:
    """Forget the tie between incident and ticket; the ticket itself stays at the provider. Raises Refused."""
    with store.write() as session:
        current = store.locked(session, Ticket, ticket.id)
        if current.state != TicketState.CREATED:
            raise Refused("Only a ticket that exists can be unlinked.")
        current.state = TicketState.CANCELLED
        current.reason = "Unlinked"
        current.updated_at = utcnow()
        ticket_outcomes.mark_incident(session, current.incident_id)
        ticket_outcomes.note_timeline(
            session, current, actor, f"Ticket {current.external_key} unlinked; it stays in place"
        )
        _event(session, actor, "ticket.unlinked", current)


def adopt(actor: Actor, ticket: Ticket, reference: str) -> Ticket:
    """A person found the ticket of an undecided request: take it. Raises Refused, InvalidInput, ProviderError."""
    connection = store.get(Connection, ticket.connection_id or 0)
    found = _read(actor, connection, reference)
    with store.write() as session:
        current = _undecided(session, ticket, (TicketState.NEEDS_LOOK, TicketState.UNCLEAR))
        _take(session, current, found)
        ticket_outcomes.note_timeline(session, current, actor, f"Ticket {found.external_key} taken as the one created")
        _event(session, actor, "ticket.adopted", current)
    return current


def create_again(actor: Actor, ticket: Ticket) -> Ticket:
    """A person is sure that no ticket exists: create it, with the same reference. Raises Refused."""
    with store.write() as session:
        current = _undecided(session, ticket)
        current.state = TicketState.REQUESTED
        current.sending_until = current.next_look_at = None
        ticket_outcomes.note_timeline(session, current, actor, "Looked for the ticket, found none: create it again")
        _event(session, actor, "ticket.create_again", current)
    return tickets.send(actor, ticket.id)


def cancel(actor: Actor, ticket: Ticket) -> None:
    """A person gives the request up. Raises Refused."""
    with store.write() as session:
        current = _undecided(session, ticket)
        current.state = TicketState.CANCELLED
        current.reason = "Cancelled"
        current.updated_at = utcnow()
        ticket_outcomes.note_timeline(session, current, actor, "The request for a ticket was cancelled")
        _event(session, actor, "ticket.cancelled", current)


def _undecided(session: Session, ticket: Ticket, states: tuple[TicketState, ...] = (TicketState.NEEDS_LOOK,)) -> Ticket:
    current = store.locked(session, Ticket, ticket.id)
    if current.state not in states:
        raise Refused("This ticket is settled already. Reload the page.")
    return current


def _usable(ticket: Ticket) -> Connection:
    if ticket.state != TicketState.CREATED or not ticket.external_id:
        raise Refused("There is no ticket yet.")
    if ticket.connection_id is None:
        raise Refused("The integration of this ticket was disconnected.")
    connection = store.get(Connection, ticket.connection_id)
    if not connection.enabled:
        raise Refused("The integration of this ticket is switched off and makes no calls.")
    return connection


def _event(session: Session, actor: Actor, action: str, ticket: Ticket) -> None:
    target = f"INC-{ticket.incident_id} {ticket.external_key}".strip()
    events.record(session, actor, action, kind="ticket", target_id=ticket.id, target=target)
