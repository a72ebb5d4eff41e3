"""Circuit breaker of each connection: a provider that fails again and again is left in peace for a while.

Failures are counted in each process. The row is written only when the breaker opens or closes, and every process reads
it with the connection it is about to use. While it is open no call is made; when its time is over one call goes first
and decides. A person's own check is always let through.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque

from sqlalchemy import update

from models import Connection
from providers.base import utcnow
from providers.breaker import Resting
from services import store

IN_A_ROW = 5
WINDOW = 20
SHORTEST_SECONDS = 30.0
LONGEST_SECONDS = 15 * 60.0
# While one call finds out whether the provider is back, the others go on resting for this long.
PROBE_SECONDS = 30.0
FAILURES = frozenset({"timeout", "unreachable", "vendor_error", "bad_answer"})
# Outcomes that say nothing about the provider: the call was not made.
SILENT = frozenset({"busy", "forbidden", "not_sent", ""})

_lock = threading.Lock()
_last: dict[int, deque[bool]] = {}


def forget_all() -> None:
    """Forget what this process counted."""
    with _lock:
        _last.clear()


def _count(connection_id: int, well: bool) -> bool:
    """Remember how a call ended. Returns whether it is time to open."""
    with _lock:
        calls = _last.setdefault(connection_id, deque(maxlen=WINDOW))
        calls.append(well)
        in_a_row = len(calls) >= IN_A_ROW and not any(list(calls)[-IN_A_ROW:])
        half = len(calls) == WINDOW and calls.count(False) * 2 >= WINDOW
        if in_a_row or half:
            calls.clear()
        return in_a_row or half


class ConnectionBreaker:
    """The breaker of one connection, as one use case sees it (a providers.breaker.Breaker).

    Args:
        connection: as it was just read.
        label: the provider's name for sentences.
        forced: let calls pass in any case; what they show counts all the same.
    """

    def __init__(self, connection: Connection, label: str, *, forced: bool = False) -> None:
        self._id, self._label = connection.id, label
        self._until, self._level = connection.rests_until, connection.rest_level
        self._reason = connection.rest_reason
        self._admitted = forced

    def admit(self) -> None:
        """Let a call pass: always while the breaker is closed, one caller at a time once its rest is over."""
        if self._until is None or self._admitted:
            return
        now = utcnow()
        if now < self._until or not self._write(until=now + dt.timedelta(seconds=PROBE_SECONDS)):
            raise Resting(self._reason, retry_after=max(1.0, (self._until - now).total_seconds()))
        self._admitted = True

    def told(self, outcome: str, wait: float | None) -> None:
        """Count a call; open or close when that is what it shows."""
        if outcome in SILENT:
            return
        if outcome == "limited":
            if wait is not None:
                self._open(wait, self._level, f"{self._label} asked for patience.")
            return
        well = outcome not in FAILURES
        enough = _count(self._id, well)
        if well and self._until is not None:
            self._write(until=None)
        elif not well and self._until is not None:
            self._rest(self._level + 1)
        elif enough:
            self._rest(0)

    def _rest(self, level: int) -> None:
        """Leave the provider in peace: twice as long each time it fails to come back."""
        seconds = SHORTEST_SECONDS * 2 ** min(level, 10)
        self._open(seconds, level, f"{self._label} did not answer properly several times in a row.")

    def _open(self, seconds: float, level: int, reason: str) -> None:
        self._level, self._reason, self._admitted = level, reason, False
        self._write(until=utcnow() + dt.timedelta(seconds=min(seconds, LONGEST_SECONDS)))

    def _write(self, *, until: dt.datetime | None) -> bool:
        """Change the row, unless another process did so since we read it."""
        if until is None:
            self._level, self._reason = 0, ""
        change = (
            update(Connection)
            .where(Connection.id == self._id, Connection.rests_until.is_not_distinct_from(self._until))
            .values(rests_until=until, rest_level=self._level, rest_reason=self._reason)
        )
        with store.apart() as connection:
            changed = connection.execute(change).rowcount == 1
        if changed:
            self._until = until
        return changed


def is_over(connection: Connection) -> bool:
    """Whether the connection's rest is over and nobody has found out yet whether its provider is back."""
    return connection.rests_until is not None and connection.rests_until <= utcnow()
