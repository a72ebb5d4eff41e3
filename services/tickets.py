"""Opening a ticket, exactly once.

Promise: no second create call while the outcome of the first is unproven. The row is written first, the call is made
once outside any transaction, the outcome is written last; docs/decisions/0003-one-ticket.md tells the whole story.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import providers
from models import OPEN_STATES, Connection, Incident, IntegrationUser, Ticket, TicketState
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.errors import AuthenticationFailed, Busy, InvalidInput, ProviderError
from providers.values import CreatedTicket, DestinationFieldKind, FieldValue, TicketDraft
from services import connections, destinations, events, outbound, store, ticket_outcomes
from services.actors import Actor
from services.attempts import CreateLedger
from services.errors import Missing, Refused
from services.runtime import settings
from services.ticket_outcomes import note_timeline

# After the call's own deadline this much later its process is taken for dead.
MARGIN_SECONDS = 5.0
FORM_KEY_LENGTH = range(16, 65)
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Wanted:
    """A ticket as asked for in the dialog or by a program."""

    form_key: str
    connection_id: int
    integration_user_id: int
    summary: str
    description: str
    destination: Mapping[str, str]
    values: Mapping[str, FieldValue]
    assignee_on_create: bool = True


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
    ticket = _row(actor, incident, connection, person, wanted)
    session.add(ticket)
    session.flush()
    label = providers.get(connection.provider_key).label
    note_timeline(session, ticket, actor, f"Asked for a ticket in {label} ({ticket.connection_name}) for {person.name}")
    events.record(
        session,
        actor,
        "ticket.requested",
        kind="ticket",
        target_id=ticket.id,
        target=f"{incident.key} in {ticket.connection_name}",
    )
    return ticket


def _row(actor: Actor, incident: Incident, connection: Connection, person: IntegrationUser, wanted: Wanted) -> Ticket:
    now = utcnow()
    return Ticket(
        incident_id=incident.id,
        connection_id=connection.id,
        provider_key=connection.provider_key,
        connection_name=outbound.display_name(connection),
        integration_user_id=person.id,
        form_key=wanted.form_key,
        marker=new_marker(),
        state=TicketState.REQUESTED,
        draft=_freeze(wanted, person),
        assignee=person.name,
        requested_by_id=actor.id,
        requested_by=actor.name,
        created_at=now,
        updated_at=now,
    )


def new_marker() -> str:
    """A random word that carries no meaning: `pp-` and 26 letters and digits."""
    return "pp-" + "".join(secrets.choice(ALPHABET) for _ in range(26))


def _freeze(wanted: Wanted, person: IntegrationUser) -> dict[str, Any]:
    return {
        "summary": wanted.summary,
        "description": wanted.description,
        "destination": dict(wanted.destination),
        "values": {name: {"kind": str(f.kind), "value": f.value} for name, f in wanted.values.items()},
        "assignee_id": person.external_id,
        "assignee_on_create": wanted.assignee_on_create,
    }


def _thaw(ticket: Ticket) -> TicketDraft:
    frozen = ticket.draft
    return TicketDraft(
        marker=ticket.marker,
        summary=frozen["summary"],
        description=frozen["description"],
        destination=frozen["destination"],
        values={n: FieldValue(DestinationFieldKind(f["kind"]), f["value"]) for n, f in frozen["values"].items()},
        assignee_id=frozen["assignee_id"],
        assignee_on_create=frozen["assignee_on_create"],
        incident_url=f"{settings().base_url}/incidents/{ticket.incident_id}",
        incident_key=f"INC-{ticket.incident_id}",
    )


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
        client = outbound.client_for(connection, actor, seconds=seconds, ledger=ledger)
        made = client.create_ticket(_thaw(ticket))
    except (ProviderError, CannotOpen) as error:
        problem = error
    finally:
        # Also on an error nobody foresaw: a row left in `sending` is taken for a dead process, which it then is not.
        ticket = _conclude(actor, ticket_id, ledger, made, problem)
    _learn(connection, problem)
    return ticket


def _claim(actor: Actor, ticket_id: int, seconds: float) -> tuple[Ticket, Connection, _LateLedger] | None:
    now = utcnow()
    with store.write() as session:
        ticket = store.locked(session, Ticket, ticket_id)
        due = ticket.next_look_at is None or ticket.next_look_at <= now
        if ticket.state != TicketState.REQUESTED or not due:
            return None
        connection = session.get(Connection, ticket.connection_id) if ticket.connection_id else None
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
        connections.note(connection.id, connection.credentials_version, problem)
    if isinstance(problem, InvalidInput):
        destinations.forget(connection.id)


def get(incident_id: int, ticket_id: int) -> Ticket:
    """A ticket of this incident. Raises Missing."""
    ticket = store.get(Ticket, ticket_id)
    if ticket.incident_id != incident_id:
        raise Missing(f"Ticket {ticket_id}")
    return ticket
