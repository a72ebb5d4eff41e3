"""Integration users kept true: read again every night, changes written, people who need attention told.

A person whom the provider does not name any more is marked as not found, unless the answer may have another reason. A
batch in which the provider names nobody but the connection's own account proves nothing by itself: vendors answer a
missing permission with an empty list. It is believed only when the provider's search, asked for the address of one of
the missing people, does not find that person either; the search says when the account may not search
(FindsPeople.find_people). Otherwise everybody in that batch stays as they are, until the next night.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, IntegrationUser
from models.crypto import CannotOpen
from providers.base import FindsPeople, utcnow
from providers.errors import NotAllowed, ProviderError
from providers.values import Person
from services import connection_health, connection_notices, events, outbound, people_notices, store
from services.actors import Actor
from services.errors import Missing
from services.integration_users import PersonStatus
from services.person_look_up import LONGEST_EMAIL, LONGEST_USERNAME, clean, display_name

# A run starts no further batches after this time; with the last one it ends well within its lease (schedule.Task).
RUN_SECONDS = 200.0
_ACTIONS = {
    PersonStatus.ACTIVE: "integration_user.active_again",
    PersonStatus.INACTIVE: "integration_user.inactive",
    PersonStatus.GONE: "integration_user.not_found",
}


@dataclass
class Report:
    """What a run did, counted in people; and the connections whose people stay as they were, by reason."""

    read: int = 0
    updated: int = 0
    inactive: int = 0
    gone: int = 0
    back: int = 0
    not_allowed: list[str] = field(default_factory=list)
    no_answer: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    cut_short: bool = False

    def __str__(self) -> str:
        """In a few words."""
        words = [
            f"{self.read} read, {self.updated} updated, {self.inactive} inactive, {self.gone} not found, "
            f"{self.back} active again"
        ]
        for sentence, names in (
            ("the account may not read people in", self.not_allowed),
            ("no answer from", self.no_answer),
            ("an empty answer was not believed in", self.doubtful),
        ):
            if names:
                words.append(f"{sentence} {', '.join(dict.fromkeys(names))}")
        if self.cut_short:
            words.append("the rest is read at the next run")
        return "; ".join(words)


@dataclass(frozen=True)
class _Asked:
    """A person to be read, as far as the provider must know."""

    id: int
    external_id: str
    email: str


@dataclass(frozen=True)
class _Look:
    """What the provider showed of a batch, and the connection's address and time when it was asked."""

    began: dt.datetime
    origin: str
    asked: Sequence[_Asked]
    found: Mapping[str, Person]


