"""What this process remembers of work item types for an hour: their states and the fields they have.

Both change only when an administrator edits the process. A lost or stale memory costs a call or a plainer text, never
a wrong ticket.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Generic, TypeVar

SECONDS = 3600.0
MOST = 2000

Value = TypeVar("Value")
Key = tuple[str, str, str]  # organization's address, project, work item type


class Memory(Generic[Value]):
    """Values by key that are forgotten after an hour; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> Value | None:
        """The value, None when unknown or too old."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept is not None and time.monotonic() - kept[0] < SECONDS else None

    def old(self, key: Key) -> Value | None:
        """The value however old it is, for when it cannot be asked for again; None when unknown."""
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept is not None else None

    def put(self, key: Key, value: Value) -> None:
        """Remember the value from now on."""
        with self._lock:
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[key] = (time.monotonic(), value)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()


def key(base: str, destination: Mapping[str, str]) -> Key:
    """The key of a destination."""
    return (base, destination.get("project", ""), destination.get("work_item_type", ""))


states: Memory[dict[str, str]] = Memory()  # state name -> category
type_fields: Memory[frozenset[str]] = Memory()  # reference names
