"""What happened: outbound calls (attempts), changes (events), locks between processes (leases)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from extensions import db
from models.types import UtcDateTime


class Attempt(db.Model):  # type: ignore[misc, name-defined]
    """One outbound call. Written before the call; `outcome` stays empty when it never finished.

    No foreign keys: the ledger outlives connections and users.
    """

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(200), default="")
    connection_id: Mapped[int | None] = mapped_column(index=True)
    connection_name: Mapped[str] = mapped_column(String(200), default="")
    provider_key: Mapped[str] = mapped_column(String(40), default="")
    purpose: Mapped[str] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(10))
    target: Mapped[str] = mapped_column(String(500))
    outcome: Mapped[str] = mapped_column(String(20), default="")
    status: Mapped[int | None] = mapped_column()
    code: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    duration_ms: Mapped[int | None] = mapped_column()
    request_id: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (Index("ix_attempts_outcome_id", "outcome", "id"),)


class Event(db.Model):  # type: ignore[misc, name-defined]
    """Audit row: who did what to what. Written in the same transaction as the change."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column()
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    target_kind: Mapped[str] = mapped_column(String(40), default="")
    target_id: Mapped[str] = mapped_column(String(60), default="")
    target: Mapped[str] = mapped_column(String(300), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    address: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (
        Index("ix_events_action_id", "action", "id"),
        Index("ix_events_target", "target_kind", "target_id", "id"),
    )


class Lease(db.Model):  # type: ignore[misc, name-defined]
    """A lock between processes that ends by itself when its holder dies."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[dt.datetime] = mapped_column(UtcDateTime)
