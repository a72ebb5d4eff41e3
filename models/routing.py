"""Routing: which destination an incident's ticket goes to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from extensions import db
from models.types import UtcDateTime


class RoutingRule(db.Model):  # type: ignore[misc, name-defined]
    """One rule of a connection. The first whose conditions all hold is taken; one without conditions is the default."""

    __tablename__ = "routing_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column()
    # {"source": [...], "severity": [...], "label": [...], "resource": "pattern*"}; absent ones always hold.
    conditions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Step key → the provider's id, and step key → its name for people at the time it was chosen.
    destination: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    destination_names: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    # Destination field id → {"kind": ..., "value": ...}
    field_defaults: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Severity → destination field id → value
    severity_values: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    integration_user_id: Mapped[int | None] = mapped_column(
        ForeignKey("integration_users.id", ondelete="SET NULL"), index=True
    )
    # Incidents that arrive from a program get their ticket without anybody asking.
    automatic: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_routing_rules_connection_id_position", "connection_id", "position"),
        {"sqlite_autoincrement": True},
    )

    @property
    def is_default(self) -> bool:
        """Whether it takes whatever no other rule takes."""
        return not self.conditions


class KeptList(db.Model):  # type: ignore[misc, name-defined]
    """A live list of a provider (projects, types, fields) as it was read last, shared by all processes."""

    __tablename__ = "kept_lists"

    # SHA-256 of what the list is of, its connection included.
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    value: Mapped[Any] = mapped_column(JSON)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
