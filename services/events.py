"""Audit events: written in the same transaction as the change they tell of."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from models import Event
from providers.base import utcnow
from services.actors import Actor


def record(
    session: Session,
    actor: Actor,
    action: str,
    *,
    kind: str = "",
    target_id: object = "",
    target: str = "",
    details: dict[str, Any] | None = None,
) -> Event:
    """Add the event of a change that is being made in `session`.

    Args:
        action: verb of the audit log as `noun.verb`, for example `connection.updated`.
        kind, target_id, target: what was changed: table noun, row id, name for people.
        details: what changed, without any secret (secrets: {"api_token": "changed"}).
    """
    event = Event(
        at=utcnow(),
        actor_id=actor.id,
        actor=actor.name,
        action=action,
        target_kind=kind,
        target_id=str(target_id),
        target=target[:300],
        details=details or {},
        address=actor.address,
        request_id=actor.request_id,
    )
    session.add(event)
    return event
