"""Signed-in browsers, one row each. The browser holds 256 random bits; only their SHA-256 is stored.

Limits: a session ends after 8 hours without a request (a working day with a long meeting in it) and after 24 hours in
any case (everybody shows the password once a day). A person has at most 10 sessions; the next sign-in ends the oldest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session as Transaction

from extensions import db
from models import Session, User
from providers.base import utcnow
from services import events, locks, store
from services.actors import Actor

IDLE = dt.timedelta(hours=8)
ABSOLUTE = dt.timedelta(hours=24)
MOST = 10
SEEN_EVERY = dt.timedelta(minutes=1)  # a page view writes at most this often


@dataclass(frozen=True)
class Browser:
    """What is known about a browser that signs in; `token` is its session so far, which ends."""

    address: str = ""
    agent: str = ""
    token: str = ""


@dataclass(frozen=True)
class Started:
    """A new session: the row, and the value only the browser gets."""

    row: Session
    token: str


def digest(token: str) -> str:
    """What is stored of a cookie or link."""
    return hashlib.sha256(token.encode()).hexdigest()


def find(token: str) -> Session | None:
    """The live session of a cookie, its user with it in the same query; None when there is none or it ended."""
    query = select(Session).where(Session.token_hash == digest(token)).execution_options(populate_existing=True)
    row = db.session.execute(query).unique().scalar_one_or_none()
    if row is None or not row.user.active or _over(row, utcnow()):
        return None
    return row


def _over(row: Session, now: dt.datetime) -> bool:
    return now - row.seen_at > IDLE or now - row.created_at > ABSOLUTE


def start(session: Transaction, user: User, browser: Browser) -> Started:
    """Add a session for a person who just proved who they are, inside the transaction of that proof.

    The browser's earlier session is dead in the same transaction, as are ended ones and the oldest beyond the limit.
    """
    locks.hold(session, f"sessions:{user.id}")
    now = utcnow()
    if browser.token:
        session.execute(delete(Session).where(Session.token_hash == digest(browser.token)))
    session.execute(
        delete(Session).where(
            Session.user_id == user.id, or_(Session.seen_at < now - IDLE, Session.created_at < now - ABSOLUTE)
        )
    )
    kept = select(Session.id).where(Session.user_id == user.id).order_by(Session.id.desc()).limit(MOST - 1)
    survivors = list(session.execute(kept).scalars())
    session.execute(delete(Session).where(Session.user_id == user.id, Session.id.not_in(survivors)))
    token = secrets.token_urlsafe(32)
    row = Session(
        token_hash=digest(token),
        user_id=user.id,
        user=user,
        # Made here and not by the first form: two first pages at once would overwrite each other's form token.
        data={"csrf_token": secrets.token_hex(20)},
        created_at=now,
        seen_at=now,
        address=browser.address[:64],
        agent=browser.agent[:300],
    )
    session.add(row)
    session.flush()
    return Started(row, token)


def keep(row: Session, data: dict[str, Any] | None) -> None:
    """Write what a request changed: the session's data (None: unchanged) and, once a minute, that it was seen."""
    now = utcnow()
    values: dict[str, Any] = {}
    if now - row.seen_at >= SEEN_EVERY:
        values["seen_at"] = now
    if data is not None:
        values["data"] = data
    if not values:
        return
    row_id = row.id
    with store.write() as session:
        session.execute(
            update(Session).where(Session.id == row_id).values(values).execution_options(synchronize_session=False)
        )


def end(actor: Actor, row_id: int) -> None:
    """Sign a browser out: its cookie is worth nothing from now on."""
    with store.write() as session:
        session.execute(delete(Session).where(Session.id == row_id))
        events.record(session, actor, "sign_in.ended", kind="user", target_id=actor.id or "", target=actor.name)


def end_all(session: Transaction, user_id: int, *, but: int | None = None) -> None:
    """End the sessions of a person inside the caller's transaction, all or all `but` one."""
    statement = delete(Session).where(Session.user_id == user_id)
    session.execute(statement if but is None else statement.where(Session.id != but))


def end_others(actor: Actor, user_id: int, row_id: int) -> None:
    """Sign a person out everywhere but in the browser they are using."""
    with store.write() as session:
        end_all(session, user_id, but=row_id)
        events.record(session, actor, "sign_in.others_ended", kind="user", target_id=user_id, target=actor.name)


def of_user(user_id: int) -> Sequence[Session]:
    """The live sessions of a person, last used first."""
    now = utcnow()
    query = (
        select(Session)
        .where(Session.user_id == user_id, Session.seen_at >= now - IDLE, Session.created_at >= now - ABSOLUTE)
        .order_by(Session.seen_at.desc(), Session.id.desc())
    )
    return list(db.session.execute(query).unique().scalars())
