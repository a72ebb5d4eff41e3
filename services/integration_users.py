"""Integration users: the people of ticket systems whom tickets can be given to. Added, removed, listed, offered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extensions import db
from models import Connection, IntegrationUser
from providers.base import utcnow
from providers.values import Person
from services import events, paging, person_look_up, person_tickets, search, store
from services.actors import Actor, Permission
from services.errors import Missing
from services.person_look_up import LookUp, NotAdded, Source, look_up, sources

__all__ = ["LookUp", "NotAdded", "Source", "look_up", "sources"]


class PersonStatus(StrEnum):
    """What the ticket system last said of a person."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    GONE = "gone"


# Beside the statuses themselves, what the list can be narrowed to: everybody whom nobody can choose any more.
ATTENTION = "attention"
_NARROWED: dict[str, tuple[PersonStatus, ...]] = {
    **{status: (status,) for status in PersonStatus},
    ATTENTION: (PersonStatus.INACTIVE, PersonStatus.GONE),
}
# Every status the list can be narrowed to.
STATUSES = tuple(_NARROWED)


@dataclass(frozen=True)
class ListedUser:
    """One row of the list. `source` is None when this installation does not know the provider any more.

    `open_tickets` is counted for people who are not active; for the others it is 0.
    """

    id: int
    name: str
    email: str
    external_username: str
    status: str
    checked_at: dt.datetime
    source: Source | None
    open_tickets: int = 0

    @property
    def active(self) -> bool:
        """Whether tickets can be given to this person."""
        return self.status == PersonStatus.ACTIVE


@dataclass(frozen=True)
class Named:
    """What to call a person, and whether tickets can still be given to them."""

    name: str
    active: bool


@dataclass(frozen=True)
class PersonChoice:
    """An integration user as pick lists and tickets need one."""

    id: int
    connection_id: int
    name: str
    email: str
    external_id: str
    external_username: str
    active: bool


def add(actor: Actor, connection_id: int, email: str, external_id: str = "") -> IntegrationUser:
    """Add a person to the list. The ticket system is asked again: what a form says of a person counts for nothing.

    Args:
        external_id: whom of the people with this address; "" takes the only one, provided the address is visible.

    Raises:
        NotAdded: nobody could be added; tells whom the ticket system named.
        and everything `look_up` raises.
    """
    found = look_up(actor, connection_id, email)
    person = person_look_up.chosen(found, external_id)
    try:
        return _store(actor, found, person)
    except IntegrityError:  # the unique index: somebody else added the same person in this moment
        text = person_look_up.already_listed(person_look_up.display_name(person))
        raise NotAdded(replace(found, candidates=(), sentence=text, note="")) from None


def _store(actor: Actor, found: LookUp, person: Person) -> IntegrationUser:
    """Write row and event. Raises IntegrityError when the person is there, Missing when the connection is gone."""
    now = utcnow()
    with store.write() as session:
        store.locked(session, Connection, found.connection_id)
        user = IntegrationUser(
            connection_id=found.connection_id,
            email=person_look_up.clean(person.email, person_look_up.LONGEST_EMAIL) or found.email,
            name=person_look_up.display_name(person),
            external_username=person_look_up.clean(person.username, person_look_up.LONGEST_USERNAME),
            external_id=person.external_id,
            status=PersonStatus.ACTIVE,
            checked_at=now,
            created_at=now,
        )
        session.add(user)
        session.flush()
        details = {"email": user.email, "integration": found.tenant, "external_id": user.external_id}
        _event(session, actor, "integration_user.added", user, details)
    return user


def _event(session: Session, actor: Actor, action: str, user: IntegrationUser, details: dict[str, Any]) -> None:
    events.record(session, actor, action, kind="integration_user", target_id=user.id, target=user.name, details=details)


def get(actor: Actor, user_id: int) -> IntegrationUser:
    """The integration user. Raises Missing when absent or when this actor may not see integration users."""
    if not actor.may(Permission.INTEGRATION_USER_READ):
        raise Missing(f"IntegrationUser {user_id}")
    return store.get(IntegrationUser, user_id)


