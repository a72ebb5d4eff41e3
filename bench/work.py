"""Work beside the pages: importing a file, starting."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from bench import data
from bench.figures import Figure
from bench.installations import Bench, prepared
from bench.processes import BARE, FLASK, PRODUCT, free_port, run, start_web

MOST_START = 3.0


def imports(bench: Bench) -> list[Figure]:
    """Rows per second of `flask incidents import`, against bulk inserts of the same rows into the same tables."""
    rows = bench.plan.imported
    environ = prepared(bench.make_url("bench_import"), bench.folder / f"{bench.database}-import", bench.jira)
    file = bench.folder / f"import-{bench.database}.jsonl"
    _write(file, rows)
    command = (*FLASK, "incidents", "import", str(file))
    first = _seconds(command, environ, f"{rows} added")
    again = _seconds(command, environ, f"{rows} unchanged")
    raw = bench.largest.loaded["incident_rows_per_second"]
    note = "with checks, audit events and the start of the command"
    name = f"import of {rows:,} incidents"
    return [
        Figure(name, bench.database, rows / first, "rows/s", raw, "bulk inserts", note=note),
        Figure(f"{name} again, unchanged", bench.database, rows / again, "rows/s", rows / first, "first import"),
    ]


def _write(file: Path, rows: int) -> None:
    fields = ("title", "description", "severity", "status", "source", "source_key", "labels", "resource", "url")
    with file.open("w", encoding="utf-8") as lines:
        for row in data.incidents(rows):
            lines.write(json.dumps({name: row[name] for name in fields}) + "\n")


def _seconds(command: tuple[str, ...], environ: dict[str, str], expected: str) -> float:
    started = time.perf_counter()
    printed = run(command, environ)
    assert expected in printed, printed
    return time.perf_counter() - started


def start(bench: Bench) -> list[Figure]:
    """Seconds from starting the server program to its first answer, against the bare page's, in turns."""
    environ = {**bench.smallest.environ, "PORT": str(free_port())}
    log = bench.folder / "starts.log"
    taken: dict[str, list[float]] = {PRODUCT: [], BARE: []}
    for _ in range(bench.plan.starts):
        for application, seconds in taken.items():
            began = time.perf_counter()
            server = start_web(environ, log, application)
            seconds.append(time.perf_counter() - began)
            server.stop()
    ours, plain = (statistics.median(seconds) for seconds in taken.values())
    return [Figure("start to first answer", bench.database, ours, "s", plain, "bare page", most=MOST_START)]
