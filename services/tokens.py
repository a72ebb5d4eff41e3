"""Tokens of connections made by consent: renewed ahead of time, by one process at a time, never lost.

The vendor changes the refresh token at each use and accepts the former one for some minutes more. So the new pair is
stored before it is used; a process that dies between answer and commit leaves the former token behind, which the next
process uses in time. A lease says who renews; it ends by itself, so that a dead holder stops nobody for long.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, ConnectionStatus, Lease
from providers.base import ConnectionValues, utcnow
from providers.errors import AuthenticationFailed, Busy, ProviderError, Unreachable
from providers.oauth import ACCESS_TOKEN, EXPIRES_AT, RENEWED_AT, Consent, ReconnectNeeded, Tokens, WrongApp
from services import connection_notices, store
from services.actors import Actor
from services.attempts import Caller, Ledger
from services.doors import open_door

EARLY = dt.timedelta(minutes=5)
# With less than this left, a token could end on the way.
LAST_MOMENT = dt.timedelta(seconds=20)
CALL_SECONDS = 6.0
LEASE = dt.timedelta(seconds=CALL_SECONDS + 2)
# After a failure that may pass, nobody asks again for this long.
REST = dt.timedelta(seconds=5)
# A refusal is believed for this long: asking again would only be refused again.
BELIEVE_REFUSAL = dt.timedelta(minutes=5)
POLL_SECONDS = 0.05
IDLE = dt.timedelta(days=7)
RESTING = "resting"
REFUSED, REFUSED_AT = "refused", "refused_at"
REFUSALS: Mapping[str, type[AuthenticationFailed]] = {"reconnect": ReconnectNeeded, "app": WrongApp}


@dataclass
class _Turn:
    """What one look at the stored tokens showed: good values, or our turn to renew, or neither (wait)."""

    values: ConnectionValues | None = None
    holder: str = ""
    resting: bool = False


def consent_of(connection: Connection) -> Consent | None:
    """How this connection's consent works; None when it was not made by consent."""
    return providers.get(connection.provider_key).auth_method(connection.auth_method).consent


def last_renewed(connection: Connection) -> dt.datetime | None:
    """When the tokens of a connection made by consent were last renewed; None when it was made another way."""
    return _moment(connection.settings, RENEWED_AT) if connection.settings.get(RENEWED_AT) else None


def fresh(connection: Connection, caller: Caller, values: ConnectionValues) -> ConnectionValues:
    """Values whose access token is good for some minutes, and which can be renewed when refused all the same.

    Raises:
        ReconnectNeeded, WrongApp: the vendor refuses; the connection needs attention now.
        Busy, Unreachable: no new token for the moment, and the old one is over.
        crypto.CannotOpen: the stored tokens cannot be opened.
    """
    if _left(values) < EARLY:
        values = _renewed(connection.id, caller, "")
    return replace(values, renew=partial(_renew_refused, connection.id, caller, values.credentials[ACCESS_TOKEN]))


def _renew_refused(connection_id: int, caller: Caller, refused: str) -> Mapping[str, str]:
    """Credentials other than the refused ones."""
    return _renewed(connection_id, caller, refused).credentials


def _renewed(connection_id: int, caller: Caller, refused: str) -> ConnectionValues:
    try:
        return _wait_or_renew(connection_id, caller, refused)
    except ProviderError as error:
        # Of the call that needed the token nothing was taken: it was not sent, or refused at the door.
        error.sent = False
        raise


def _wait_or_renew(connection_id: int, caller: Caller, refused: str) -> ConnectionValues:
    patience = time.monotonic() + CALL_SECONDS
    while True:
        turn = _look(connection_id, refused)
        if turn.values is not None:
            return turn.values
        if turn.holder:
            return _renew(connection_id, caller, turn.holder, refused)
        if turn.resting:
            cause = "The sign-in server of the vendor gave no usable answer a moment ago."
            raise Unreachable(cause, next_step="Try again in a few seconds.")
        if time.monotonic() > patience:
            raise Busy("Another process is renewing the access token of this connection.")
        time.sleep(POLL_SECONDS)


def _look(connection_id: int, refused: str) -> _Turn:
    """Look without locking first: most who come here only wait for somebody else's result."""
    connection = store.get(Connection, connection_id)
    lease = db.session.scalar(_lease_query(connection_id))
    usable = _usable(connection, refused, taken=lease is not None and lease.until > utcnow())
    store.release()
    if usable is not None:
        return _Turn(values=usable)
    if lease is not None and lease.until > utcnow():
        return _Turn(resting=lease.holder == RESTING)
    return _take_turn(connection_id, refused)


def _take_turn(connection_id: int, refused: str) -> _Turn:
    with store.write() as session:
        connection = store.locked(session, Connection, connection_id)
        usable = _usable(connection, refused, taken=False)
        if usable is not None:
            return _Turn(values=usable)
        lease = session.scalar(_lease_query(connection_id))
        if lease is not None and lease.until > utcnow():
            return _Turn(resting=lease.holder == RESTING)
        if lease is None:
            lease = Lease(name=_lease_name(connection_id))
            session.add(lease)
        lease.holder, lease.until = secrets.token_hex(8), utcnow() + LEASE
        return _Turn(holder=lease.holder)


