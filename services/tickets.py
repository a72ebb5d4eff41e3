"""Opening a ticket, exactly once.

Promise: no second create call while the outcome of the first is unproven. The row is written first, the call is made
once outside any transaction, the outcome is written last; docs/decisions/0003-one-ticket.md tells the whole story.
"""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import providers
from models import OPEN_STATES, Connection, Incident, IntegrationUser, Ticket, TicketState
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.breaker import Resting
from providers.errors import AuthenticationFailed, Busy, InvalidInput, ProviderError
from providers.values import CreatedTicket
from services import breakers, connection_health, destinations, events, outbound, store, ticket_drafts, ticket_outcomes
from services.actors import Actor
from services.attempts import CreateLedger
from services.errors import Missing, Refused
from services.ticket_drafts import Wanted
from services.ticket_outcomes import note_timeline

__all__ = ["Wanted", "create", "get", "new_form_key", "new_marker", "new_row", "send", "tell_requested"]

# After the call's own deadline this much later its process is taken for dead.
MARGIN_SECONDS = 5.0
FORM_KEY_LENGTH = range(16, 65)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_form_key() -> str:
    """The one-time key a dialog carries, so that a repeated post is recognised."""
    return secrets.token_urlsafe(24)


def create(actor: Actor, incident_id: int, wanted: Wanted) -> Ticket:
    """Open a ticket for an incident and say how far it got (see Ticket.state).

    The same form key, or an open ticket of this incident over the same connection, gives that ticket and makes no call.

    Raises:
        Missing: no such incident.
        Refused: the connection or the person cannot be used; nothing was written.
    """
    ticket, fresh = _request(actor, incident_id, wanted)
    return send(actor, ticket.id) if fresh else ticket


def _request(actor: Actor, incident_id: int, wanted: Wanted) -> tuple[Ticket, bool]:
    if len(wanted.form_key) not in FORM_KEY_LENGTH:
        raise Refused("This form is damaged. Open it again.")
    try:
        with store.write() as session:
            # The incident's lock comes first: whoever waited for it sees the ticket of whoever held it, and nobody
            # waits for a ticket while holding the incident that its ticket waits for.
            incident = store.locked(session, Incident, incident_id)
            found = _existing(session, incident_id, wanted)
            if found is not None:
                return found, False
            return _insert(session, actor, incident, wanted), True
    except IntegrityError:
        # Somebody else's identical request was a moment faster.
        with store.write() as session:
            found = _existing(session, incident_id, wanted)
            if found is None:
                raise
            return found, False


def _existing(session: Session, incident_id: int, wanted: Wanted) -> Ticket | None:
    same_key: Ticket | None = session.scalar(select(Ticket).where(Ticket.form_key == wanted.form_key))
    if same_key is not None:
        if same_key.incident_id != incident_id:
            raise Refused("This form belongs to another incident. Open it again.")
        return same_key
    still_open: Ticket | None = session.scalar(
        select(Ticket).where(
            Ticket.incident_id == incident_id,
            Ticket.connection_id == wanted.connection_id,
            Ticket.state.in_(OPEN_STATES),
        )
    )
    return still_open


def _insert(session: Session, actor: Actor, incident: Incident, wanted: Wanted) -> Ticket:
    connection = session.get(Connection, wanted.connection_id)
    person = session.get(IntegrationUser, wanted.integration_user_id)
    if connection is None or not connection.enabled:
        raise Refused("This integration is switched off or gone.", field_errors={"connection": "Choose another one."})
    if person is None or person.connection_id != connection.id or person.status != "active":
        text = "Choose a person who is active in this integration."
        raise Refused(text, field_errors={"integration_user": text})
    ticket = new_row(actor, incident, connection, person, wanted.form_key)
    ticket.draft = ticket_drafts.freeze(wanted, person)
    session.add(ticket)
    session.flush()
    label = providers.get(connection.provider_key).label
    text = f"Asked for a ticket in {label} ({ticket.connection_name}) for {person.name}"
    tell_requested(session, actor, incident, ticket, text)
    return ticket


def tell_requested(session: Session, actor: Actor, incident: Incident, ticket: Ticket, text: str) -> None:
    """The timeline entry and the event of a new request, within the caller's transaction."""
    note_timeline(session, ticket, actor, text)
    events.record(
        session,
        actor,
        "ticket.requested",
        kind="ticket",
        target_id=ticket.id,
        target=f"{incident.key} in {ticket.connection_name}",
    )


def new_row(
    actor: Actor, incident: Incident, connection: Connection, person: IntegrationUser | None, form_key: str
) -> Ticket:
    """The row of a request, not yet added to a session and without its draft."""
    now = utcnow()
    return Ticket(
        incident_id=incident.id,
        connection_id=connection.id,
        provider_key=connection.provider_key,
        connection_name=outbound.display_name(connection),
        integration_user_id=person.id if person else None,
        form_key=form_key,
        marker=new_marker(),
        state=TicketState.REQUESTED,
        assignee=person.name if person else "",
        requested_by_id=actor.id,
        requested_by=actor.name,
        created_at=now,
        updated_at=now,
    )


