"""Locks between processes that last as long as one write transaction."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.orm import Session


def hold(session: Session, *names: str) -> None:
    """Wait until nobody else holds one of these names, and hold them until the transaction ends.

    SQLite needs none: its write transactions already follow one another. On PostgreSQL the names are taken in a fixed
    order, so two callers never wait for each other.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    for number in sorted({_number(name) for name in names}):
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _number(name: str) -> int:
    """A name as the signed 64-bit number an advisory lock is known by."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
