"""Rules that tie incidents and tickets together, switched on per connection.

They cannot go round in circles: the first acts only at the moment a ticket becomes done
(services/ticket_changes.py), the others only say something in a comment, and comments are never read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

import providers
from models import Connection, Incident, Ticket, TicketState
from providers.base import ReadsStatus, TakesComments
from services import events, outbound, store, ticket_comments
from services.actors import Actor
from services.runtime import settings

RESOLVE_WHEN_DONE = "resolve_when_done"
TELL_REOPENED = "tell_reopened"
TELL_NOTES = "tell_notes"
LABELS: Mapping[str, str] = {
    RESOLVE_WHEN_DONE: "Resolve the incident when its ticket is done",
    TELL_REOPENED: "Comment on the ticket when the incident is reopened",
    TELL_NOTES: "Copy notes of the incident to the ticket as comments",
}
_NEEDS: Mapping[str, type] = {
    RESOLVE_WHEN_DONE: ReadsStatus,
    TELL_REOPENED: TakesComments,
    TELL_NOTES: TakesComments,
}


def offered(provider_key: str) -> Mapping[str, str]:
    """The rules a connection of this provider can have, with their labels."""
    provider = providers.get(provider_key)
    return {name: text for name, text in LABELS.items() if provider.can(_NEEDS[name])}


def is_on(session: Session, ticket: Ticket, rule: str) -> bool:
    """Whether the ticket's connection has the rule, and is switched on itself."""
    # Anew: somebody may have switched it a moment ago.
    connection = session.get(Connection, ticket.connection_id or 0, populate_existing=True)
    return connection is not None and connection.enabled and rule in connection.ticket_rules


def change(actor: Actor, connection: Connection, chosen: Iterable[str]) -> Connection:
    """Store which rules are on; names that are not offered are left out. Raises Missing."""
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        before, wanted = set(current.ticket_rules), set(chosen) & set(offered(current.provider_key))
        if before != wanted:
            current.ticket_rules = sorted(wanted)
            events.record(
                session,
                actor,
                "connection.ticket_rules_changed",
                kind="connection",
                target_id=current.id,
                target=outbound.display_name(current),
                details={"on": sorted(wanted - before), "off": sorted(before - wanted)},
            )
    return current


def reopened(session: Session, actor: Actor, incident: Incident) -> Sequence[int]:
    """A person reopened the incident: have its tickets told. Returns the comments to be sent after the commit."""
    text = f"{actor.name} reopened {_name(incident)} in Patchpanel."
    return _tell(session, actor, incident, TELL_REOPENED, text)


def noted(session: Session, actor: Actor, incident: Incident, note: str) -> Sequence[int]:
    """Somebody wrote a note on the incident: copy it to its tickets. Returns the comments to be sent after the commit.

    Incident and address come first: what a provider has no room for is cut at the end.
    """
    text = f"{actor.name} wrote a note on {_name(incident)} in Patchpanel:\n\n{note}"
    return _tell(session, actor, incident, TELL_NOTES, text)


def _name(incident: Incident) -> str:
    return f"{incident.key} “{incident.title}” ({settings().base_url}/incidents/{incident.id})"


def _tell(session: Session, actor: Actor, incident: Incident, rule: str, text: str) -> Sequence[int]:
    query = select(Ticket).where(
        Ticket.incident_id == incident.id, Ticket.state == TicketState.CREATED, Ticket.visibility == ""
    )
    tickets = session.scalars(query.order_by(Ticket.id)).all()
    told = [ticket for ticket in tickets if is_on(session, ticket, rule)]
    return [ticket_comments.request(session, actor, ticket, text).id for ticket in told]
