"""Periodic work: what is done, how often, by whom now, and how it went last.

One row per task holds the truth: when it is due, and a lease of whoever runs it. Any number of workers may look; a
lost queue, a killed worker or a task that runs twice does no harm.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extensions import db
from models import PeriodicRun, WorkerProcess
from providers.base import utcnow
from services import (
    automatic_tickets,
    connection_watch,
    expiry,
    people_care,
    pruning,
    store,
    ticket_comments,
    ticket_settling,
    ticket_sync,
    tokens,
    webhooks,
)
from services.actors import SYSTEM, Actor
from services.runtime import settings

log = logging.getLogger("patchpanel.schedule")
# A message nobody took after this long is taken for lost.
LOST = dt.timedelta(seconds=10)
# A worker that was not seen for this long is missing; the first one may take as long to come up.
MISSING = dt.timedelta(seconds=30)
FORGET_WORKER = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Task:
    """A periodic task.

    `run` takes who acts and whether everything is wanted now (instead of what is due) and says in a few words what it
    did. It ends by itself well within `longest`; what is left is due again.
    """

    label: str
    run: Callable[[Actor, bool], str]
    longest: dt.timedelta = dt.timedelta(minutes=5)


def _settle(actor: Actor, everything: bool) -> str:
    if not everything:
        return f"{ticket_settling.wake_due(actor)} looked at"
    report = ticket_settling.settle_all(actor)
    return f"{report.created} confirmed or created, {report.not_created} not created, {report.pending} open"


def _status(actor: Actor, everything: bool) -> str:
    if not everything:
        return f"{ticket_sync.wake_due(actor)} connections asked"
    report = ticket_sync.sync_all(actor)
    return f"{report.read} read, {report.changed} changed, {report.gone} gone, {report.failed} not readable"


def _webhooks(actor: Actor, everything: bool) -> str:
    return f"{webhooks.renew_due(actor)} renewed"


def _people(actor: Actor, everything: bool) -> str:
    return str(people_care.recheck(actor, everything))


def _tokens(actor: Actor, everything: bool) -> str:
    return f"{tokens.keep_alive(actor)} renewed"


TASKS: Mapping[str, Task] = {
    # Short: what a killed worker held must go on soon. Two runs at once are fine, each ticket has a lease of its own.
    "settle": Task("Confirm unclear tickets", _settle, longest=dt.timedelta(seconds=20)),
    "automatic": Task("Create tickets without asking", automatic_tickets.release_due),
    # It only wakes others: when its worker dies, nobody waits long for the next run.
    "status": Task("Read ticket status back", _status, dt.timedelta(seconds=30)),
    "comments": Task("Send comments to tickets", ticket_comments.send_due, longest=dt.timedelta(seconds=30)),
    "check": Task("Check connections", connection_watch.check_due),
    "expiry": Task("Warn of expiry", expiry.watch),
    "tokens": Task("Keep access alive", _tokens),
    "people": Task("Re-check integration users", _people),
    "webhooks": Task("Renew webhooks", _webhooks),
    "prune": Task("Remove old entries", pruning.prune),
}


def due() -> Sequence[str]:
    """Names of the tasks to be put into the queue now; each is named once, and again when nobody took it."""
    now = utcnow()
    query = select(PeriodicRun.name).where(
        PeriodicRun.due_at <= now,
        PeriodicRun.name.in_(TASKS),
        (PeriodicRun.queued_at.is_(None)) | (PeriodicRun.queued_at < now - LOST),
        (PeriodicRun.lease_until.is_(None)) | (PeriodicRun.lease_until < now),
    )
    names = db.session.scalars(query).all()
    store.release()
    if not names:
        return ()
    with store.write() as session:
        mark = update(PeriodicRun).where(PeriodicRun.name.in_(names)).values(queued_at=now)
        session.execute(mark)
    return names


def prepare() -> None:
    """Make the row of every task, and let those start again whose interval was shortened."""
    now, intervals = utcnow(), settings().intervals
    for name in TASKS:
        latest = now + dt.timedelta(seconds=intervals[name])
        try:
            with store.write() as session:
                row = session.get(PeriodicRun, name)
                if row is None:
                    session.add(PeriodicRun(name=name, due_at=now))
                elif row.due_at > latest:
                    row.due_at = latest
        except IntegrityError:
            # Another process made the row a moment before.
            continue


def run(name: str) -> None:
    """Run a task that is due, unless somebody else does. Its failure is logged and noted, never raised."""
    task = TASKS[name]
    holder = _claim(name, task, forced=False)
    if holder:
        _run(name, task, holder, SYSTEM, everything=False)


def run_all(actor: Actor) -> Mapping[str, tuple[bool, str]]:
    """Run every task once, now and completely. Returns for each whether it went well, and its report."""
    prepare()
    done = {}
    for name, task in TASKS.items():
        holder = _claim(name, task, forced=True)
        done[name] = _run(name, task, holder, actor, everything=True)
    return done


def _claim(name: str, task: Task, *, forced: bool) -> str:
    """Take the task's lease; empty when it is not due or somebody holds it. By force it is taken in any case: running
    twice at once does no harm.
    """
    now = utcnow()
    with store.write() as session:
        row = _locked(session, name)
        held = row.lease_until is not None and row.lease_until > now
        if not forced and (held or row.due_at > now):
            return ""
        row.holder = secrets.token_hex(8)
        row.lease_until, row.started_at = now + task.longest, now
        return row.holder


def _locked(session: Session, name: str) -> PeriodicRun:
    query = select(PeriodicRun).where(PeriodicRun.name == name).with_for_update()
    row: PeriodicRun = session.scalars(query.execution_options(populate_existing=True)).one()
    return row


def _run(name: str, task: Task, holder: str, actor: Actor, *, everything: bool) -> tuple[bool, str]:
    try:
        outcome, report = "done", task.run(actor, everything)
    except Exception as error:
        # One failing task must not end the worker, nor keep the others from running.
        log.exception("periodic task failed", extra={"task": name})
        db.session.rollback()
        outcome, report = "failed", f"Stopped by an error ({type(error).__name__}); the log has the details."
    with store.write() as session:
        row = _locked(session, name)
        if row.holder == holder:
            row.lease_until = row.queued_at = None
            row.finished_at, row.outcome, row.report = utcnow(), outcome, report
            began = row.started_at or row.finished_at
            row.due_at = max(began + dt.timedelta(seconds=settings().intervals[name]), utcnow())
    return outcome == "done", report


def rows() -> Sequence[tuple[str, int, PeriodicRun | None]]:
    """Every task for people: label, seconds between runs, its row."""
    found = {row.name: row for row in db.session.scalars(select(PeriodicRun))}
    return [(task.label, settings().intervals[name], found.get(name)) for name, task in TASKS.items()]


def seen(name: str, started_at: dt.datetime) -> None:
    """A worker says that it is alive."""
    now = utcnow()
    with store.write() as session:
        row = session.get(WorkerProcess, name)
        if row is None:
            session.execute(delete(WorkerProcess).where(WorkerProcess.seen_at < now - FORGET_WORKER))
            session.add(WorkerProcess(name=name, started_at=started_at, seen_at=now))
        else:
            row.seen_at = now


def gone(name: str) -> None:
    """A worker stops in order."""
    with store.write() as session:
        session.execute(delete(WorkerProcess).where(WorkerProcess.name == name))


def workers() -> Sequence[WorkerProcess]:
    """The workers that were seen lately, newest first."""
    query = select(WorkerProcess).order_by(WorkerProcess.seen_at.desc()).limit(20)
    return db.session.scalars(query).all()
