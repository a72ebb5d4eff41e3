"""Incidents, their timeline and their tickets."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from extensions import db
from models.connections import Connection, IntegrationUser
from models.people import User
from models.types import UtcDateTime


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITY_RANK = {Severity.CRITICAL: 4, Severity.HIGH: 3, Severity.MEDIUM: 2, Severity.LOW: 1}


class IncidentStatus(StrEnum):
    """Where our own work on it stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


class Incident(db.Model):  # type: ignore[misc, name-defined]
    """Our record of a problem. (source, source_key) is what an outside program calls it; empty for hand-made ones."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(Text, default="")
    severity: Mapped[str] = mapped_column(String(20))
    # For sorting; follows from severity.
    severity_rank: Mapped[int] = mapped_column()
    status: Mapped[str] = mapped_column(String(20), default=IncidentStatus.OPEN)
    source: Mapped[str] = mapped_column(String(100), default="")
    source_key: Mapped[str | None] = mapped_column(String(200))
    labels: Mapped[list[str]] = mapped_column(JSON, default=list)
    resource: Mapped[str] = mapped_column(String(300), default="")
    url: Mapped[str] = mapped_column(String(1000), default="")
    has_ticket: Mapped[bool] = mapped_column(default=False)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    # Counts every edit: an edit form that was opened on an older state is refused instead of overwriting.
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("uq_incidents_source_source_key", "source", "source_key", unique=True),
        Index("ix_incidents_status_id", "status", "id"),
        Index("ix_incidents_severity_rank_id", "severity_rank", "id"),
        Index("ix_incidents_source_id", "source", "id"),
        Index("ix_incidents_updated_at_id", "updated_at", "id"),
        Index("ix_incidents_has_ticket_id", "has_ticket", "id"),
        {"sqlite_autoincrement": True},
    )

    @property
    def key(self) -> str:
        """What people call it."""
        return f"INC-{self.id}"


class TimelineEntry(db.Model):  # type: ignore[misc, name-defined]
    """One thing that happened to an incident, for people. (The audit log has its own rows.)"""

    __tablename__ = "timeline_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_timeline_entries_incident_id_id", "incident_id", "id"),)


class TicketState(StrEnum):
    """How far opening the ticket got."""

    WAITING = "waiting"
    REQUESTED = "requested"
    SENDING = "sending"
    CREATED = "created"
    REJECTED = "rejected"
    FAILED = "failed"
    UNCLEAR = "unclear"
    NEEDS_LOOK = "needs_look"
    CANCELLED = "cancelled"


# While a ticket is in one of these, no second one may be opened for the same incident and connection.
OPEN_STATES = (
    TicketState.WAITING,
    TicketState.REQUESTED,
    TicketState.SENDING,
    TicketState.CREATED,
    TicketState.UNCLEAR,
    TicketState.NEEDS_LOOK,
)
_OPEN = text("state IN (" + ", ".join(f"'{state}'" for state in OPEN_STATES) + ")")


class Ticket(db.Model):  # type: ignore[misc, name-defined]
    """Something opened (or being opened) at a provider for an incident."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"), index=True)
    # Copies, so that a ticket stays readable after its connection is gone.
    provider_key: Mapped[str] = mapped_column(String(40))
    connection_name: Mapped[str] = mapped_column(String(200))
    integration_user_id: Mapped[int | None] = mapped_column(
        ForeignKey("integration_users.id", ondelete="SET NULL"), index=True
    )
    form_key: Mapped[str] = mapped_column(String(64), unique=True)
    marker: Mapped[str] = mapped_column(String(40), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    # What is sent, frozen when it was asked for (a providers.base.TicketDraft as a dictionary).
    draft: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[str] = mapped_column(Text, default="")
    field_errors: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    attempt_id: Mapped[int | None] = mapped_column()
    # Set while a call may be under way: after this moment the caller is known to be dead.
    sending_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Create calls made so far, and looks since the last one that found nothing.
    sends: Mapped[int] = mapped_column(default=0)
    empty_looks: Mapped[int] = mapped_column(default=0)
    next_look_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Somebody is looking for it right now, until this moment at the latest.
    look_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    external_id: Mapped[str] = mapped_column(String(200), default="")
    external_key: Mapped[str] = mapped_column(String(200), default="")
    url: Mapped[str] = mapped_column(String(1000), default="")
    external_status: Mapped[str] = mapped_column(String(200), default="")
    status_category: Mapped[str] = mapped_column(String(20), default="")
    assignee: Mapped[str] = mapped_column(String(200), default="")
    assignment_error: Mapped[str] = mapped_column(Text, default="")
    # "", "deleted" or "hidden": what the last read-back said beyond the status.
    visibility: Mapped[str] = mapped_column(String(20), default="")
    synced_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # When it is to be read back next; empty while there is nothing to read.
    sync_due_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # Made by a routing rule, without anybody asking.
    automatic: Mapped[bool] = mapped_column(default=False)
    # When it came to its turn, for the rate.
    released_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    linked: Mapped[bool] = mapped_column(default=False)
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    requested_by: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    incident: Mapped[Incident] = relationship(lazy="raise")
    connection: Mapped[Connection | None] = relationship(lazy="raise")
    integration_user: Mapped[IntegrationUser | None] = relationship(lazy="raise")

    @property
    def is_open(self) -> bool:
        """Whether it stands in the way of another ticket for the same incident and connection."""
        return self.state in OPEN_STATES

    __table_args__ = (
        Index(
            "uq_tickets_open",
            "incident_id",
            "connection_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_tickets_state_next_look_at", "state", "next_look_at"),
        Index("ix_tickets_connection_id_external_id", "connection_id", "external_id"),
        Index("ix_tickets_connection_id_sync_due_at", "connection_id", "sync_due_at"),
        Index("ix_tickets_connection_id_released_at", "connection_id", "released_at"),
        {"sqlite_autoincrement": True},
    )


__all__ = [
    "OPEN_STATES",
    "SEVERITY_RANK",
    "Incident",
    "IncidentStatus",
    "Severity",
    "Ticket",
    "TicketState",
    "TimelineEntry",
    "User",
]