def remove(actor: Actor, user_id: int) -> str:
    """Take a person off the list. Tickets stay as they are, here and at the provider.

    Returns the name. Raises Missing.
    """
    with store.write() as session:
        user = store.locked(session, IntegrationUser, user_id)
        name = user.name
        details = {"email": user.email, "connection_id": user.connection_id, "external_id": user.external_id}
        _event(session, actor, "integration_user.removed", user, details)
        session.delete(user)
    return name


_LISTED = (
    IntegrationUser.id,
    IntegrationUser.name,
    IntegrationUser.email,
    IntegrationUser.external_username,
    IntegrationUser.status,
    IntegrationUser.checked_at,
    IntegrationUser.connection_id,
)


def page(
    *,
    known: Sequence[Source],
    query: str = "",
    connection_id: int | None = None,
    status: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> paging.Page[ListedUser]:
    """One page of the list, by name.

    Args:
        known: what `sources()` gave.
        query: words that must occur in name or e-mail address.
        connection_id: only people of this connection.
        status: only people of this status, one of STATUSES; "" for all.

    Raises:
        Refused: the cursor is not one of ours.
    """
    order = (paging.Order(IntegrationUser.name), paging.Order(IntegrationUser.id))
    statement = _filtered(select(*_LISTED), query, connection_id)
    if status:
        statement = statement.where(IntegrationUser.status.in_(_NARROWED[status]))
    found = paging.page(statement, order, cursor=cursor, limit=limit, scalars=False)
    return replace(found, items=_listed(known, found.items))


def one(known: Sequence[Source], user_id: int) -> ListedUser | None:
    """One row as the list shows it; None when there is none."""
    row = db.session.execute(select(*_LISTED).where(IntegrationUser.id == user_id)).one_or_none()
    return _listed(known, [row])[0] if row else None


def _listed(known: Sequence[Source], rows: Sequence[Any]) -> list[ListedUser]:
    by_id = {source.id: source for source in known}
    counts = person_tickets.counts([row.id for row in rows if row.status != PersonStatus.ACTIVE])
    return [
        ListedUser(
            row.id,
            row.name,
            row.email,
            row.external_username,
            row.status,
            row.checked_at,
            by_id.get(row.connection_id),
            counts.get(row.id, 0),
        )
        for row in rows
    ]


def _filtered(statement: Any, query: str, connection_id: int | None) -> Select[Any]:
    condition = search.integration_users(query)
    if condition is not None:
        statement = statement.where(condition)
    if connection_id is not None:
        statement = statement.where(IntegrationUser.connection_id == connection_id)
    filtered: Select[Any] = statement
    return filtered


def choices(connection_id: int, query: str = "", limit: int = 20) -> list[PersonChoice]:
    """Active people of a connection for a pick list: the first by name whose name or e-mail address holds the words."""
    active = select(IntegrationUser).where(IntegrationUser.status == PersonStatus.ACTIVE)
    chosen = _filtered(active, query, connection_id)
    found = db.session.scalars(chosen.order_by(IntegrationUser.name, IntegrationUser.id).limit(limit))
    return [_choice(user) for user in found]


def get_choice(user_id: int) -> PersonChoice:
    """One person for a ticket; look at `active` before using it. Raises Missing."""
    return _choice(store.get(IntegrationUser, user_id))


def named(user_ids: Sequence[int]) -> dict[int, Named]:
    """These people by row number; those that were removed are missing."""
    if not user_ids:
        return {}
    columns = (IntegrationUser.id, IntegrationUser.name, IntegrationUser.status)
    rows = db.session.execute(select(*columns).where(IntegrationUser.id.in_(user_ids)))
    return {row.id: Named(row.name, row.status == PersonStatus.ACTIVE) for row in rows}


def _choice(user: IntegrationUser) -> PersonChoice:
    return PersonChoice(
        user.id,
        user.connection_id,
        user.name,
        user.email,
        user.external_id,
        user.external_username,
        user.status == PersonStatus.ACTIVE,
    )
