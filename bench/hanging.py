"""Providers that hang must not slow the console: pages while they answer and while they do not, in turns.

`python -m bench.hanging [--quick] [--database sqlite|postgresql]` measures this alone.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from bench import figures, plan
from bench.addresses import INTEGRATIONS
from bench.browser import Browser
from bench.figures import Figure
from bench.installations import Bench
from bench.plan import Plan
from bench.site import INCIDENTS, Sandbox, Site, browsing, check_path, running_site
from models import TicketState
from services.outbound import INTERACTIVE_SECONDS
from tests.support_postgres import start_postgres
from tests.support_server import Form

NAME = "providers hang"
MOST_RATIO = 1.2
# The deadline is that of the outside call; a moment for the page around it.
MOST_DEADLINES = 1.1
ROUNDS = 2
# Something is pressed every so many seconds while the providers hang.
TICKET_SECONDS, DIALOG_SECONDS, CHECK_SECONDS, LOOK_UP_SECONDS = 2.0, 2.0, 5.0, 5.0
# What a ticket click may say; the last one when the providers came back in the meantime.
PROMISED = re.compile(r"Being confirmed|The ticket is being created|Ticket \S+ created")
# New connections go to any web process: enough of them that each process has read the lists of the dialog.
WARM_UP = 10


_KEY = re.compile(r"(?<=Ticket )\S+")


@dataclass(frozen=True)
class Press:
    """What somebody met who pressed something. `said`: the sentence of a ticket click, "" when it is none of ours."""

    kind: str
    seconds: float
    status: int
    said: str = ""


@dataclass
class Met:
    """What a run has shown. `calm` and `hanging` are the times (from, to) of the phases."""

    samples: list[list[float]] = field(default_factory=list)
    calm: list[tuple[float, float]] = field(default_factory=list)
    hanging: list[tuple[float, float]] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)

    def pages(self, phases: Sequence[tuple[float, float]]) -> list[float]:
        """Milliseconds of the pages asked for in these phases."""
        return [1000 * took for at, took, _ in self.samples if any(start <= at < end for start, end in phases)]

    def statuses(self, phases: Sequence[tuple[float, float]]) -> list[int]:
        """How the pages asked for in these phases were answered; 0: not at all."""
        return [int(status) for at, _, status in self.samples if any(start <= at < end for start, end in phases)]

    def of(self, *kinds: str) -> list[Press]:
        """The presses of these kinds."""
        return [press for press in self.presses if press.kind in kinds]


def providers_hang(bench: Bench) -> list[Figure]:
    """The figures of an installation of its own."""
    return measure(bench.database, bench.plan, bench.folder / f"{bench.database}-hanging", bench.make_url("hanging"))


def measure(database: str, size: Plan, folder: Path, url: str) -> list[Figure]:
    """Browse with providers that answer, with providers that hang, and again."""
    with running_site(url, folder, size) as site:
        met = Met()
        with browsing(site, size) as met.samples:
            for number in range(ROUNDS):
                _round(site, size, met, number)
        return _figures(database, site, met)


def _round(site: Site, size: Plan, met: Met, number: int) -> None:
    """Dialogs are filled in while the providers still answer; then nobody but the browsing people is there."""
    for connection in site.connections.values():
        site.read_lists_again(connection)
    for sandbox in site.sandboxes * WARM_UP:
        _ticket(site, sandbox, 1)
    presses = _presses(site, size, met, number)
    met.calm.append(_lasting(size.calm))
    for sandbox in site.sandboxes:
        sandbox.hang()
    threads = [threading.Timer(at, press) for at, press in presses]
    for thread in threads:
        thread.start()
    met.hanging.append(_lasting(size.hanging))
    for sandbox in site.sandboxes:
        sandbox.turn("release")
    for thread in threads:
        thread.join()
    met.settled.append(site.settle())


def _lasting(seconds: float) -> tuple[float, float]:
    start = time.monotonic()
    time.sleep(seconds)
    return start, time.monotonic()


def _presses(site: Site, size: Plan, met: Met, number: int) -> list[tuple[float, Callable[[], None]]]:
    """What is pressed when, in seconds from the moment the providers hang."""
    found: list[tuple[float, Callable[[], None]]] = []

    def add(every: float, offset: float, make: Callable[[int, Sandbox], Callable[[Browser], Press]]) -> None:
        for turn in range(int(size.hanging / every)):
            press = make(turn, site.sandboxes[turn % len(site.sandboxes)])
            browser = site.browser.twin()
            found.append((offset + turn * every, lambda press=press, b=browser: met.presses.append(press(b))))

    share = INCIDENTS // ROUNDS
    add(TICKET_SECONDS, 0.0, lambda turn, sandbox: _ticket(site, sandbox, 1 + number * share + turn))
    add(DIALOG_SECONDS, 1.0, lambda turn, sandbox: _dialog(site, sandbox, (number + 1) * share - turn))
    add(CHECK_SECONDS, 0.5, lambda turn, sandbox: _check(site, sandbox))
    add(LOOK_UP_SECONDS, 1.5, lambda turn, sandbox: _look_up(site, sandbox))
    return found


def _pressed(kind: str, browser: Browser, path: str, fields: dict[str, str] | None = None) -> Press:
    """Send a form, or open a page without fields; status 0 when the connection broke."""
    started, status, text = time.monotonic(), 0, ""
    with suppress(OSError, HTTPException):
        answer = browser.post_form(path, fields, {"HX-Request": "true"}) if fields else browser.send("GET", path)
        status, text = answer.status, answer.text
    browser.close()
    said = PROMISED.search(text) if status == 200 else None
    return Press(kind, time.monotonic() - started, status, _KEY.sub("…", said[0]) if said else "")


def _ticket(site: Site, sandbox: Sandbox, incident: int) -> Callable[[Browser], Press]:
    browser = site.browser.twin()  # a new connection: each web process gets its share of them
    fields = site.dialog(sandbox.vendor, incident, browser)
    browser.close()
    return lambda browser: _pressed("ticket", browser, f"/incidents/{incident}/tickets", fields)


def _dialog(site: Site, sandbox: Sandbox, incident: int) -> Callable[[Browser], Press]:
    path = f"/incidents/{incident}/tickets/new?connection={site.connections[sandbox.vendor.key]}"
    return lambda browser: _pressed("dialog", browser, path)


def _check(site: Site, sandbox: Sandbox) -> Callable[[Browser], Press]:
    path = check_path(site.connections[sandbox.vendor.key])
    fields = Form(site.browser.page(INTEGRATIONS).text, path).values
    return lambda browser: _pressed("check", browser, path, fields)


def _look_up(site: Site, sandbox: Sandbox) -> Callable[[Browser], Press]:
    path = "/setup/integration-users/look-up"
    form = Form(site.browser.page("/setup/integration-users/new").text, "/setup/integration-users/new").values
    fields = {**form, "connection_id": str(site.connections[sandbox.vendor.key]), "email": "sam.lee@sandbox.example"}
    return lambda browser: _pressed("look-up", browser, path, fields)


def _figures(database: str, site: Site, met: Met) -> list[Figure]:
    calm, hanging = met.pages(met.calm), met.pages(met.hanging)
    note = f"p50 {statistics.median(hanging):.1f} ms against {statistics.median(calm):.1f} ms; {len(hanging):,} pages"
    statuses = [status for phase in (met.calm, met.hanging) for status in met.statuses(phase)]
    # A check that failed answers 502 with the provider's sentence: that is what was asked for.
    statuses += [press.status for press in met.of("ticket", "dialog", "look-up")]
    broken = sum(status >= 500 or status == 0 for status in statuses)
    ours, theirs = _p95(hanging), _p95(calm)
    return [
        Figure(f"{NAME}: pages, p95", database, ours, "ms", theirs, "they answer", most=MOST_RATIO, note=note),
        Figure(f"{NAME}: errors of ours", database, broken, "answers", most=0, exact=True),
        *_ticket_figures(database, site, met),
        Figure(f"{NAME}: settled afterwards", database, max(met.settled), "s"),
    ]


def _ticket_figures(database: str, site: Site, met: Met) -> list[Figure]:
    clicks, made = met.of("ticket"), _made(site)
    said = Counter(press.said or f"status {press.status}, no ticket" for press in clicks)
    note = ", ".join(f"{count} x {sentence}" for sentence, count in said.most_common())
    slowest, deadline = max(press.seconds for press in clicks), INTERACTIVE_SECONDS
    odd, wrong = sum(not press.said for press in clicks), sum(count != 1 for count in made.values())
    return [
        Figure(f"{NAME}: slowest ticket click", database, slowest, "s", deadline, "deadline", most=MOST_DEADLINES),
        Figure(f"{NAME}: ticket clicks without a promise", database, odd, "clicks", most=0, exact=True, note=note),
        Figure(
            f"{NAME}: tickets lost or doubled", database, wrong, "tickets", most=0, exact=True, note=f"of {len(made)}"
        ),
    ]


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _made(site: Site) -> dict[str, int]:
    """By the reference of each ticket asked for: how many there are at the providers; 0 also if it is not linked."""
    things = [thing for sandbox in site.sandboxes for thing in sandbox.things()]
    rows = site.rows("SELECT marker, state FROM tickets")
    return {m: sum(m in thing for thing in things) if s == TicketState.CREATED else 0 for m, s in rows}


def main() -> int:
    """Measure and print. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.hanging", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter phases")
    parser.add_argument("--database", nargs="+", choices=plan.DATABASES, default=list(plan.DATABASES))
    chosen = parser.parse_args()
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
        for database in chosen.database:
            url = f"sqlite:///{folder}/hanging.sqlite3"
            server = start_postgres() if database == "postgresql" else None
            try:
                url = server.create_database("hanging") if server else url
                found += measure(database, plan.QUICK if chosen.quick else plan.FULL, Path(folder) / database, url)
            finally:
                if server:
                    server.stop()
    print(figures.table(found))
    failed = figures.failures(found)
    print("\n".join(["", *(f"FAILED: {sentence}" for sentence in failed)]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
