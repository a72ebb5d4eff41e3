"""Reading tickets back: in batches, when they are due, by whichever worker comes first.

A ticket's `sync_due_at` says when it is read next. A worker claims a batch by moving that time on, so a worker that
dies loses nothing and two workers share the work. A webhook moves the time to now; what it says itself is not believed.

Rows are locked in this order everywhere: tickets, then incidents, each by rising number.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import case, select, type_coerce, update
from sqlalchemy.orm import Session

from extensions import db
from models import Connection, Incident, Ticket, TicketState
from models.crypto import CannotOpen
from models.types import UtcDateTime
from providers.base import ReadsStatus, utcnow
from providers.errors import NotAllowed, NotFound, ProviderError
from providers.values import TicketStatus
from services import connection_health, connections, outbound, store, ticket_changes, waking
from services.actors import Actor
from services.runtime import settings

# Whoever reads a batch has this long before another worker takes it for dead.
CLAIM = dt.timedelta(seconds=90)
# One ticket is read at most this often, whatever webhooks ask for.
CLOSEST = dt.timedelta(seconds=2)
DONE_EVERY = dt.timedelta(hours=1)
# A done ticket that nothing happened to for a while, and one that is gone, are looked at once a day.
QUIET_AFTER = dt.timedelta(days=7)
QUIET_EVERY = dt.timedelta(days=1)
# Longest run over one connection; what is left is due already.
RUN_SECONDS = 240.0
# So many missing tickets of a batch are asked for one by one to tell deleted from hidden; the rest next time.
MOST_SINGLE = 5
MOST_HINTS = 1_000


@dataclass
class Report:
    """What a run did."""

    read: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0


@dataclass(frozen=True)
class _Batch:
    """Tickets claimed by this run: the moment they were claimed until, and their rows."""

    until: dt.datetime
    tickets: Sequence[Ticket]


@dataclass
class _Look:
    """What the provider shows of a batch, by external id; `failed` when it stopped answering on the way."""

    began: dt.datetime
    found: dict[str, TicketStatus] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: bool = False


def wake_due(actor: Actor) -> int:
    """Have the worker read back whatever is due, one message for each connection. Returns how many."""
    due = [connection.id for connection in connections.with_capability(ReadsStatus) if _anything_due(connection)]
    store.release()
    for connection_id in due:
        if not waking.wake("read_back", connection_id):
            sync_connection(actor, connection_id)
    return len(due)


def sync_all(actor: Actor) -> Report:
    """Read back every ticket there is, now."""
    report = Report()
    for connection_id in [connection.id for connection in connections.with_capability(ReadsStatus)]:
        with store.write() as session:
            mine = update(Ticket).where(Ticket.connection_id == connection_id, Ticket.sync_due_at.is_not(None))
            session.execute(mine.values(sync_due_at=utcnow()).execution_options(synchronize_session=False))
        one = sync_connection(actor, connection_id)
        report.read += one.read
        report.changed += one.changed
        report.gone += one.gone
        report.failed += one.failed
    return report


def sync_connection(actor: Actor, connection_id: int) -> Report:
    """Read back the tickets of one connection that are due, batch by batch.

    A provider that fails ends the run; what it did not answer for is due again at once, for the next run.
    """
    report, end = Report(), time.monotonic() + RUN_SECONDS
    while time.monotonic() < end and _next_batch(actor, connection_id, report):
        pass
    store.release()
    return report


def _next_batch(actor: Actor, connection_id: int, report: Report) -> bool:
    """Read one batch and write what it shows. Returns whether to go on."""
    connection = db.session.get(Connection, connection_id, populate_existing=True)
    if connection is None or not connection.enabled or _rests(connection):
        return False
    client_class: type[ReadsStatus] = connections.providers_or_missing(connection.provider_key).client  # type: ignore[assignment]  # only such connections have tickets
    batch = _claim(connection_id, client_class.batch_size)
    if not batch.tickets:
        return False
    look = _look(actor, connection, batch.tickets)
    _write(actor, batch, look, report)
    return not look.failed


def _rests(connection: Connection) -> bool:
    return connection.rests_until is not None and connection.rests_until > utcnow()


def _due(connection_id: int):  # type: ignore[no-untyped-def]
    """Tickets to read, longest due first. An index gives them without a look at the others."""
    return (
        select(Ticket)
        .where(
            Ticket.connection_id == connection_id,
            Ticket.sync_due_at <= utcnow(),
            Ticket.state == TicketState.CREATED,
            Ticket.external_id != "",
        )
        .order_by(Ticket.sync_due_at, Ticket.id)
    )


def _anything_due(connection: Connection) -> bool:
    one = _due(connection.id).limit(1).with_only_columns(Ticket.id)
    return not _rests(connection) and db.session.scalar(one) is not None


def _claim(connection_id: int, size: int) -> _Batch:
    until = utcnow() + CLAIM
    with store.write() as session:
        query = _due(connection_id).limit(size).with_for_update(skip_locked=True, key_share=True)
        tickets = session.scalars(query.execution_options(populate_existing=True)).all()
        for ticket in tickets:
            ticket.sync_due_at = until
    return _Batch(until, tickets)


def _look(actor: Actor, connection: Connection, tickets: Sequence[Ticket]) -> _Look:
    look = _Look(utcnow())
    try:
        client: ReadsStatus = outbound.client_for(connection, actor, seconds=outbound.WORKER_SECONDS)
        look.found.update(client.read_tickets([ticket.external_id for ticket in tickets]))
        unseen = [ticket.external_id for ticket in tickets if ticket.external_id not in look.found]
        _ask_singly(client, unseen[:MOST_SINGLE], look)
    except (ProviderError, CannotOpen) as error:
        # The ledger has the details; what may pass is left to the watch over connections.
        look.failed = True
        if isinstance(error, ProviderError):
            connection_health.note_refusal(connection, error)
    return look


def _ask_singly(client: ReadsStatus, external_ids: Sequence[str], look: _Look) -> None:
    for external_id in external_ids:
        try:
            look.found[external_id] = client.read_ticket(external_id)
        except NotFound:
            look.missing[external_id] = ticket_changes.DELETED
        except NotAllowed:
            look.missing[external_id] = ticket_changes.HIDDEN


def _write(actor: Actor, batch: _Batch, look: _Look, report: Report) -> None:
    """One transaction for the whole batch."""
    same, news, open_ids = [], [], []
    for ticket in batch.tickets:
        status = look.found.get(ticket.external_id)
        if status is not None and not ticket_changes.differs(ticket, status):
            same.append(ticket)
        elif status is not None or ticket.external_id in look.missing:
            news.append(ticket)
        else:
            open_ids.append(ticket.id)
    with store.write() as session:
        _write_news(session, actor, batch.until, news, look, report)
        _touch(session, batch.until, same)
        if look.failed:
            _reschedule(session, batch.until, open_ids, utcnow())
    report.read += len(same) + len(news)
    report.failed += len(open_ids) if look.failed else 0


def _write_news(
    session: Session, actor: Actor, until: dt.datetime, news: Sequence[Ticket], look: _Look, report: Report
) -> None:
    current = _locked(session, Ticket, [ticket.id for ticket in news])
    _locked(session, Incident, _finishing(current.values(), look.found))
    for ticket in current.values():
        if ticket.state != TicketState.CREATED:
            continue
        if ticket_changes.is_newer(ticket, look.began):
            ticket.sync_due_at = _moved_on(ticket, until, utcnow() + CLOSEST)
            continue
        status = look.found.get(ticket.external_id)
        if status is not None:
            ticket_changes.seen(session, actor, ticket, status)
            report.changed += 1
        else:
            ticket_changes.missed(session, actor, ticket, look.missing[ticket.external_id])
            report.gone += 1
        ticket.sync_due_at = _moved_on(ticket, until, _next(ticket))


def _finishing(tickets: Iterable[Ticket], found: Mapping[str, TicketStatus]) -> list[int]:
    """Incidents that a rule may resolve: they are locked together and in order, before any is changed."""
    pairs = [(ticket, found.get(ticket.external_id)) for ticket in tickets]
    return [ticket.incident_id for ticket, status in pairs if status and ticket_changes.finishes(ticket, status)]


def _locked(session: Session, model: Any, ids: Sequence[int]) -> dict[int, Any]:
    """The rows as they are now by number, locked by rising number."""
    if not ids:
        return {}
    query = select(model).where(model.id.in_(ids)).order_by(model.id).with_for_update(key_share=True)
    return {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def _touch(session: Session, until: dt.datetime, tickets: Sequence[Ticket]) -> None:
    """Tickets that look as before: only the time of the look and of the next one changes."""
    groups: dict[dt.datetime, list[int]] = {}
    for ticket in tickets:
        groups.setdefault(_next(ticket), []).append(ticket.id)
    for due, ids in groups.items():
        _reschedule(session, until, ids, due, synced_at=utcnow())


def _reschedule(session: Session, until: dt.datetime, ids: Sequence[int], due: dt.datetime, **values: Any) -> None:
    if not ids:
        return
    kept = case((Ticket.sync_due_at == until, type_coerce(due, UtcDateTime)), else_=Ticket.sync_due_at)
    change = update(Ticket).where(Ticket.id.in_(ids)).values(sync_due_at=kept, **values)
    session.execute(change.execution_options(synchronize_session=False))


def _moved_on(ticket: Ticket, claimed: dt.datetime, due: dt.datetime) -> dt.datetime | None:
    """The next time, unless a webhook asked for an earlier one while we were reading."""
    return due if ticket.sync_due_at == claimed else ticket.sync_due_at


def _next(ticket: Ticket) -> dt.datetime:
    # Whole seconds: tickets of one batch are written together, and come due together.
    now = utcnow().replace(microsecond=0)
    if ticket.visibility or (ticket.status_category == "done" and now - ticket.updated_at > QUIET_AFTER):
        return now + QUIET_EVERY
    if ticket.status_category == "done":
        return now + DONE_EVERY
    return now + dt.timedelta(seconds=settings().intervals["status"])


def ask_for(connection_id: int, external_ids: Sequence[str]) -> int:
    """Something changed at the provider: read these tickets back soon, each at most once in two seconds.

    Returns how many of them are ours. Many hints about one ticket make one read-back.
    """
    now = utcnow()
    with store.write() as session:
        query = select(Ticket).where(
            Ticket.connection_id == connection_id,
            Ticket.external_id.in_(list(external_ids)[:MOST_HINTS]),
            Ticket.state == TicketState.CREATED,
        )
        query = query.order_by(Ticket.id).with_for_update(key_share=True)
        tickets = session.scalars(query.execution_options(populate_existing=True)).all()
        moved = [ticket for ticket in tickets if ticket.sync_due_at is None or ticket.sync_due_at > _soon(ticket, now)]
        for ticket in moved:
            ticket.sync_due_at = _soon(ticket, now)
    if moved:
        last = max(ticket.sync_due_at for ticket in moved if ticket.sync_due_at)
        waking.wake("read_back", connection_id, seconds=max(0.0, (last - now).total_seconds()))
    return len(tickets)


def _soon(ticket: Ticket, now: dt.datetime) -> dt.datetime:
    """The earliest time to read a ticket that may have just been read, or is perhaps being read right now."""
    claimed = ticket.sync_due_at is not None and now < ticket.sync_due_at <= now + CLAIM
    last = now if claimed else ticket.synced_at
    return now if last is None else max(now, last + CLOSEST)
