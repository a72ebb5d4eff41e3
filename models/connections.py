"""Connections to outside systems and the people known there."""

from __future__ import annotations

import datetime as dt
import secrets
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from extensions import db
from models import crypto
from models.types import UtcDateTime
from providers.base import ConnectionValues


class ConnectionStatus(StrEnum):
    """What the last checks showed."""

    UNCHECKED = "unchecked"
    WORKS = "works"
    NEEDS_ATTENTION = "needs_attention"


class Connection(db.Model):  # type: ignore[misc, name-defined]
    """One configured link to one outside instance."""

    __tablename__ = "connections"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Part of what seals the credentials; never reused, unlike a row number.
    uid: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: secrets.token_hex(16))
    provider_key: Mapped[str] = mapped_column(String(40), index=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")
    auth_method: Mapped[str] = mapped_column(String(40))
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    credentials: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    credentials_version: Mapped[int] = mapped_column(default=0)
    origin: Mapped[str] = mapped_column(String(300), default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(String(20), default=ConnectionStatus.UNCHECKED)
    last_checked_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_ok_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str] = mapped_column(Text, default="")
    last_attempt_id: Mapped[int | None] = mapped_column()
    credential_expires_on: Mapped[dt.date | None] = mapped_column()
    installed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    external_account: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # The destination chosen last, offered again next time.
    destination: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Set while the connection is known to be broken and people were told so.
    broken_since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # The circuit breaker, read by all processes and written only when it changes: no call before this moment, and how
    # often it opened in a row.
    rests_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    rest_level: Mapped[int] = mapped_column(default=0)
    rest_reason: Mapped[str] = mapped_column(Text, default="")
    # Names of the rules switched on that tie incidents and tickets together (services/ticket_rules.py).
    ticket_rules: Mapped[list[str]] = mapped_column(JSON, default=list)
    # How many tickets may be created without asking in a minute.
    automatic_rate: Mapped[int] = mapped_column(default=30)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    # Row numbers are never used again: the ledgers name them after a row is gone.
    __table_args__ = {"sqlite_autoincrement": True}

    def seal(self, values: dict[str, str], *, origin: str) -> None:
        """Store these credentials as a new version bound to this row and origin; earlier ones are gone."""
        self.credentials_version += 1
        self.origin = origin
        self.credentials = {name: crypto.seal(value, self.context(name)) for name, value in values.items()}

    def for_client(self) -> ConnectionValues:
        """The frozen copy a client works with: the only way credentials leave the model.

        Raises crypto.CannotOpen when a key is missing or a stored value was tampered with.
        """
        return ConnectionValues(
            id=self.id,
            auth_method=self.auth_method,
            settings=dict(self.settings),
            credentials=self._opened(),
            account_id=str(self.external_account.get("id", "")),
        )

    def _opened(self) -> dict[str, str]:
        return {name: crypto.unseal(sealed, self.context(name)) for name, sealed in self.credentials.items()}

    def context(self, field: str) -> crypto.Context:
        """Where the sealed value of this field belongs."""
        return crypto.Context("connections", self.uid, field, self.credentials_version, self.origin)


class IntegrationUser(db.Model):  # type: ignore[misc, name-defined]
    """A person known in a ticket system. `external_id` is the provider's immutable id."""

    __tablename__ = "integration_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    external_username: Mapped[str] = mapped_column(String(254))
    external_id: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="active")
    checked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    connection: Mapped[Connection] = relationship(lazy="raise")

    __table_args__ = (
        Index("uq_integration_users_connection_external_id", "connection_id", "external_id", unique=True),
        Index("ix_integration_users_name_id", "name", "id"),
        Index("ix_integration_users_connection_name", "connection_id", "name", "id"),
        {"sqlite_autoincrement": True},
    )