@dataclass
class _Run:
    """The run over one connection: who needs attention since it began, as (name, status)."""

    actor: Actor
    connection_id: int
    report: Report
    until: float | None
    began: dt.datetime = field(default_factory=utcnow)
    news: list[tuple[str, PersonStatus]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.until is not None and time.monotonic() > self.until


def recheck(actor: Actor, everything: bool = False) -> Report:
    """Read the people of every connection that is switched on and not resting, and write what changed.

    A provider that fails ends the run over its connection: what it answered before stays written, the rest is read at
    the next run. Within a connection whoever was read longest ago comes first, and so do the connections.

    Args:
        everything: go on to the end, however long it takes.
    """
    report = Report()
    until = None if everything else time.monotonic() + RUN_SECONDS
    for connection_id in _connections():
        run = _Run(actor, connection_id, report, until)
        try:
            _recheck(run)
        except Missing:
            continue  # disconnected a moment ago
    store.release()
    return report


def _connections() -> Sequence[int]:
    """Those with people to read: connections that worked last come first, so that one that hangs holds up no other."""
    known = [provider.key for provider in providers.all_providers() if provider.can(FindsPeople)]
    query = (
        select(Connection.id)
        .join(IntegrationUser, IntegrationUser.connection_id == Connection.id)
        .where(Connection.enabled, Connection.provider_key.in_(known))
        .group_by(Connection.id, Connection.failures)
        .order_by(Connection.failures > 0, func.min(IntegrationUser.checked_at), Connection.id)
    )
    found: Sequence[int] = db.session.scalars(query).all()
    store.release()
    return found


def _recheck(run: _Run) -> None:
    provider = providers.get(store.get(Connection, run.connection_id).provider_key)
    client_class: type[FindsPeople] = provider.client  # type: ignore[assignment]  # only such connections were chosen
    for batch in _batches(run.connection_id, client_class.people_batch_size):
        if run.is_over:
            run.report.cut_short = True
            return
        connection = db.session.get(Connection, run.connection_id, populate_existing=True)
        if connection is None or not connection.enabled:
            return
        look = _look(run, connection, batch)
        if look is None:
            return
        _write(run, look)


def _batches(connection_id: int, size: int) -> Iterator[Sequence[_Asked]]:
    """Everybody once, by number: from whoever was read longest ago to the last, then from the first up to there."""
    mine = IntegrationUser.connection_id == connection_id
    oldest = db.session.scalar(
        select(IntegrationUser.id).where(mine).order_by(IntegrationUser.checked_at, IntegrationUser.id).limit(1)
    )
    if oldest is None:
        return
    columns = (IntegrationUser.id, IntegrationUser.external_id, IntegrationUser.email)
    for after, last in ((oldest - 1, store.LARGEST_ID), (0, oldest - 1)):
        while True:
            query = select(*columns).where(mine, IntegrationUser.id > after, IntegrationUser.id <= last)
            rows = db.session.execute(query.order_by(IntegrationUser.id).limit(size)).all()
            store.release()
            if not rows:
                break
            yield [_Asked(*row) for row in rows]
            after = rows[-1].id


# -- asking -----------------------------------------------------------------------------------------------------------


def _look(run: _Run, connection: Connection, batch: Sequence[_Asked]) -> _Look | None:
    """Ask the provider. None when there is no use in going on; people nothing was learned about are left out."""
    began, origin, name = utcnow(), connection.origin, connection_notices.name(connection)
    if connection.rests_until is not None and connection.rests_until > began:
        run.report.no_answer.append(name)
        return None
    try:
        client = outbound.client_for(connection, run.actor, seconds=outbound.WORKER_SECONDS)
        found = client.read_people([person.external_id for person in batch])
        believed = _believed(connection, client, batch, found)
    except NotAllowed:
        run.report.not_allowed.append(name)
        return None
    except (ProviderError, CannotOpen) as error:
        run.report.no_answer.append(name)
        if isinstance(error, ProviderError):
            connection_health.note_refusal(connection, error)
        return None
    if not believed:
        run.report.doubtful.append(name)
        batch = [person for person in batch if person.external_id in found]
    return _Look(began, origin, batch, found)


def _believed(connection: Connection, client: Any, batch: Sequence[_Asked], found: Mapping[str, Person]) -> bool:
    """Whether those missing in the answer are gone; see the rule above. Raises ProviderError."""
    own = str((connection.external_account or {}).get("id", ""))
    missing = [person for person in batch if person.external_id not in found]
    if not missing or any(external_id != own for external_id in found):
        return True
    one = missing[0]
    try:
        return all(person.external_id != one.external_id for person in client.find_people(one.email))
    except NotAllowed:
        return False


# -- writing ----------------------------------------------------------------------------------------------------------


def _write(run: _Run, look: _Look) -> None:
    """One transaction for the batch: changes, their events, and the notice. Raises Missing."""
    before = len(run.news)
    with store.write() as session:
        connection = store.locked(session, Connection, run.connection_id)
        if connection.origin != look.origin:
            return  # it leads to another site since: these answers are about other people
        query = select(IntegrationUser).where(IntegrationUser.id.in_([person.id for person in look.asked]))
        query = query.order_by(IntegrationUser.id).with_for_update(key_share=True)
        for user in session.scalars(query.execution_options(populate_existing=True)):
            if user.checked_at > look.began:
                continue  # read by somebody else meanwhile; what we saw may be older
            _take(session, run, user, look.found.get(user.external_id))
            user.checked_at = utcnow()
        if len(run.news) > before:
            people_notices.tell(session, connection, run.began, run.news)


def _take(session: Session, run: _Run, user: IntegrationUser, person: Person | None) -> None:
    """Write what the provider shows of one person; None: it knows nobody by this id."""
    report = run.report
    report.read += 1
    changes = _changes(user, person) if person is not None else {}
    if changes:
        details = {name: {"before": getattr(user, name), "after": value} for name, value in changes.items()}
        for name, value in changes.items():
            setattr(user, name, value)
        report.updated += 1
        _event(session, run, "integration_user.updated", user, details)
    status = _status(person)
    if status == user.status:
        return
    details = {"status": {"before": user.status, "after": str(status)}}
    user.status = status
    report.inactive += status is PersonStatus.INACTIVE
    report.gone += status is PersonStatus.GONE
    report.back += status is PersonStatus.ACTIVE
    _event(session, run, _ACTIONS[status], user, details)
    if status is not PersonStatus.ACTIVE:
        run.news.append((user.name, status))


def _status(person: Person | None) -> PersonStatus:
    if person is None:
        return PersonStatus.GONE
    return PersonStatus.ACTIVE if person.active else PersonStatus.INACTIVE


def _changes(user: IntegrationUser, person: Person) -> dict[str, str]:
    """Columns that are not as the provider shows them. What it leaves out, or hides, stays as it is known here."""
    shown = {
        "name": display_name(person),
        "external_username": clean(person.username, LONGEST_USERNAME),
        "email": "" if person.email_hidden else clean(person.email, LONGEST_EMAIL),
    }
    return {name: value for name, value in shown.items() if value and value != getattr(user, name)}


def _event(session: Session, run: _Run, action: str, user: IntegrationUser, details: dict[str, Any]) -> None:
    kind = "integration_user"
    events.record(session, run.actor, action, kind=kind, target_id=user.id, target=user.name, details=details)
