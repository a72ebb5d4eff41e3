"""Whole performances: the acts that one product goes through, several products at a time, and the table of it all."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.crash import points
from tests.crash.acts import Act, Anywhere, Commit, Committed, Found, Outcome, Repeated, Storm
from tests.crash.performance import Run, perform
from tests.crash.scenes import Lab
from tests.crash.vendors import Vendor
from tests.support_postgres import shared_postgres

# The acts of one product follow each other; the products run at the same time. Most of it is waiting.
PLAYS: dict[str, Callable[[], Sequence[Act]]] = {
    "calls": lambda: [Storm()],
    "commits": lambda: [
        Commit(points.ASKED, "requested"),
        Commit(points.CLAIM, "sending"),
        Committed(),
        Outcome(),
    ],
    "looks": lambda: [Found(), Anywhere()],
    "repeats": lambda: [Repeated()],
}
# Twice the time limits of everybody else pass in a repeated call.
QUICK = ("calls", "commits", "looks")
DATABASES = ("sqlite", "postgresql")


def _quiet(line: str) -> None:
    """Nobody listens."""


def play(
    name: str, database: str, vendors: Sequence[Vendor], rounds: int = 1, tell: Callable[[str], None] = _quiet
) -> list[Run]:
    """One product that goes through the acts of a play, as many times as asked for; `tell` hears of each."""
    acts = PLAYS[name]()
    runs: list[Run] = []
    with stage(acts, database, vendors) as lab:
        for turn in range(rounds):
            for act in acts:
                found = perform(lab, act, database, turn)
                wrong = sum(not run.good for run in found)
                tell(f"{database}, round {turn + 1}, {act.points[0].name} ...: {len(found)} deaths, {wrong} wrong")
                runs += found
    return runs


@contextmanager
def stage(acts: Sequence[Act], database: str, vendors: Sequence[Vendor], **settings: str) -> Iterator[Lab]:
    """A product that runs, with what these acts need set up; gone at the end."""
    names = [point.name for act in acts for point in act.points]
    place = f"crash_{secrets.token_hex(4)}"
    url = shared_postgres().create_database(place) if database == "postgresql" else ""
    with tempfile.TemporaryDirectory(prefix="pp-crash-") as folder:
        lab = Lab(Path(folder), vendors, names, url, **settings)
        try:
            lab.start()
            lab.set_up()
            yield lab
        finally:
            lab.stop()
    if url:
        shared_postgres().drop_database(place)


def play_all(
    database: str,
    vendors: Sequence[Vendor],
    rounds: int = 1,
    names: Sequence[str] = tuple(PLAYS),
    tell: Callable[[str], None] = _quiet,
) -> list[Run]:
    """Plays on one database, at the same time."""
    with ThreadPoolExecutor(len(names)) as pool:
        futures = [pool.submit(play, name, database, vendors, rounds, tell) for name in names]
        return [run for future in futures for run in future.result()]


HEADINGS = ("provider", "database", "point", "runs", "duplicates", "lost", "settled", "slowest", "calls")


def table(runs: Sequence[Run]) -> str:
    """Provider x database x point, as text. "calls": how many create calls the sandbox saw in each run."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    order = list(points.POINTS)
    for run in sorted(runs, key=lambda run: (run.provider, run.database, order.index(run.point))):
        groups.setdefault((run.provider, run.database, run.point), []).append(run)
    rows = [HEADINGS, *((*key, *_figures(found)) for key, found in groups.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _figures(runs: Sequence[Run]) -> tuple[str, ...]:
    slowest = max((run.seconds for run in runs if run.seconds is not None), default=0.0)
    told = sum(run.told for run in runs)
    duplicates = str(sum(run.duplicate for run in runs)) + (f" ({told} told)" if told else "")
    calls = sorted({run.creates for run in runs})
    return (
        str(len(runs)),
        duplicates,
        str(sum(run.lost for run in runs)),
        str(sum(run.settled for run in runs)),
        f"{slowest:.1f} s",
        "-".join(str(each) for each in calls),
    )
