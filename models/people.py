"""People who sign in, their sessions, one-time links and failed sign-ins."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from flask_login import UserMixin
from sqlalchemy import JSON, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from extensions import Base, db
from models.types import UtcDateTime


class Role(StrEnum):
    """What a person may do; `services/permissions.py` holds the table."""

    ADMIN = "admin"
    RESPONDER = "responder"
    MEMBER = "member"


class User(UserMixin, db.Model):  # type: ignore[misc, name-defined]
    """A person who may sign in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # The newest notice this person has seen.
    notices_seen_id: Mapped[int] = mapped_column(default=0)

    # E-mail addresses are compared without case.
    # Row numbers are never used again: the ledgers name them after a row is gone.
    __table_args__ = (Index("uq_users_email", func.lower(email), unique=True), {"sqlite_autoincrement": True})

    @property
    def is_active(self) -> bool:
        """Flask-Login's word for it."""
        return self.active


class Session(db.Model):  # type: ignore[misc, name-defined]
    """A signed-in browser. Only the SHA-256 of the cookie's value is stored."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(300), default="")

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class OneTimeToken(db.Model):  # type: ignore[misc, name-defined]
    """A link that works once: first set-up, password reset, sandbox sign-in. Only its SHA-256 is stored."""

    __tablename__ = "one_time_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class SignInFailure(db.Model):  # type: ignore[misc, name-defined]
    """One wrong sign-in, counted by all processes. `key` is a hash of what is being counted, never an e-mail
    address.
    """

    __tablename__ = "sign_in_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_sign_in_failures_key_at", "key", "at"),)


class KnownAddress(db.Model):  # type: ignore[misc, name-defined]
    """An address a user signed in from correctly: wrong tries from elsewhere do not use up its own allowance."""

    __tablename__ = "known_addresses"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


__all__ = ["Base", "KnownAddress", "OneTimeToken", "Role", "Session", "SignInFailure", "User"]
