"""The open tickets of a person, and giving them to somebody else: for people who left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import aliased

from extensions import db
from models import Incident, IntegrationUser, Ticket, TicketState
from providers.errors import Conflict, InvalidInput, NotAllowed, NotFound, ProviderError
from services import outbound, paging, store, ticket_care, ticket_changes
from services.actors import Actor, Permission
from services.errors import Missing, Refused

PER_PAGE = 25
# Failures that are about the one ticket: the next one may well go through.
OF_THE_TICKET = (Conflict, InvalidInput, NotAllowed, NotFound)


@dataclass
class Reassigned:
    """What came of it: keys of the tickets that were given away, failures by ticket number, tickets not tried."""

    done: list[str] = field(default_factory=list)
    failed: dict[int, ProviderError | Refused] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)


def _open() -> ColumnElement[bool]:
    """Tickets that exist and are not done, of whoever we gave them to.

    One that the last read-back showed with another known person who is active has been given away at the provider.
    """
    taker, owner = aliased(IntegrationUser), aliased(IntegrationUser)
    given_away = (
        select(taker.id)
        .where(
            owner.id == Ticket.integration_user_id,
            taker.connection_id == Ticket.connection_id,
            taker.name == Ticket.assignee,
            taker.name != owner.name,
            taker.status == "active",
        )
        .correlate(Ticket)
        .exists()
    )
    return and_(
        Ticket.state == TicketState.CREATED,
        Ticket.status_category != "done",
        Ticket.visibility != ticket_changes.DELETED,
        ~given_away,
    )


def counts(user_ids: Sequence[int]) -> dict[int, int]:
    """How many open tickets these people have, with one query; those without any are missing."""
    if not user_ids:
        return {}
    whose = Ticket.integration_user_id
    rows = db.session.execute(select(whose, func.count()).where(whose.in_(user_ids), _open()).group_by(whose))
    return {user_id: count for user_id, count in rows if user_id is not None}


def page(user_id: int, *, cursor: str | None = None) -> paging.Page[Row[Any]]:
    """Open tickets of this person, oldest first: id, external_key, url, external_status, status_category, assignee,
    visibility, incident_id, and title (the incident's). Raises Refused for a cursor that is none of ours.
    """
    columns = (
        Ticket.id,
        Ticket.external_key,
        Ticket.url,
        Ticket.external_status,
        Ticket.status_category,
        Ticket.assignee,
        Ticket.visibility,
        Ticket.incident_id,
        Incident.title,
    )
    query: Any = select(*columns).join(Incident, Incident.id == Ticket.incident_id)
    query = query.where(Ticket.integration_user_id == user_id, _open())
    return paging.page(query, [paging.Order(Ticket.id)], cursor=cursor, limit=PER_PAGE, scalars=False)


def reassign(actor: Actor, user_id: int, ticket_ids: Sequence[int], to_id: int) -> Reassigned:
    """Give these tickets of a person to somebody else, one call each, at most PER_PAGE of them.

    Each stands for itself: one that fails stays with the person and is told. After a failure that is about the
    provider, or when the time of a click is used up, the rest is left as it is.

    Raises Missing when this actor may not do so or a person is gone; Refused when nobody can take them over.
    """
    if not actor.may(Permission.TICKET_WRITE):
        raise Missing(f"tickets of IntegrationUser {user_id}")
    person, taker = store.get(IntegrationUser, user_id), store.get(IntegrationUser, to_id)
    if taker.connection_id != person.connection_id or taker.status != "active" or taker.id == person.id:
        text = "Choose somebody else who is active in the same integration."
        raise Refused(text, field_errors={"integration_user": text})
    outcome, until = Reassigned(), time.monotonic() + outbound.INTERACTIVE_SECONDS
    waiting = _still_theirs(person.id, ticket_ids)
    while waiting and time.monotonic() < until:
        ticket = waiting.pop(0)
        try:
            outcome.done.append(_give(actor, ticket, taker.id).external_key)
        except (ProviderError, Refused) as error:
            outcome.failed[ticket.id] = error
            if isinstance(error, ProviderError) and not isinstance(error, OF_THE_TICKET):
                break
    outcome.left = [ticket.id for ticket in waiting]
    return outcome


def _still_theirs(user_id: int, ticket_ids: Sequence[int]) -> list[Ticket]:
    """Those that somebody else has not given away or finished meanwhile."""
    wanted = [number for number in ticket_ids if 0 < number <= store.LARGEST_ID][:PER_PAGE]
    query = select(Ticket).where(Ticket.id.in_(wanted), Ticket.integration_user_id == user_id, _open())
    return list(db.session.scalars(query.order_by(Ticket.id).execution_options(populate_existing=True)))


def _give(actor: Actor, ticket: Ticket, to_id: int) -> Ticket:
    """Assign the ticket. One that the provider did not give away stays what it was: somebody has to go on with it."""
    before = (ticket.integration_user_id, ticket.draft.get("assignee_id", ""), ticket.assignment_error)
    try:
        return ticket_care.assign(actor, ticket, to_id)
    except ProviderError:
        _take_back(ticket.id, to_id, before)
        raise


def _take_back(ticket_id: int, to_id: int, before: tuple[int | None, str, str]) -> None:
    with store.write() as session:
        current = store.locked(session, Ticket, ticket_id)
        if current.integration_user_id != to_id:
            return  # somebody else was faster, and it is theirs to decide
        current.integration_user_id, assignee_id, current.assignment_error = before
        current.draft = {**current.draft, "assignee_id": assignee_id}
