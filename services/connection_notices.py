"""Telling administrators that a connection broke and that it works again: once each, with the change itself."""

from __future__ import annotations

from sqlalchemy.orm import Session

import providers
from models import Connection
from providers.base import utcnow
from services import notices
from services.notices import Level
from services.times import duration

KIND = "connection"


def name(connection: Connection) -> str:
    """What people call it: the provider's name, then its description or else the outside instance."""
    provider = providers.get(connection.provider_key)
    return f"{provider.label}: {connection.description or provider.tenant(connection.settings)}"


def link(connection: Connection) -> str:
    """Path of its dialog."""
    return f"/settings/organization/integrations/connections/{connection.id}"


def broke(session: Session, connection: Connection) -> None:
    """It needs attention, and `last_error` says why. Call it with the row locked, whenever that was found again."""
    if connection.broken_since is not None:
        return
    connection.broken_since = utcnow()
    notices.tell(
        session,
        kind=KIND,
        level=Level.PROBLEM,
        title=f"{name(connection)} needs attention",
        text=connection.last_error,
        link=link(connection),
        key=f"broken:{connection.uid}:{connection.broken_since.isoformat()}",
    )


def works(session: Session, connection: Connection) -> None:
    """It works. Call it with the row locked; nothing is told unless people know that it was broken."""
    since = connection.broken_since
    if since is None:
        return
    connection.broken_since = None
    seconds = max(1, round((utcnow() - since).total_seconds()))
    notices.tell(
        session,
        kind=KIND,
        level=Level.GOOD,
        title=f"{name(connection)} works again",
        text=f"It was broken for {duration(seconds)}, since {since:%d %b %Y %H:%M} UTC.",
        link=link(connection),
        key=f"works:{connection.uid}:{since.isoformat()}",
    )
