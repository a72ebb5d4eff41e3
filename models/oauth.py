"""Consents under way: one row from the first click until the connection stands."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from extensions import db
from models import crypto
from models.types import UtcDateTime


class OAuthFlow(db.Model):  # type: ignore[misc, name-defined]
    """One consent that a person was sent to the vendor for; used once, by that person in that browser.

    Everything the call-back needs is fixed here at the start. Only the SHA-256 of `state` is stored.
    """

    __tablename__ = "oauth_flows"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Part of what seals the credentials; never reused, unlike a row number.
    uid: Mapped[str] = mapped_column(String(32), default=lambda: secrets.token_hex(16))
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    provider_key: Mapped[str] = mapped_column(String(40))
    auth_method: Mapped[str] = mapped_column(String(40))
    # "consent": away at the vendor; "site": back with tokens, the person chooses among `sites`.
    phase: Mapped[str] = mapped_column(String(10))
    # None installs a new connection, else this one is connected anew.
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    description: Mapped[str] = mapped_column(String(200), default="")
    redirect_uri: Mapped[str] = mapped_column(String(500))
    settings: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    credentials: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    origin: Mapped[str] = mapped_column(String(300))
    sites: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)

    # Row numbers are never used again: an old address must not lead to another person's consent.
    __table_args__ = {"sqlite_autoincrement": True}

    def seal(self, values: dict[str, str]) -> None:
        """Store these credentials, bound to this row and origin. `uid` and `origin` are set before."""
        self.credentials = {name: crypto.seal(value, self._context(name)) for name, value in values.items()}

    def opened(self) -> dict[str, str]:
        """The credentials. Raises crypto.CannotOpen."""
        return {name: crypto.unseal(sealed, self._context(name)) for name, sealed in self.credentials.items()}

    def _context(self, field: str) -> crypto.Context:
        return crypto.Context("oauth_flows", self.uid, field, 1, self.origin)
