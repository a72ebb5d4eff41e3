"""Bringing the database to the schema this version needs, by one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
from sqlalchemy import text

from extensions import db
from services import store, system

LOCK_NUMBER = 7_203_114_908  # any number nobody else uses in this database


def migrate() -> None:
    """Run the migrations that are missing. Several processes may start at once: the others wait and find nothing to do.

    Raises:
        SQLAlchemyError: the database cannot be reached or changed.
    """
    store.release()
    url = db.engine.url
    if db.engine.dialect.name == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    with _alone():
        flask_migrate.upgrade(directory=str(system.migrations_folder()))


@contextmanager
def _alone() -> Iterator[None]:
    if db.engine.dialect.name == "postgresql":
        # Held by a connection of its own and given back with it, also when this process dies.
        with db.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": LOCK_NUMBER})
            connection.commit()
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": LOCK_NUMBER})
                connection.commit()
        return
    with Path(f"{db.engine.url.database}.prepare.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
