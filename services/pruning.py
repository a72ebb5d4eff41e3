"""Removing what nobody needs any more, in small transactions, so that the ledgers do not grow for ever."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import delete, select

from models import Attempt, KeptList, Lease, Notice, OneTimeToken, Session, SignInFailure
from providers.base import utcnow
from services import sessions, store
from services.actors import Actor

BATCH = 1000
MOST_BATCHES = 500  # in one run; the rest is removed in the next
# Table, the column that says how old a row is, how long it is kept.
KEPT: tuple[tuple[Any, Any, dt.timedelta], ...] = (
    (Attempt.id, Attempt.at, dt.timedelta(days=90)),
    (Notice.id, Notice.at, dt.timedelta(days=180)),
    (OneTimeToken.id, OneTimeToken.expires_at, dt.timedelta(days=7)),
    (Session.id, Session.created_at, sessions.ABSOLUTE),
    (SignInFailure.id, SignInFailure.at, dt.timedelta(days=1)),
    (KeptList.digest, KeptList.at, dt.timedelta(days=7)),
    (Lease.name, Lease.until, dt.timedelta(days=1)),
)


def prune(actor: Actor, everything: bool) -> str:
    """Remove old rows, oldest first. Incidents, tickets and the audit log stay. Returns a report in words."""
    removed = sum(_prune(*kept) for kept in KEPT)
    return f"{removed} old rows removed"


def _prune(number: Any, moment: Any, kept: dt.timedelta) -> int:
    before, removed = utcnow() - kept, 0
    for _ in range(MOST_BATCHES):
        with store.write() as session:
            # Rows are written in the order of time, so the oldest have the lowest numbers: no scan of the whole table.
            oldest = select(number, moment).order_by(number).limit(BATCH)
            old = [row[0] for row in session.execute(oldest) if row[1] < before]
            if old:
                session.execute(delete(number.class_).where(number.in_(old)))
        removed += len(old)
        if len(old) < BATCH:
            break
    return removed
