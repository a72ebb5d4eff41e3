"""The only place that opens and ends database transactions.

One `with store.write()` block is one short transaction. No outside call happens inside one: `assert_free` is called
by the outbound ledger before every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.orm import Session

from extensions import db
from services.errors import Missing

Row = TypeVar("Row")
# What the columns hold; a larger number in an address names nothing.
LARGEST_ID = 2**31 - 1


@contextmanager
def write() -> Iterator[Session]:
    """One write transaction: committed at the end, rolled back on any exception.

    On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that begins as a reader and writes
    later fails with "database is locked" whenever somebody else wrote in between.
    """
    session = db.session()
    if session.info.get("writing"):
        raise RuntimeError("write transactions do not nest")
    release()
    session.connection(execution_options={"write": True})
    session.info["writing"] = True
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["writing"] = False


def release() -> None:
    """End a read transaction, so that nothing is held while we talk to the outside or wait for the write lock."""
    if db.session().in_transaction():
        db.session().commit()


def assert_free() -> None:
    """Raise RuntimeError when a transaction is open: an outside call must not be made now."""
    if db.session().in_transaction():
        raise RuntimeError("outside call while a database transaction is open")


def locked(session: Session, model: type[Row], row_id: int) -> Row:
    """The row as it is now, locked until the transaction ends. Raises Missing.

    Rows that refer to it (a timeline entry, a comment) can be added meanwhile: waiting for them would be waiting for
    somebody who waits for us.
    """
    row = session.get(model, row_id, populate_existing=True, with_for_update={"key_share": True})
    if row is None:
        raise Missing(f"{model.__name__} {row_id}")
    return row


def get(model: type[Row], row_id: int) -> Row:
    """The row as it is now, even when an older copy is at hand. Raises Missing."""
    if not 0 < row_id <= LARGEST_ID:
        raise Missing(f"{model.__name__} {row_id}")
    query = select(model).where(model.id == row_id).execution_options(populate_existing=True)  # type: ignore[attr-defined]  # every model has an id
    row = db.session.execute(query).unique().scalar_one_or_none()
    if row is None:
        raise Missing(f"{model.__name__} {row_id}")
    return row


@contextmanager
def apart() -> Iterator[Connection]:
    """A short write transaction on a connection of its own, for ledger rows that must survive whatever happens next."""
    with db.engine.connect().execution_options(write=True) as connection, connection.begin():
        yield connection


def prepare_sqlite(engine: Engine) -> None:
    """Settings of each SQLite connection; PostgreSQL needs none."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # We say BEGIN ourselves (below); the driver's own idea of it would begin too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write_lock = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write_lock else "BEGIN")
