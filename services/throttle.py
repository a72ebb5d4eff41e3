"""Slows guessing down, exactly, with any number of processes.

A try is reserved before the password is compared and stays counted unless it was right, so no more than the allowance
is ever compared, however many tries run at once. Right ones are never counted. What is counted is kept as a hash.

An address from which a person signed in before has an allowance of its own: guessing from elsewhere cannot use it up,
so it cannot lock anybody out. Besides, one address may be wrong 100 times over all accounts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import time
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from models import KnownAddress, SignInFailure, User
from providers.base import utcnow
from services import locks, store

WINDOW = dt.timedelta(minutes=5)
PER_ACCOUNT = 10
PER_ADDRESS = 100
# Tries that are being compared right now fill an allowance only for a moment: wait for them instead of refusing.
PATIENCE = dt.timedelta(seconds=10)
PAUSE_SECONDS = 0.05


class TooManyTries(Exception):
    """The allowance is used up. `seconds` is how long until the next try counts."""

    def __init__(self, seconds: int, *, first: bool) -> None:
        super().__init__("Too many wrong tries.")
        self.seconds = seconds
        self.first = first

    @property
    def wait(self) -> str:
        """How long to wait, for people."""
        minutes = math.ceil(self.seconds / 60)
        return "Wait one minute and try again." if minutes <= 1 else f"Wait {minutes} minutes and try again."


@dataclass(frozen=True)
class Reservation:
    """A try that may be made; it counts as wrong from now on until it is taken back."""

    keys: tuple[str, ...]
    row_ids: tuple[int, ...]


@dataclass(frozen=True)
class _Allowance:
    key: str
    limit: int


def key_of(kind: str, *parts: str) -> str:
    """The hash under which tries of this kind are counted."""
    return hashlib.sha256("\x1f".join((kind, *parts)).encode()).hexdigest()


def address_hash(user_id: int, address: str) -> str:
    """What is stored of an address a person signed in from."""
    return key_of("known", str(user_id), address)


def account_key(email: str) -> str:
    """Under which wrong tries for an account from unknown addresses are counted."""
    return key_of("account", email)


def reserve(email: str, address: str) -> Reservation:
    """Reserve one try to sign in as `email` (lower case) from `address`.

    Raises:
        TooManyTries: nothing was reserved and the password must not be compared.
    """
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while True:
        with store.write() as session:
            key = _key_for(session, email, address)
            allowances = [_Allowance(key, PER_ACCOUNT), _Allowance(key_of("address", address), PER_ADDRESS)]
            answer = _try(session, allowances)
        if isinstance(answer, Reservation):
            return answer
        if answer is not None:
            raise answer
        if time.monotonic() > deadline:
            raise TooManyTries(int(PATIENCE.total_seconds()), first=False)
        time.sleep(PAUSE_SECONDS)


def _key_for(session: Session, email: str, address: str) -> str:
    known = (
        select(KnownAddress.user_id).join(User, User.id == KnownAddress.user_id).where(func.lower(User.email) == email)
    )
    user_id = session.execute(select(User.id).where(func.lower(User.email) == email)).scalar_one_or_none()
    hashed = address_hash(user_id or 0, address)
    if session.execute(known.where(KnownAddress.address_hash == hashed)).first():
        return key_of("account", email, address)
    return account_key(email)


def _try(session: Session, allowances: list[_Allowance]) -> Reservation | TooManyTries | None:
    """Reserve, refuse, or None: the allowance is full only because of tries that are being compared now."""
    locks.hold(session, *(allowance.key for allowance in allowances))
    now = utcnow()
    for allowance in allowances:
        # Running ones first: a try that is counted as wrong in between is then seen twice, never not at all.
        running = _running(session, allowance.key, now)
        wrong, oldest = _count(session, allowance.key, now)
        if wrong >= allowance.limit:
            seconds = max(1, math.ceil((oldest + WINDOW - now).total_seconds())) if oldest else 1
            return TooManyTries(seconds, first=_first_refusal(session, allowance.key, now))
        if wrong + running >= allowance.limit:
            return None
    rows = [SignInFailure(key=_pending(allowance.key), at=now) for allowance in allowances]
    session.add_all(rows)
    session.flush()
    return Reservation(tuple(allowance.key for allowance in allowances), tuple(row.id for row in rows))


def _pending(key: str) -> str:
    return key_of("pending", key)


def _count(session: Session, key: str, now: dt.datetime) -> tuple[int, dt.datetime | None]:
    """Wrong tries of the window and the oldest of them. A reservation nobody came back to counts as wrong."""
    session.execute(
        update(SignInFailure)
        .where(SignInFailure.key == _pending(key), SignInFailure.at < now - PATIENCE)
        .values(key=key)
    )
    query = select(func.count(), func.min(SignInFailure.at)).where(
        SignInFailure.key == key, SignInFailure.at > now - WINDOW
    )
    number, oldest = session.execute(query).one()
    return number, oldest


def _running(session: Session, key: str, now: dt.datetime) -> int:
    query = select(func.count()).where(SignInFailure.key == _pending(key), SignInFailure.at >= now - PATIENCE)
    return session.execute(query).scalar_one()


def _first_refusal(session: Session, key: str, now: dt.datetime) -> bool:
    """Whether this is the first refusal of the window: an attack fills the audit log with one line, not thousands."""
    told = key_of("told", key)
    query = select(SignInFailure.id).where(SignInFailure.key == told, SignInFailure.at > now - WINDOW)
    if session.execute(query).first():
        return False
    session.add(SignInFailure(key=told, at=now))
    return True


def count_as_wrong(session: Session, reservation: Reservation) -> None:
    """The try was wrong: it stays counted, inside the caller's transaction."""
    for key, row_id in zip(reservation.keys, reservation.row_ids, strict=True):
        session.execute(update(SignInFailure).where(SignInFailure.id == row_id).values(key=key))


def take_back(session: Session, reservation: Reservation) -> None:
    """The try was right: it was never counted. Long past rows go at the same time."""
    session.execute(delete(SignInFailure).where(SignInFailure.id.in_(reservation.row_ids)))
    session.execute(delete(SignInFailure).where(SignInFailure.at < utcnow() - dt.timedelta(days=1)))


def remember(session: Session, user_id: int, address: str) -> None:
    """This person signed in from this address: from now on it has an allowance of its own."""
    hashed, now = address_hash(user_id, address), utcnow()
    found = session.get(KnownAddress, (user_id, hashed))
    if found is None:
        locks.hold(session, f"known:{user_id}")
        found = session.get(KnownAddress, (user_id, hashed))
    if found is None:
        session.add(KnownAddress(user_id=user_id, address_hash=hashed, at=now))
    else:
        found.at = now


def forgive(session: Session, email: str) -> None:
    """Forget the wrong tries for an account: it just got a new password."""
    session.execute(delete(SignInFailure).where(SignInFailure.key == account_key(email)))
