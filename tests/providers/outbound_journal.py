"""A journal of every socket that leaves this process and of every address the policy let pass, in order.

The sockets are reported by the interpreter itself (audit events), whoever imports what. Not seen are sockets of C
libraries, such as those of the database driver, and of other processes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from providers import sockets
from providers.addresses import AllowEntry, Found, Policy, Resolver, system_resolver
from providers.targets import Target

# Datagrams leave without a connect. https://docs.python.org/3/library/audit_events.html
EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
DOOR = sockets.__file__
ROOT = str(Path(DOOR).parents[1])


@dataclass(frozen=True)
class Leaving:
    """A socket was told to go to `address`: directly by `file`, on behalf of the line `ours` of this project."""

    thread: int
    event: str
    address: Any
    file: str
    ours: str


@dataclass(frozen=True)
class Vetted:
    """The policy let a call go to one of these addresses."""

    thread: int
    addresses: tuple[Any, ...]


Journal = list[Leaving | Vetted]


@cache
def _open_journals() -> list[Journal]:
    """The journals being written. The hook behind them stays until the process ends and rests while there are none."""
    journals: list[Journal] = []

    def hook(event: str, details: tuple[Any, ...]) -> None:
        # Also called for every import and opened file, and while the interpreter goes down: nothing before this line.
        if not journals or event not in EVENTS or details[1] is None:
            return
        caller = sys._getframe(1)
        entry = Leaving(threading.get_ident(), event, details[1], caller.f_code.co_filename, _ours(caller))
        for journal in journals:
            journal.append(entry)

    sys.addaudithook(hook)
    return journals


def _ours(frame: FrameType | None) -> str:
    """The nearest line of our own code on the way here, "" when there is none."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(ROOT) and "site-packages" not in file:
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@contextmanager
def watching() -> Iterator[Journal]:
    """Write down, in order, what leaves this process while the block runs, whatever the thread."""
    journal: Journal = []
    journals = _open_journals()
    journals.append(journal)
    try:
        yield journal
    finally:
        # Not by value: two empty journals are equal.
        journals[:] = [each for each in journals if each is not journal]


class NotingPolicy(Policy):
    """The rules as they are; what they let pass is written into the journal."""

    def __init__(
        self, journal: Journal, entries: Sequence[AllowEntry], *, resolver: Resolver = system_resolver
    ) -> None:
        super().__init__(entries, resolver=resolver)
        self._journal = journal

    def resolve(self, target: Target, timeout: float) -> list[Found]:
        """As the policy does."""
        found = super().resolve(target, timeout)
        self._journal.append(Vetted(threading.get_ident(), tuple(address for _, address in found)))
        return found


def leavings(journal: Journal) -> list[Leaving]:
    """Everything that left."""
    return [entry for entry in journal if isinstance(entry, Leaving)]


def offences(journal: Journal) -> list[str]:
    """What left by another door, or for an address that the last look-up of the same thread had not let pass."""
    vetted: dict[int, tuple[Any, ...]] = {}
    found = []
    for entry in journal:
        if isinstance(entry, Vetted):
            vetted[entry.thread] = entry.addresses
        elif entry.event != "socket.connect" or entry.file != DOOR:
            found.append(f"another door: {entry.event} to {entry.address} in {entry.file} for {entry.ours}")
        elif entry.address not in vetted.get(entry.thread, ()):
            found.append(f"not vetted: {entry.address}")
    return found