def new_marker() -> str:
    """A random word that carries no meaning: `pp-` and 26 letters and digits."""
    return "pp-" + "".join(secrets.choice(ALPHABET) for _ in range(26))


class _LateLedger(CreateLedger):
    """Refuses the first byte once the time we promised to be done in has passed: somebody else may be looking
    already.
    """

    until: dt.datetime

    def before(self, *, purpose: str, method: str, target: str) -> int | None:
        if utcnow() >= self.until:
            raise Busy("The request waited too long before it could be sent.")
        return super().before(purpose=purpose, method=method, target=target)


def send(actor: Actor, ticket_id: int, *, seconds: float = outbound.INTERACTIVE_SECONDS) -> Ticket:
    """Make the create call of a requested ticket, once, and write its outcome.

    Does nothing when the ticket is not (or no longer) waiting to be sent.
    """
    claimed = _claim(actor, ticket_id, seconds)
    if claimed is None:
        return store.get(Ticket, ticket_id)
    ticket, connection, ledger = claimed
    made: CreatedTicket | None = None
    problem: Exception | None = None
    try:
        connection = _awake(actor, connection)
        client = outbound.client_for(connection, actor, seconds=seconds, ledger=ledger)
        made = client.create_ticket(ticket_drafts.thaw(ticket))
    except (ProviderError, CannotOpen) as error:
        problem = error
    finally:
        # Also on an error nobody foresaw: a row left in `sending` is taken for a dead process, which it then is not.
        ticket = _conclude(actor, ticket_id, ledger, made, problem)
    _learn(connection, problem)
    return ticket


def _awake(actor: Actor, connection: Connection) -> Connection:
    """A provider that failed lately is asked for something harmless first: a create must not be what finds out.

    Raises Resting when it still does not answer.
    """
    if not breakers.is_over(connection):
        return connection
    try:
        outbound.client_for(connection, actor, seconds=MARGIN_SECONDS).check()
    except Busy:
        raise
    except ProviderError as error:
        raise Resting(error.cause, retry_after=breakers.SHORTEST_SECONDS) from None
    return store.get(Connection, connection.id)


def _claim(actor: Actor, ticket_id: int, seconds: float) -> tuple[Ticket, Connection, _LateLedger] | None:
    now = utcnow()
    with store.write() as session:
        ticket = store.locked(session, Ticket, ticket_id)
        due = ticket.next_look_at is None or ticket.next_look_at <= now
        if ticket.state != TicketState.REQUESTED or not due:
            return None
        connection = session.get(Connection, ticket.connection_id or 0, populate_existing=True)
        if connection is None or not connection.enabled:
            ticket_outcomes.failed(session, ticket, actor, "The integration was switched off or disconnected.")
            return None
        ledger = _LateLedger(outbound.caller(actor, connection))
        ticket.attempt_id = ledger.open(
            session,
            purpose="create ticket",
            method="POST",
            target=providers.get(connection.provider_key).tenant(connection.settings),
        )
        ticket.state = TicketState.SENDING
        ticket.sends += 1
        ticket.empty_looks = 0
        ticket.next_look_at = None
        ticket.sending_until = ledger.until = now + dt.timedelta(seconds=seconds + MARGIN_SECONDS)
        ticket.updated_at = now
    return ticket, connection, ledger


def _conclude(
    actor: Actor, ticket_id: int, ledger: CreateLedger, made: CreatedTicket | None, problem: Exception | None
) -> Ticket:
    with store.write() as session:
        ticket = store.locked(session, Ticket, ticket_id)
        ledger.close(session)
        if made is not None:
            ticket_outcomes.created(session, ticket, actor, made)
        elif ticket.state != TicketState.SENDING:
            # We were gone for so long that the ticket is being settled already; that goes on.
            pass
        elif isinstance(problem, ProviderError):
            ticket_outcomes.not_created(session, ticket, actor, problem)
        elif isinstance(problem, CannotOpen):
            ticket_outcomes.failed(session, ticket, actor, "The stored secret of the integration cannot be opened.")
        else:
            ticket_outcomes.unclear(session, ticket, actor, "Patchpanel failed while it waited for the answer.")
    return ticket


def _learn(connection: Connection, problem: Exception | None) -> None:
    """What a failed create tells beyond the ticket itself."""
    if isinstance(problem, AuthenticationFailed):
        connection_health.note(connection.id, connection.credentials_version, problem)
    if isinstance(problem, InvalidInput):
        destinations.forget(connection.id)


def get(incident_id: int, ticket_id: int) -> Ticket:
    """A ticket of this incident. Raises Missing."""
    ticket = store.get(Ticket, ticket_id)
    if ticket.incident_id != incident_id:
        raise Missing(f"Ticket {ticket_id}")
    return ticket
