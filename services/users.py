"""The people who may sign in: adding, changing, listing them."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extensions import db
from models import Role, User
from providers.base import utcnow
from services import events, links, locks, paging, passwords, sessions, store, throttle
from services.actors import Actor
from services.errors import Refused
from services.links import Purpose

LONGEST_EMAIL = 254
PAGE = 50
# One @ with something on both sides and nothing blank. Company-internal addresses have no dot; a mail proves the rest.
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>\"]{1,64}@[^@\s\x00-\x1f<>\"]+")


def normal(email: str) -> str:
    """An e-mail address as it is stored and compared: without blanks around it, in lower case."""
    return email.strip().lower()


def checked_email(email: str) -> str:
    """The normal form of an address. Raises Refused when it is none."""
    address = normal(email)
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        sentence = "This is not an e-mail address. Example: ada@example.com"
        raise Refused(sentence, field_errors={"email": sentence})
    return address


def add(actor: Actor, *, email: str, name: str, role: str, password: str) -> User:
    """Add a person with a password.

    Raises:
        Refused: a value may not be used, or somebody has this address already (see `field_errors`).
    """
    address = checked_email(email)
    passwords.check(password, email=address)
    hashed = passwords.hash_of(password)
    with store.write() as session:
        return insert(session, actor, email=address, name=name, role=role, password_hash=hashed)


def invite(actor: Actor, *, email: str, name: str, role: str) -> tuple[User, str]:
    """Add a person without a password. Returns them and the link, shown once, to choose one.

    Raises:
        Refused: as `add`.
    """
    address = checked_email(email)
    with store.write() as session:
        user = insert(session, actor, email=address, name=name, role=role, password_hash=None)
        return user, links.make(session, Purpose.RESET, user.id)


def insert(session: Session, actor: Actor, *, email: str, name: str, role: str, password_hash: str | None) -> User:
    """Add the row of a person inside the caller's transaction. Raises Refused."""
    name = " ".join(name.split())
    if not name or len(name) > 200:
        sentence = "Enter a name of at most 200 characters."
        raise Refused(sentence, field_errors={"name": sentence})
    user = User(
        email=email, name=name, role=_checked_role(role), password_hash=password_hash, active=True, created_at=utcnow()
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        sentence = f"Somebody with the address {email} exists already."
        raise Refused(sentence, field_errors={"email": sentence}) from None
    events.record(
        session, actor, "user.added", kind="user", target_id=user.id, target=user.email, details={"role": user.role}
    )
    return user


def _checked_role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        sentence = "The role is one of: " + ", ".join(Role) + "."
        raise Refused(sentence, field_errors={"role": sentence}) from None


def change(actor: Actor, user_id: int, *, role: str, active: bool) -> User:
    """Change what a person may do. Their sessions end when anything changes: they sign in again with the new rights.

    Raises:
        Missing: there is no such person.
        Refused: it would leave nobody to administer, or people would shut themselves out.
    """
    wanted = _checked_role(role)
    with store.write() as session:
        locks.hold(session, "administrators")  # two administrators must not demote each other at the same moment
        user = store.locked(session, User, user_id)
        before = {"role": user.role, "active": user.active}
        after = {"role": str(wanted), "active": active}
        if before == after:
            return user
        _refuse_lock_out(session, actor, user, wanted, active)
        user.role, user.active = wanted, active
        sessions.end_all(session, user_id)
        if not active:
            links.withdraw(session, Purpose.RESET, user_id)
        events.record(
            session,
            actor,
            "user.updated",
            kind="user",
            target_id=user_id,
            target=user.email,
            details={"before": before, "after": after},
        )
        return user


def _refuse_lock_out(session: Session, actor: Actor, user: User, role: Role, active: bool) -> None:
    if not (user.role == Role.ADMIN and user.active) or (active and role is Role.ADMIN):
        return
    query = select(func.count()).where(User.role == Role.ADMIN, User.active, User.id != user.id)
    if session.execute(query).scalar_one() == 0:
        sentence = f"{user.name} is the last active administrator. Make somebody else an administrator first."
    elif actor.id == user.id:
        sentence = "You cannot take your own administrator rights away. Ask another administrator to do it."
    else:
        return
    field = "active" if not active else "role"
    raise Refused(sentence, field_errors={field: sentence})


def reset_link(actor: Actor, user_id: int) -> tuple[User, str]:
    """A link, shown once, with which a person chooses a new password. Earlier links of theirs stop working.

    Raises:
        Missing: there is no such person.
        Refused: the person is switched off.
    """
    with store.write() as session:
        user = store.locked(session, User, user_id)
        if not user.active:
            raise Refused(f"{user.name} may not sign in. Switch the person on first (Active, then Update).")
        links.withdraw(session, Purpose.RESET, user_id)
        link = links.make(session, Purpose.RESET, user_id)
        events.record(session, actor, "user.reset_link_made", kind="user", target_id=user_id, target=user.email)
        return user, link


def reset_password(actor: Actor, email: str, password: str) -> User:
    """Give the person with this address a new password (command line). Their sessions end, wrong tries are forgotten.

    Raises:
        Refused: nobody has this address, or the password may not be used.
    """
    address = normal(email)
    passwords.check(password, email=address)
    hashed = passwords.hash_of(password)
    with store.write() as session:
        query = select(User).where(func.lower(User.email) == address).with_for_update()
        user = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
        if user is None:
            raise Refused(f"Nobody has the address {address}.")
        give_password(session, actor, user, hashed)
        return user


def give_password(session: Session, actor: Actor, user: User, hashed: str) -> None:
    """Store a new password hash: sessions and links end, wrong tries are forgotten."""
    user.password_hash = hashed
    sessions.end_all(session, user.id)
    links.withdraw(session, Purpose.RESET, user.id)
    throttle.forgive(session, user.email)
    events.record(session, actor, "user.password_reset", kind="user", target_id=user.id, target=user.email)


def get(user_id: int) -> User:
    """The person. Raises Missing."""
    return store.get(User, user_id)


def page(*, search: str = "", cursor: str | None = None) -> paging.Page[User]:
    """One page of people by name, those whose name or address contains `search`. Raises Refused for a bad cursor."""
    order = (paging.Order(User.name), paging.Order(User.id))
    return paging.page(_matching(search), order, cursor=cursor, limit=PAGE)


def _matching(search: str) -> Select[Any]:
    words = search.strip().lower()
    if not words:
        return select(User)
    name = func.lower(User.name).contains(words, autoescape=True)
    return select(User).where(or_(name, func.lower(User.email).contains(words, autoescape=True)))


def count() -> int:
    """How many people there are."""
    return db.session.execute(select(func.count()).select_from(User)).scalar_one()
