"""Open connections that wait for their next request, shared by the whole process."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Hashable

from urllib3.util.connection import is_connection_dropped

from providers.sockets import Line

# Common servers close idle connections after 5 seconds or more (Node.js 5, Apache 5, nginx 75). A write must not be
# lost on a connection the server is just closing, so it takes only very fresh ones; a read can simply be sent again.
MAX_IDLE_READ = 30.0
MAX_IDLE_WRITE = 2.0
_MAX_PER_KEY = 4


class IdleLines:
    """Idle lines by key. The key holds everything a line was vetted for, so a line never serves another policy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Hashable, list[tuple[float, Line]]] = {}

    def take(self, key: Hashable, max_idle: float) -> Line | None:
        """The freshest line that is still connected, None when there is none."""
        now = time.monotonic()
        while True:
            with self._lock:
                waiting = self._idle.get(key) or []
                if not waiting or now - waiting[-1][0] > max_idle:
                    return None
                line = waiting.pop()[1]
            if line.clean and not is_connection_dropped(line):
                line.reused = True
                return line
            line.close()

    def give(self, key: Hashable, line: Line) -> None:
        """Keep a line for later, and close those that waited too long."""
        now = time.monotonic()
        with self._lock:
            self._idle.setdefault(key, []).append((now, line))
            spare = self._sweep(now)
        for each in spare:
            each.close()

    def _sweep(self, now: float) -> list[Line]:
        spare: list[Line] = []
        for key, waiting in list(self._idle.items()):
            kept = [(since, line) for since, line in waiting if now - since <= MAX_IDLE_READ][-_MAX_PER_KEY:]
            spare += [line for since, line in waiting if (since, line) not in kept]
            self._idle[key] = kept
            if not kept:
                del self._idle[key]
        return spare

    def drop(self, key: Hashable) -> None:
        """Close all lines of this key; the server seems to have closed them on its side."""
        with self._lock:
            waiting = self._idle.pop(key, [])
        for _, line in waiting:
            line.close()

    def close(self) -> None:
        """Close everything."""
        for key in list(self._idle):
            self.drop(key)

    def forget_after_fork(self) -> None:
        """In a child process: two processes must never speak on one TLS connection."""
        self._lock = threading.Lock()
        self.close()


idle_lines = IdleLines()
atexit.register(idle_lines.close)
os.register_at_fork(after_in_child=idle_lines.forget_after_fork)
