"""Repeating things in turns (A B A B …), and what the times say."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

WARM_UP = 5


@dataclass(frozen=True)
class Times:
    """Milliseconds, sorted."""

    values: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        """The value that one in a hundred exceeds."""
        return self.values[min(len(self.values) - 1, int(len(self.values) * 0.99))]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep this process's own garbage collector out of the times."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_turns(actions: Mapping[str, Callable[[], object]], times: int, warm_up: int = WARM_UP) -> dict[str, Times]:
    """Do each action `times` times, one after the other in turns, so that a noisy moment hits all of them alike."""
    for action in actions.values():
        for _ in range(warm_up):
            action()
    taken: dict[str, list[float]] = {name: [] for name in actions}
    with quiet():
        for _ in range(times):
            for name, action in actions.items():
                taken[name].append(milliseconds(action))
    return {name: Times(tuple(sorted(values))) for name, values in taken.items()}


def milliseconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000
