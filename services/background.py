"""What people are told about the background work: is a worker alive, how long is the queue, how did each task end."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import func, select

from extensions import db
from models import PeriodicRun, WorkerProcess
from providers.base import utcnow
from services import schedule, waking

log = logging.getLogger("patchpanel.background")
STARTED_AT = utcnow()
REMEMBERED = "patchpanel.worker_missing"
REMEMBER = dt.timedelta(seconds=5)


@dataclass(frozen=True)
class Background:
    """The background work, for System Info. `queue_length` is None when the queue cannot be reached."""

    missing: bool
    workers: Sequence[WorkerProcess]
    queue_place: str
    queue_length: int | None
    tasks: Sequence[tuple[str, int, PeriodicRun | None]]

    @property
    def failed(self) -> bool:
        """Whether the last run of a task ended with an error."""
        return any(row is not None and row.outcome == "failed" for _, _, row in self.tasks)


def worker_missing() -> bool:
    """Whether nobody does the background work: no worker was seen lately, though there was time to start one.

    Asked by every page of an administrator, so the answer is good for some seconds.
    """
    now = utcnow()
    until, missing = current_app.extensions.get(REMEMBERED, (now, False))
    if until <= now:
        missing = _missing(now)
        current_app.extensions[REMEMBERED] = (now + REMEMBER, missing)
    return bool(missing)


def _missing(now: dt.datetime) -> bool:
    if now - STARTED_AT < schedule.MISSING:
        return False
    seen = db.session.scalar(select(func.max(WorkerProcess.seen_at)))
    return seen is None or now - seen > schedule.MISSING


def state() -> Background:
    """All of it."""
    queue: waking.Queue = current_app.extensions[waking.NAME]
    length: int | None = None
    try:
        length = queue.length()
    except Exception as error:
        # Redis or the queue's own file may be gone; the page is there to say so.
        log.warning("the queue cannot be reached", extra={"reason": type(error).__name__})
    return Background(_missing(utcnow()), schedule.workers(), queue.place(), length, schedule.rows())
