"""How many outbound calls may be under way at once; what is above is answered "busy" at once, never queued."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from providers.errors import Busy

PER_KEY = 4
_DEFAULT_TOTAL = 8


class Bulkheads:
    """Counts calls under way, in total and per key (a connection, or an origin)."""

    def __init__(self, total: int = _DEFAULT_TOTAL) -> None:
        self.total = total
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def slot(self, key: str, label: str) -> Iterator[None]:
        """Hold one place for the length of a call. Raises Busy when there is none."""
        with self._lock:
            if self._under_way[key] >= PER_KEY:
                raise Busy(f"Too many calls to {label} are under way.")
            if self._under_way.total() >= self.total:
                raise Busy()
            self._under_way[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[key] -= 1
                if not self._under_way[key]:
                    del self._under_way[key]

    def forget_after_fork(self) -> None:
        """In a child process: the threads that hold places stayed with the parent."""
        self._lock, self._under_way = threading.Lock(), Counter()


bulkheads = Bulkheads()
os.register_at_fork(after_in_child=bulkheads.forget_after_fork)


def set_total_limit(limit: int) -> None:
    """Let at most `limit` calls be under way in this process: half of the web threads, so that pages stay quick."""
    bulkheads.total = max(1, limit)
