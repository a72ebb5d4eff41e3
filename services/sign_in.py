"""Signing in and out, and the links that let people in without a password once."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from extensions import db
from models import Role, User
from providers.base import utcnow
from services import events, links, locks, passwords, sessions, store, throttle, users
from services.actors import Actor
from services.errors import Refused
from services.links import LinkOver, Purpose
from services.runtime import settings
from services.sessions import Browser, Started
from services.throttle import TooManyTries

WRONG = "The e-mail address or the password is wrong."


def sign_in(visitor: Actor, *, email: str, password: str, browser: Browser) -> Started:
    """Sign a person in with a password.

    Unknown, disabled and wrong look and take the same. The comparison happens outside of any transaction.

    Raises:
        Refused: the e-mail address or the password is wrong.
        TooManyTries: the allowance is used up; nothing was compared.
    """
    address = users.normal(email)
    try:
        reservation = throttle.reserve(address, browser.address)
    except TooManyTries as refusal:
        _record_throttled(visitor, address, refusal)
        raise
    user = find_by_email(address)
    store.release()
    stored = user.password_hash if user is not None and user.active else None
    right = passwords.matches(stored, password)
    with store.write() as session:
        # Read again under the lock: the person may have been disabled or got another password while we compared.
        fresh = store.locked(session, User, user.id) if user is not None else None
        if right and fresh is not None and fresh.active and fresh.password_hash == stored:
            throttle.take_back(session, reservation)
            throttle.remember(session, fresh.id, browser.address)
            if passwords.outdated(fresh.password_hash or ""):
                fresh.password_hash = passwords.hash_of(password)
            return _let_in(session, visitor, fresh, browser, how="password")
        throttle.count_as_wrong(session, reservation)
        _record_refused(session, visitor, fresh)
    raise Refused(WRONG)


def _let_in(session: Session, visitor: Actor, user: User, browser: Browser, *, how: str) -> Started:
    user.last_sign_in_at = utcnow()
    started = sessions.start(session, user, browser)
    actor = replace(visitor, id=user.id, name=user.name)
    events.record(
        session, actor, "sign_in.succeeded", kind="user", target_id=user.id, target=user.email, details={"how": how}
    )
    return started


def _record_refused(session: Session, visitor: Actor, user: User | None) -> None:
    """What was typed is written down only when it is an account: people type passwords into the wrong field."""
    events.record(
        session,
        visitor,
        "sign_in.refused",
        kind="user",
        target_id=user.id if user else "",
        target=user.email if user else "unknown account",
    )


def _record_throttled(visitor: Actor, email: str, refusal: TooManyTries) -> None:
    if not refusal.first:
        return
    user = find_by_email(email)
    with store.write() as session:
        events.record(
            session,
            visitor,
            "sign_in.throttled",
            kind="user",
            target_id=user.id if user else "",
            target=user.email if user else "unknown account",
            details={"wait_seconds": refusal.seconds},
        )


def find_by_email(email: str) -> User | None:
    """The user with this (lower-case) address."""
    query = select(User).where(func.lower(User.email) == email).execution_options(populate_existing=True)
    found: User | None = db.session.execute(query).scalar_one_or_none()
    return found


def change_password(actor: Actor, user: User, *, current: str, new: str, browser: Browser) -> Started:
    """Change one's own password: every session ends, and the browser in use gets a new one.

    Raises:
        Refused: the current password is wrong, or the new one may not be used (see `field_errors`).
        TooManyTries: the current password was wrong too often.
    """
    passwords.check(new, email=user.email, field="new_password")
    reservation = throttle.reserve(user.email, browser.address)
    user_id, stored = user.id, user.password_hash
    store.release()
    right = passwords.matches(stored, current)
    hashed = passwords.hash_of(new) if right else ""
    with store.write() as session:
        fresh = store.locked(session, User, user_id)
        if right and fresh.password_hash == stored:
            throttle.take_back(session, reservation)
            fresh.password_hash = hashed
            links.withdraw(session, Purpose.RESET, user_id)
            sessions.end_all(session, user_id)
            events.record(session, actor, "user.password_changed", kind="user", target_id=user_id, target=fresh.email)
            return sessions.start(session, fresh, browser)
        throttle.count_as_wrong(session, reservation)
    sentence = "This is not your current password."
    raise Refused(sentence, field_errors={"current_password": sentence})


def setup_link() -> str | None:
    """A new link to create the first administrator, or None when somebody can sign in already."""
    if _anybody(db.session()):
        store.release()
        return None
    with store.write() as session:
        return links.make(session, Purpose.SETUP)


def _anybody(session: Session) -> bool:
    return bool(session.execute(select(exists(select(User.id)))).scalar_one())


def look_at_setup(token: str) -> None:
    """Raises LinkOver unless the link may be used and nobody can sign in yet."""
    if _anybody(db.session()):
        raise _set_up_already()
    links.look(token, Purpose.SETUP)


def _set_up_already() -> LinkOver:
    return LinkOver(
        "Patchpanel is set up already.", "Sign in, or ask an administrator to add you under Settings, Users."
    )


def set_up(visitor: Actor, token: str, *, name: str, email: str, password: str, browser: Browser) -> Started:
    """Create the first administrator with a set-up link and sign them in.

    Raises:
        LinkOver: the link is used up or somebody exists already.
        Refused: a value may not be used (see `field_errors`); the link stays good.
    """
    address = users.checked_email(email)
    passwords.check(password, email=address)
    hashed = passwords.hash_of(password)
    store.release()
    with store.write() as session:
        locks.hold(session, "setup")  # two links at once must not make two first administrators
        if _anybody(session):
            raise _set_up_already()
        links.consume(session, token, Purpose.SETUP)
        user = users.insert(session, visitor, email=address, name=name, role=Role.ADMIN, password_hash=hashed)
        throttle.remember(session, user.id, browser.address)
        return _let_in(session, visitor, user, browser, how="set-up link")


def reset_password(visitor: Actor, token: str, *, password: str) -> str:
    """Set a new password with a reset link; every session of the person ends. Returns their e-mail address.

    Raises:
        LinkOver: the link is used up, too old or unknown.
        Refused: the password may not be used; the link stays good.
    """
    row = links.look(token, Purpose.RESET)
    owner = store.get(User, row.user_id or 0)
    passwords.check(password, email=owner.email)
    hashed = passwords.hash_of(password)
    with store.write() as session:
        user_id = links.consume(session, token, Purpose.RESET) or 0
        user = store.locked(session, User, user_id)
        users.give_password(session, replace(visitor, name=user.name, id=user.id), user, hashed)
        return user.email


def sandbox_link(user_id: int) -> str:
    """A link that signs this person in once; only works while the sandbox runs."""
    with store.write() as session:
        return links.make(session, Purpose.SANDBOX, user_id)


def enter_sandbox(visitor: Actor, token: str, browser: Browser) -> Started:
    """Sign in with a sandbox link.

    Raises:
        LinkOver: the link is used up, or this is not the sandbox.
    """
    if not settings().sandbox_file:
        raise LinkOver("This link only works in the sandbox.", "Sign in with your e-mail address and password.")
    with store.write() as session:
        user_id = links.consume(session, token, Purpose.SANDBOX) or 0
        user = store.locked(session, User, user_id)
        if not user.active:
            raise LinkOver("This person may not sign in any more.", "Ask an administrator.")
        throttle.remember(session, user.id, browser.address)
        return _let_in(session, visitor, user, browser, how="sandbox link")
