"""Background work: what is to be done when, who does it, and what people should know of it."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from extensions import db
from models import crypto
from models.types import UtcDateTime


class PeriodicRun(db.Model):  # type: ignore[misc, name-defined]
    """One periodic task: when it is due, who runs it now, how its last run ended."""

    __tablename__ = "periodic_runs"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    due_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    # When the queue was last asked to run it; a queue that loses the message is asked again.
    queued_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str] = mapped_column(String(40), default="")
    # Until then the holder is taken to be alive.
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(String(20), default="")
    report: Mapped[str] = mapped_column(Text, default="")


class WorkerProcess(db.Model):  # type: ignore[misc, name-defined]
    """A running worker; `seen_at` is renewed every few seconds."""

    __tablename__ = "worker_processes"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class Notice(db.Model):  # type: ignore[misc, name-defined]
    """Something people should know, behind the bell.

    `audience` is the role it is for (administrators also see what is for responders); with `user_id` it is for that
    person alone. `key` says what it tells of, so that nothing is told twice.
    """

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    audience: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    # "problem", "warning", "good" or "info"
    level: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text, default="")
    # A page of ours, as a path.
    link: Mapped[str] = mapped_column(String(300), default="")
    key: Mapped[str | None] = mapped_column(String(200), unique=True)

    __table_args__ = (Index("ix_notices_audience_id", "audience", "id"), {"sqlite_autoincrement": True})


class Webhook(db.Model):  # type: ignore[misc, name-defined]
    """How a provider may call us about a connection: the secret it must show, and what was registered there."""

    __tablename__ = "webhooks"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    # Part of the address and of what seals the secrets; never reused.
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    # Sealed: "secret", and "previous" while `previous_until` lies ahead.
    credentials: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    credentials_version: Mapped[int] = mapped_column(default=0)
    origin: Mapped[str] = mapped_column(String(300), default="")
    previous_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Ids of what we registered at the provider ourselves, and until when it keeps them.
    registered: Mapped[list[str]] = mapped_column(JSON, default=list)
    registered_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str] = mapped_column(Text, default="")
    # Last good and last refused delivery, noted at most once a minute.
    seen_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    refused_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    def context(self, field: str) -> crypto.Context:
        """Where the sealed value of this field belongs."""
        return crypto.Context("webhooks", self.uid, field, self.credentials_version, self.origin)


class CommentState(StrEnum):
    """How far a comment on a ticket got."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNCLEAR = "unclear"
    FAILED = "failed"


class TicketComment(db.Model):  # type: ignore[misc, name-defined]
    """Something to be said in a ticket. Sent once: while an outcome is unknown it is looked for, not sent again."""

    __tablename__ = "ticket_comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    marker: Mapped[str] = mapped_column(String(40), unique=True)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    # Calls that may have reached the provider, and looks since the last one that found nothing.
    tries: Mapped[int] = mapped_column(default=0)
    empty_looks: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    sending_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text, default="")
    requested_by: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_ticket_comments_state_due_at", "state", "due_at"), {"sqlite_autoincrement": True})
