"""Telling administrators and responders which people left: once for each person and what was found of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from models import Connection, Notice
from services import connection_notices, notices
from services.integration_users import ATTENTION, PersonStatus
from services.notices import Audience, Level

KIND = "people"
# A notice names so many people; the page it leads to shows all.
MOST_NAMES = 10
_LABELS = {PersonStatus.INACTIVE: "Inactive", PersonStatus.GONE: "Not found"}


def tell(
    session: Session, connection: Connection, began: dt.datetime, news: Sequence[tuple[str, PersonStatus]]
) -> None:
    """Tell who needs attention, as the last thing in the transaction that changed their status.

    Args:
        began: when the run began: one notice for the whole run, a later batch puts a fuller one in its place.
        news: name and new status of everybody whose status changed since then.
    """
    key = f"people:{connection.uid}:{began.isoformat()}"
    session.execute(delete(Notice).where(Notice.key == key))
    needs = "1 person needs" if len(news) == 1 else f"{len(news)} people need"
    notices.tell(
        session,
        kind=KIND,
        level=Level.WARNING,
        title=f"{needs} attention in {connection_notices.name(connection)}",
        text=_words(news),
        link=f"/setup/integration-users?connection={connection.id}&status={ATTENTION}",
        key=key,
        audience=Audience.RESPONDER,
    )


def _words(news: Sequence[tuple[str, PersonStatus]]) -> str:
    """Who they are, and what to do."""
    shown = news[:MOST_NAMES]
    parts = []
    for status, label in _LABELS.items():
        names = [name for name, found in shown if found is status]
        if names:
            parts.append(f"{label}: {', '.join(names)}.")
    if len(news) > len(shown):
        parts.append(f"And {len(news) - len(shown)} more.")
    return " ".join([*parts, "They can no longer be chosen. Reassign the tickets they still have."])
