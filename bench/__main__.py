"""`python -m bench [--quick] [--database sqlite|postgresql]`: measure the product and print one table.

This process is the only client. The product, the bare page, the sandbox Jira and PostgreSQL run in processes of their
own. A full run writes its figures to docs/benchmarks/latest.json. Exit status 1 when a figure that does not depend on
the machine misses its aim (SQL statements, provider calls, bytes of a first visit, what becomes of tickets while
providers hang); times never decide.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg

from bench import figures, hanging, lists, pages, plan, sync, tickets, work
from bench.figures import Figure
from bench.installations import Bench, MakeUrl, installations
from bench.plan import Plan
from bench.processes import Server, start_standin
from supervise import ROOT
from tests.support_postgres import PostgresServer, start_postgres

LATEST = ROOT / "docs" / "benchmarks" / "latest.json"
STARTED = time.monotonic()
Say = Callable[[str], None]
Parts = Mapping[str, Callable[[Bench], list[Figure]]]
PARTS: Parts = {
    "pages against the bare page": pages.processor_time,
    "lists at every size": lists.growth,
    "ticket creation": tickets.creation,
    "reading tickets back": sync.read_back,
    "first visit": pages.first_visit,
    "import": work.imports,
    "start": work.start,
    "providers that hang": hanging.providers_hang,
}


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write. Returns the exit status."""
    chosen = _arguments(arguments)
    size = plan.QUICK if chosen.quick else plan.FULL
    output = chosen.output or (None if chosen.quick else LATEST)
    before = os.getloadavg()[0]  # well above zero: the machine had other work, and p99 says little
    with tempfile.TemporaryDirectory(prefix="pp-bench-") as folder:
        found, postgres = run_all(tuple(chosen.database), size, Path(folder), _progress)
    print(figures.table(found))
    details = {
        "quick": chosen.quick,
        "seconds": round(time.monotonic() - STARTED),
        "sizes": list(size.sizes),
        "integration_users": size.users,
        "load_before": round(before, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "processors": os.cpu_count(),
        "postgresql": postgres,
    }
    if output:
        figures.write(output, found, details)
    failed = figures.failures(found)
    print("\n".join(["", f"{round(time.monotonic() - STARTED)} s", *(f"FAILED: {sentence}" for sentence in failed)]))
    return 1 if failed else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller tables, fewer repetitions, nothing written")
    parser.add_argument("--database", nargs="+", choices=plan.DATABASES, default=list(plan.DATABASES))
    parser.add_argument("--output", type=Path, help="write the figures as JSON to this file")
    return parser.parse_args(arguments)


def _progress(sentence: str) -> None:
    print(f"{time.monotonic() - STARTED:4.0f} s  {sentence}", file=sys.stderr, flush=True)


def run_all(
    databases: tuple[str, ...], size: Plan, folder: Path, say: Say, parts: Parts = PARTS
) -> tuple[list[Figure], str | None]:
    """Measure everything on these kinds of database. Returns the figures and the version of PostgreSQL, if used."""
    found: list[Figure] = []
    version = None
    with ExitStack() as stack:
        jira = start_standin("jira", folder / "jira.log")
        stack.callback(jira.stop)
        for database in databases:
            make_url: MakeUrl = lambda name: f"sqlite:///{folder / name}.sqlite3"  # noqa: E731 - one of two makers
            if database == "postgresql":
                server = start_postgres()
                stack.callback(server.stop)
                make_url, version = server.create_database, _version(server)
            found += run_one(database, size, folder, jira, make_url, say, parts)
    return found, version


def _version(server: PostgresServer) -> str:
    with psycopg.connect(server.base_url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else ""


def run_one(
    database: str, size: Plan, folder: Path, jira: Server, make_url: MakeUrl, say: Say, parts: Parts = PARTS
) -> list[Figure]:
    """Measure everything on one kind of database."""
    with installations(database, size, folder, jira, make_url, say) as bench:
        say(f"{database}: counting SQL statements ...")
        queries, bench.cursors = pages.statements(bench)
        found: list[Figure] = []
        for name, part in parts.items():
            say(f"{database}: {name} ...")
            found += part(bench)
        return [*found, *queries]


if __name__ == "__main__":
    sys.exit(main())
