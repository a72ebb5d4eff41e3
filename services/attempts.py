"""The ledger of outbound calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from extensions import db
from models import Attempt
from providers.base import utcnow
from services import store
from services.actors import Actor


@dataclass(frozen=True)
class Caller:
    """For whom and over which connection calls are made."""

    actor: Actor
    provider_key: str
    connection_id: int | None = None
    connection_name: str = ""

    def row(self, *, purpose: str, method: str, target: str) -> dict[str, Any]:
        """The columns of an attempt that is about to be made."""
        return {
            "at": utcnow(),
            "actor": self.actor.name,
            "connection_id": self.connection_id,
            "connection_name": self.connection_name[:200],
            "provider_key": self.provider_key,
            "purpose": purpose[:100],
            "method": method,
            "target": target[:500],
            "outcome": "",
            "code": "",
            "message": "",
            "request_id": self.actor.request_id,
        }


def provider_of(attempt_id: int | None) -> str:
    """Key of the provider a call went to; "" when that is not known."""
    if attempt_id is None:
        return ""
    key = db.session.scalar(select(Attempt.provider_key).where(Attempt.id == attempt_id))
    return key or ""


class Ledger:
    """A providers.base.Recorder that writes each call in transactions of its own, before and after it."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def before(self, *, purpose: str, method: str, target: str) -> int | None:
        """Write the row of a call that is about to be made. Returns its id."""
        store.assert_free()
        with store.apart() as connection:
            row = self.caller.row(purpose=purpose, method=method, target=target)
            return int(connection.execute(insert(Attempt).values(row).returning(Attempt.id)).scalar_one())

    def after(
        self, attempt_id: int | None, *, outcome: str, status: int | None, code: str, message: str, duration_ms: int
    ) -> None:
        """Close the row."""
        closing = {
            "outcome": outcome,
            "status": status,
            "code": code[:100],
            "message": message,
            "duration_ms": duration_ms,
        }
        with store.apart() as connection:
            connection.execute(update(Attempt).where(Attempt.id == attempt_id).values(closing))


class CreateLedger(Ledger):
    """Ledger of a create: its row opens and closes in the ticket's own commits, follow-up calls get rows of their
    own.
    """

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._attempt: Attempt | None = None
        self._used = False
        self._closing: dict[str, Any] = {}

    def open(self, session: Session, *, purpose: str, method: str, target: str) -> int:
        """Add the row of the create in the commit that says `sending`. Returns its id."""
        self._attempt = Attempt(**self.caller.row(purpose=purpose, method=method, target=target))
        session.add(self._attempt)
        session.flush()
        return self._attempt.id

    def before(self, *, purpose: str, method: str, target: str) -> int | None:
        """The open row for the create itself, a row of its own for every call around it (a sign-in, an assignment)."""
        if self._used or self._attempt is None or purpose != self._attempt.purpose:
            return super().before(purpose=purpose, method=method, target=target)
        store.assert_free()
        self._used = True
        return self._attempt.id

    def after(
        self, attempt_id: int | None, *, outcome: str, status: int | None, code: str, message: str, duration_ms: int
    ) -> None:
        """Keep the outcome of the create for `close`; write that of a later call at once."""
        if self._attempt is None or attempt_id != self._attempt.id:
            super().after(
                attempt_id, outcome=outcome, status=status, code=code, message=message, duration_ms=duration_ms
            )
            return
        self._closing = {
            "outcome": outcome,
            "status": status,
            "code": code[:100],
            "message": message,
            "duration_ms": duration_ms,
        }

    def close(self, session: Session) -> None:
        """Write the outcome in the commit that tells how the create ended."""
        if self._attempt is not None and not self._used:
            self._closing = {"outcome": "not_sent", "message": "The call was not made."}
        if self._attempt is not None and self._closing:
            session.execute(update(Attempt).where(Attempt.id == self._attempt.id).values(self._closing))
