"""Faults that tests arm on a stand-in: each waits for a matching request, does its harm a number of times, and is gone.

A route is `"/path"` or `"VERB /path"`; `*` in the path stands for anything. No route means every request.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, field
from typing import Any

HOLD_LIMIT_SECONDS = 120.0  # a forgotten hold must not keep its thread for ever
WAITING = ("hold", "hold_after", "hang", "hang_after")


def matches(route: str | None, method: str, path: str) -> bool:
    """Whether a request is one of the route's."""
    if route is None:
        return True
    verb, _, pattern = route.rpartition(" ")
    return verb in ("", method) and fnmatch.fnmatchcase(path, pattern)


@dataclass
class Fault:
    """One armed fault. `kind` is fail, html, hold, hold_after, hang, hang_after or drip; `times` None = until reset."""

    kind: str
    route: str | None = None
    times: int | None = 1
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    released: threading.Event = field(default_factory=threading.Event)

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one the fault waits for."""
        return matches(self.route, method, path)

    def wait(self) -> None:
        """Hold the calling thread for the set time, or until released."""
        self.released.wait(HOLD_LIMIT_SECONDS if self.seconds is None else self.seconds)


class FaultBook:
    """All armed faults, safe to use from many request threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self._held: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Add a fault; several of one kind are used up in the order they were added."""
        with self._lock:
            self._armed.append(fault)
            self._held.append(fault)
        return fault

    def take(self, method: str, path: str, *kinds: str) -> Fault | None:
        """The first armed fault of these kinds for the request, used up by one; None when there is none."""
        with self._lock:
            for fault in self._armed:
                if fault.kind in kinds and fault.matches(method, path):
                    self._use(fault)
                    return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._armed.remove(fault)

    def release(self) -> None:
        """Let every held request go on, and hold no further ones."""
        with self._lock:
            for fault in self._held:
                fault.released.set()
            self._armed = [f for f in self._armed if f.kind not in WAITING]
            self._held = []

    def clear(self) -> None:
        """Disarm everything and let held requests go on."""
        self.release()
        with self._lock:
            self._armed = []
