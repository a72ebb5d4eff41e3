"""Watching connections: each one that is switched on is checked again and again with its cheapest proving call.

What a check shows is written by services/connection_health.py. Nothing here switches a connection off, and one that is
switched off makes no call.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial

from flask import Flask, current_app
from sqlalchemy import or_, select

import providers
from extensions import db
from models import Connection
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.errors import Busy, ProviderError
from services import connection_health, outbound, store
from services.actors import Actor
from services.errors import Missing, Refused
from services.runtime import settings

# Half of the calls a process makes at once are left to other work.
AT_ONCE = 4
# A run starts no further checks after this time; with the last ones it ends well within its lease (schedule.Task).
START_SECONDS = 200.0
# A connection checked that short a part of the interval ago (by a person, by another process) is left alone. It must be
# short: the next run is a whole interval away.
FRESH = 0.1
log = logging.getLogger("patchpanel.connections")


class Outcome(StrEnum):
    """How one check of a run ended."""

    WORKS = "works"
    FAILED = "failed"
    LATER = "later"
    GONE = "gone"


def check_due(actor: Actor, everything: bool = False) -> str:
    """Check the connections whose last check is older than the interval `check`. Returns a report in a few words.

    Some run beside each other, and those that worked last come first: one that hangs holds up none of the others.

    Args:
        everything: check all that are switched on, however long it takes.
    """
    interval = settings().intervals["check"]
    ids = _due(interval, everything=everything)
    if not ids:
        return "none was due"
    # A call never outlasts half of the interval, as long as that leaves it the time of a click.
    seconds = min(outbound.WORKER_SECONDS, max(interval / 2, outbound.INTERACTIVE_SECONDS))
    until = None if everything else time.monotonic() + START_SECONDS
    application: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the proxy's own way to it
    one = partial(_check_one, application, actor, seconds, until)
    with ThreadPoolExecutor(min(AT_ONCE, len(ids)), thread_name_prefix="check") as pool:
        found = Counter(pool.map(one, ids))
    report = f"{found[Outcome.WORKS]} work, {found[Outcome.FAILED]} failed"
    return f"{report}, {found[Outcome.LATER]} left for later" if found[Outcome.LATER] else report


def _due(interval: int, *, everything: bool) -> Sequence[int]:
    known = [provider.key for provider in providers.all_providers()]
    query = select(Connection.id).where(Connection.enabled, Connection.provider_key.in_(known))
    if not everything:
        before = utcnow() - dt.timedelta(seconds=interval * FRESH)
        query = query.where(or_(Connection.last_checked_at.is_(None), Connection.last_checked_at <= before))
    never_first = (Connection.last_checked_at.is_not(None), Connection.last_checked_at, Connection.id)
    ids = db.session.scalars(query.order_by(Connection.failures > 0, *never_first)).all()
    store.release()
    return ids


def _check_one(app: Flask, actor: Actor, seconds: float, until: float | None, connection_id: int) -> Outcome:
    """One check, with a database session of its own. What nobody foresaw ends this check only."""
    if until is not None and time.monotonic() > until:
        return Outcome.LATER
    with app.app_context():
        try:
            connection_health.check(actor, store.get(Connection, connection_id), seconds=seconds)
        except (Missing, Refused):
            return Outcome.GONE  # disconnected or switched off a moment ago
        except Busy:
            return Outcome.LATER
        except (ProviderError, CannotOpen):
            return Outcome.FAILED
        except Exception:
            log.exception("a check stopped", extra={"connection": connection_id})
            return Outcome.FAILED
    return Outcome.WORKS