def _usable(connection: Connection, refused: str, *, taken: bool) -> ConnectionValues | None:
    """The stored values if they will do. Raises what the vendor refused with a moment ago."""
    _raise_known_refusal(connection)
    values = connection.for_client()
    if refused and values.credentials[ACCESS_TOKEN] == refused:
        return None
    # While somebody else renews, the old token serves to its last moment.
    needed = LAST_MOMENT if taken else EARLY
    return values if _left(values) >= needed else None


def _raise_known_refusal(connection: Connection) -> None:
    kind = REFUSALS.get(connection.settings.get(REFUSED, ""))
    if kind is None or utcnow() - _moment(connection.settings, REFUSED_AT) > BELIEVE_REFUSAL:
        return
    error = kind(connection.last_error)
    error.attempt_id = connection.last_attempt_id
    store.release()
    raise error


def _renew(connection_id: int, caller: Caller, holder: str, refused: str) -> ConnectionValues:
    """Make the one call and store its outcome."""
    connection = store.get(Connection, connection_id)
    provider, consent, values = providers.get(connection.provider_key), consent_of(connection), connection.for_client()
    assert consent is not None  # noqa: S101 - only such connections come here
    door = open_door(provider, values, Ledger(caller), key=f"connection:{connection_id}", seconds=CALL_SECONDS)
    try:
        tokens = consent.refresh(door, values)
    except (ReconnectNeeded, WrongApp) as error:
        _note_refusal(connection_id, holder, error)
        raise
    except ProviderError:
        _rest(connection_id, holder)
        if not refused and _left(values) > LAST_MOMENT:
            return values
        raise
    return _store(connection_id, holder, tokens)


def _store(connection_id: int, holder: str, tokens: Tokens) -> ConnectionValues:
    """The new pair as one new version, in the commit that ends the lease. Newer values of somebody else win."""
    with store.write() as session:
        connection = store.locked(session, Connection, connection_id)
        values = connection.for_client()
        if _end_lease(session, connection_id, holder):
            connection.seal({**values.credentials, **tokens.credentials()}, origin=connection.origin)
            kept = {name: value for name, value in connection.settings.items() if name not in (REFUSED, REFUSED_AT)}
            connection.settings = {**kept, **tokens.settings()}
            values = connection.for_client()
    return values


def _note_refusal(connection_id: int, holder: str, error: ReconnectNeeded | WrongApp) -> None:
    """The connection needs attention; the tokens stay, in case the vendor was wrong."""
    name = next(name for name, kind in REFUSALS.items() if isinstance(error, kind))
    with store.write() as session:
        connection = store.locked(session, Connection, connection_id)
        if not _end_lease(session, connection_id, holder):
            return
        connection.settings = {**connection.settings, REFUSED: name, REFUSED_AT: utcnow().isoformat()}
        connection.status = ConnectionStatus.NEEDS_ATTENTION
        connection.last_checked_at = utcnow()
        connection.last_error = f"{error.cause} {error.next_step}"
        connection.last_attempt_id = error.attempt_id
        connection_notices.broke(session, connection)


def _rest(connection_id: int, holder: str) -> None:
    """Keep the lease for a moment, so that those who wait do not all ask in turn."""
    with store.write() as session:
        lease = session.scalar(_lease_query(connection_id))
        if lease is not None and lease.holder == holder:
            lease.holder, lease.until = RESTING, utcnow() + REST


def supersede(session: Session, connection_id: int) -> None:
    """Tokens of a new consent are being stored: whoever renews the former ones now must not overwrite them."""
    session.execute(delete(Lease).where(Lease.name == _lease_name(connection_id)))


def _end_lease(session: Session, connection_id: int, holder: str) -> bool:
    """Give the lease back. False when it was no longer ours: somebody took over meanwhile."""
    ours = delete(Lease).where(Lease.name == _lease_name(connection_id), Lease.holder == holder).returning(Lease.name)
    return session.execute(ours).first() is not None


def keep_alive(actor: Actor) -> int:
    """Renew the tokens of connections that nobody used for a week: unused ones die. Returns how many were renewed.

    One that fails does not stop the others; its failure stands in the ledger and, when definite, on the connection.
    """
    done = 0
    for connection_id in db.session.scalars(select(Connection.id).order_by(Connection.id)).all():
        connection = store.get(Connection, connection_id)
        idle = consent_of(connection) and utcnow() - _moment(connection.settings, RENEWED_AT) >= IDLE
        if not idle or not connection.enabled:
            continue
        label = connection.description or providers.get(connection.provider_key).tenant(connection.settings)
        try:
            fresh(connection, Caller(actor, connection.provider_key, connection_id, label), connection.for_client())
        except ProviderError:
            continue
        done += 1
    store.release()
    return done


def _left(values: ConnectionValues) -> dt.timedelta:
    return _moment(values.settings, EXPIRES_AT) - utcnow()


def _moment(settings: Mapping[str, str], name: str) -> dt.datetime:
    """A stored time; long ago when there is none."""
    text = settings.get(name, "")
    return dt.datetime.fromisoformat(text) if text else dt.datetime.min.replace(tzinfo=dt.UTC)


def _lease_name(connection_id: int) -> str:
    return f"tokens:{connection_id}"


def _lease_query(connection_id: int):  # type: ignore[no-untyped-def]
    query = select(Lease).where(Lease.name == _lease_name(connection_id))
    return query.execution_options(populate_existing=True)
