"""`make crash-test N=200`: kill the product again and again and print what became of the tickets.

Each provider is killed at least N times on each database, spread over the points. Exit status 1 when a ticket was
doubled or lost, was not settled by itself within a minute, or cost more create calls than allowed.
"""

from __future__ import annotations

import argparse
import sys
import time

from supervise import say
from tests.crash.points import POINTS
from tests.crash.run import DATABASES, play_all, table
from tests.crash.vendors import VENDORS


def main() -> int:
    """Read the command line, run everything, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("n", type=int, help="deaths for each provider on each database")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    parser.add_argument("--provider", choices=sorted(VENDORS), action="append", help="only this one")
    given = parser.parse_args()
    databases = given.database or list(DATABASES)
    vendors = [VENDORS[key] for key in given.provider or VENDORS]
    rounds = max(1, -(-given.n // len(POINTS)))
    say(f"{rounds * len(POINTS)} deaths for each provider on {' and '.join(databases)} ...")
    began = time.monotonic()
    runs = [run for database in databases for run in play_all(database, vendors, rounds, tell=say)]
    print(table(runs))
    bad = [run for run in runs if not run.good]
    for run in bad:
        print(f"WRONG: {run}")
    print(f"{len(runs)} deaths, {len(bad)} wrong, {time.monotonic() - began:.0f} s.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
