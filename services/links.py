"""Links that work once. Only their hash is stored; the link itself is shown or printed one single time."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from extensions import db
from models import OneTimeToken
from providers.base import utcnow
from services.runtime import settings
from services.sessions import digest


class Purpose(StrEnum):
    """What a link is for."""

    SETUP = "setup"
    RESET = "reset"
    SANDBOX = "sandbox"


@dataclass(frozen=True)
class Kind:
    """Where a link leads and how long it may be used."""

    path: str
    lifetime: dt.timedelta
    next_step: str


KINDS = {
    Purpose.SETUP: Kind(
        "welcome", dt.timedelta(hours=24), "Run “flask --app app prepare” on the server: it prints a new link."
    ),
    Purpose.RESET: Kind("reset", dt.timedelta(hours=24), "Ask an administrator for a new link."),
    Purpose.SANDBOX: Kind("sandbox", dt.timedelta(days=7), "Start the sandbox again: it prints new links."),
}


class LinkOver(Exception):
    """The link cannot be used (any more). `next_step` says what to do instead."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


def make(session: Session, purpose: Purpose, user_id: int | None = None) -> str:
    """Make a link inside the caller's transaction. Returns its full address, the only time it is known."""
    token = secrets.token_urlsafe(32)
    kind = KINDS[purpose]
    session.add(
        OneTimeToken(token_hash=digest(token), purpose=purpose, user_id=user_id, expires_at=utcnow() + kind.lifetime)
    )
    return f"{settings().base_url}/{kind.path}/{token}"


def look(token: str, purpose: Purpose) -> OneTimeToken:
    """The link as it stands, without using it. Raises LinkOver when it would not work."""
    query = select(OneTimeToken).where(OneTimeToken.token_hash == digest(token), OneTimeToken.purpose == purpose)
    row = db.session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None or row.used_at is not None or row.expires_at <= utcnow():
        raise _over(row, purpose)
    return row


def consume(session: Session, token: str, purpose: Purpose) -> int | None:
    """Use a link up, in one step, so that it works for one caller only. Returns the user it was made for.

    Raises:
        LinkOver: it was used already, is too old or was never made.
    """
    now = utcnow()
    used = (
        update(OneTimeToken)
        .where(
            OneTimeToken.token_hash == digest(token),
            OneTimeToken.purpose == purpose,
            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(OneTimeToken.user_id)
        .execution_options(synchronize_session=False)
    )
    found = session.execute(used).first()
    if found is None:
        query = select(OneTimeToken).where(OneTimeToken.token_hash == digest(token), OneTimeToken.purpose == purpose)
        raise _over(session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none(), purpose)
    user_id: int | None = found.user_id
    return user_id


def withdraw(session: Session, purpose: Purpose, user_id: int) -> None:
    """Make earlier links of a person useless: a newer one was made, or the reason for them is gone."""
    session.execute(
        update(OneTimeToken)
        .where(OneTimeToken.purpose == purpose, OneTimeToken.user_id == user_id, OneTimeToken.used_at.is_(None))
        .values(used_at=utcnow())
        .execution_options(synchronize_session=False)
    )


def _over(row: OneTimeToken | None, purpose: Purpose) -> LinkOver:
    if row is None:
        return LinkOver("This link is not valid.", "Check that it was copied whole. " + KINDS[purpose].next_step)
    if row.used_at is not None:
        return LinkOver("This link was used already or replaced by a newer one.", KINDS[purpose].next_step)
    return LinkOver("This link is too old.", KINDS[purpose].next_step)
