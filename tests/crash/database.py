"""The product's database from outside: what is written there, and commits that hang at a chosen row."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg

ADVISORY_LOCK = 4711
STEADY_SECONDS = 0.15  # a write lock held this long without a pause is one that hangs


class Database(Protocol):
    """A database with a brake: commits that would write certain ticket rows hang until it is lifted."""

    # Whether one hanging commit keeps all other writers out.
    one_writer: bool

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours."""

    def brake(self, state: str, incidents: Collection[int]) -> None:
        """Let every commit hang that puts a ticket of these incidents into this state ("requested": the first row)."""

    def braked(self, count: int) -> bool:
        """Whether so many commits hang now (on a database with one writer: whether any does)."""

    def lift(self, *, lands: bool) -> None:
        """Take the brake away after the death of the product.

        lands: what hung within its commit is committed after all, where the database can do that; else rolled back.
        """


def _condition(state: str, incidents: Collection[int]) -> str:
    numbers = ", ".join(str(int(number)) for number in incidents)
    return f"NEW.state = '{state}' AND NEW.incident_id IN ({numbers})"


class Sqlite:
    """SQLite: a trigger that counts for ever, as on a disk that hangs. It hangs before the commit itself."""

    one_writer = True

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def _open(self, timeout: float = 10.0) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=timeout, isolation_level=None)) as database:
            yield database

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """See Database."""
        with self._open() as database:
            return database.execute(statement).fetchall()

    def brake(self, state: str, incidents: Collection[int]) -> None:
        """See Database."""
        when = _condition(state, incidents)
        happens = "INSERT" if state == "requested" else "UPDATE OF state"
        with self._open() as database:
            database.executescript(
                "CREATE VIEW hang AS WITH RECURSIVE n(x) AS"  # noqa: S608 - all of it is ours
                " (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000000) SELECT x FROM n;"
                f"CREATE TRIGGER hang_on AFTER {happens} ON tickets WHEN {when}"
                " BEGIN SELECT count(*) FROM hang; END;"
            )

    def braked(self, count: int) -> bool:
        """See Database."""
        end = time.monotonic() + STEADY_SECONDS
        with self._open(timeout=0) as database:
            while time.monotonic() < end:
                try:
                    database.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    time.sleep(0.01)
                else:
                    database.execute("ROLLBACK")
                    return False
        return True

    def lift(self, *, lands: bool) -> None:
        """See Database."""
        with self._open() as database:
            database.executescript("DROP TRIGGER IF EXISTS hang_on; DROP VIEW IF EXISTS hang")


class Postgres:
    """PostgreSQL: a deferred trigger waits for a lock of ours, so the commit itself hangs."""

    one_writer = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._holder: psycopg.Connection[Any] | None = None

    @contextlib.contextmanager
    def _open(self) -> Iterator[psycopg.Connection[Any]]:
        with contextlib.closing(psycopg.connect(self._url, autocommit=True)) as database:
            yield database

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """See Database."""
        with self._open() as database:
            return database.execute(statement.encode()).fetchall()

    def brake(self, state: str, incidents: Collection[int]) -> None:
        """See Database."""
        self._holder = psycopg.connect(self._url, autocommit=True)
        self._holder.execute(f"SELECT pg_advisory_lock({ADVISORY_LOCK})".encode())
        happens = "INSERT" if state == "requested" else "UPDATE"
        with self._open() as database:
            database.execute(
                "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS"
                f" 'BEGIN PERFORM pg_advisory_xact_lock_shared({ADVISORY_LOCK}); RETURN NULL; END'".encode()
            )
            database.execute(
                f"CREATE CONSTRAINT TRIGGER hang_on AFTER {happens} ON tickets DEFERRABLE INITIALLY DEFERRED"
                f" FOR EACH ROW WHEN ({_condition(state, incidents)}) EXECUTE FUNCTION hang()".encode()
            )

    def braked(self, count: int) -> bool:
        """See Database."""
        return len(self._waiting()) >= count

    def _waiting(self) -> list[tuple[Any, ...]]:
        return self.query(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    def lift(self, *, lands: bool) -> None:
        """See Database."""
        if not lands:
            for (pid,) in self._waiting():
                self.query(f"SELECT pg_terminate_backend({pid})")
        if self._holder is not None:
            self._holder.close()
            self._holder = None
        while self._waiting():
            time.sleep(0.02)
        with self._open() as database:
            database.execute("DROP TRIGGER IF EXISTS hang_on ON tickets")
            database.execute("DROP FUNCTION IF EXISTS hang()")
