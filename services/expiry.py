"""Secrets end: known where the provider tells, typed otherwise, and told to people in time.

Connections that are switched off are warned of too: warning makes no call, and their secret would otherwise turn out to
be dead on the very day somebody needs it.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, Lease
from models.crypto import CannotOpen
from providers.base import TellsExpiry, utcnow
from providers.errors import ProviderError
from services import connection_health, connection_notices, events, notices, outbound, store, tokens
from services.actors import Actor
from services.errors import Missing
from services.notices import Level
from services.times import days

# Days left at which people are told; 0 stands for the day the secret ends, and everything after it.
WARN_AT = (0, 1, 7, 30)
NEAR_DAYS = max(WARN_AT)
# Consent that is not used dies: Atlassian's refresh tokens 90 days after their last use
# (https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/, "refresh token inactivity").
IDLE_DAYS = 60
# Providers that tell are asked once a day, and at the next run when they gave no answer.
ASK_EVERY, ASK_AGAIN = dt.timedelta(hours=23), dt.timedelta(minutes=30)
# A run asks no further providers after this time.
ASK_SECONDS = 200.0
KIND = "expiry"
log = logging.getLogger("patchpanel.connections")


def words(day: dt.date | None, today: dt.date | None = None) -> str:
    """When a secret ends, for people: the countdown and the date."""
    if day is None:
        return "secret expiry not known"
    left, date = _left(day, today), f"{day:%d %b %Y}"
    if left < 0:
        return f"secret expired {days(-left)} ago, on {date}"
    return f"secret expires today, {date}" if left == 0 else f"secret expires {date}, in {days(left)}"


def is_near(day: dt.date | None, today: dt.date | None = None) -> bool:
    """Whether people should see to it soon."""
    return day is not None and _left(day, today) <= NEAR_DAYS


def watch(actor: Actor, everything: bool = False, *, today: dt.date | None = None) -> str:
    """Ask the providers that tell, then warn of what ends. Returns a report in a few words.

    Args:
        everything: ask all of them now, also those asked today.
        today: the day in UTC; by default the real one.
    """
    now = utcnow()
    day = today or now.date()
    asked = _ask_all(actor, everything=everything)
    with store.write() as session:
        warned = sum(_warn(session, connection, day) for connection in _ending(session, day))
        idle = sum(_warn_idle(session, connection, day) for connection in _by_consent(session))
    return f"{asked} asked, {warned + idle} warnings"


def _left(day: dt.date, today: dt.date | None) -> int:
    return (day - (today or utcnow().date())).days


# -- warning ----------------------------------------------------------------------------------------------------------


def _ending(session: Session, today: dt.date) -> Sequence[Connection]:
    last = today + dt.timedelta(days=NEAR_DAYS)
    query = select(Connection).where(Connection.credential_expires_on <= last, Connection.provider_key.in_(_known()))
    found: Sequence[Connection] = session.scalars(query.order_by(Connection.id)).all()
    return found


def _known() -> list[str]:
    return [provider.key for provider in providers.all_providers()]


def _warn(session: Session, connection: Connection, today: dt.date) -> bool:
    """Tell at the nearest of the days at hand, once for each date: a changed date starts anew."""
    day = connection.credential_expires_on
    assert day is not None  # noqa: S101 - only such rows are asked for
    left = _left(day, today)
    stage = next(limit for limit in WARN_AT if left <= limit)
    name = connection_notices.name(connection)
    return notices.tell(
        session,
        kind=KIND,
        level=Level.WARNING if stage else Level.PROBLEM,
        title=f"{name}: {words(day, today)}",
        text=_advice(connection, left),
        link=connection_notices.link(connection),
        key=f"expiry:{connection.uid}:{day.isoformat()}:{stage}",
    )


def _advice(connection: Connection, left: int) -> str:
    change = "press Reconnect" if tokens.consent_of(connection) is not None else "enter it with Edit and Update"
    when = "now" if left <= 0 else "before that day"
    off = "" if connection.enabled else " The connection is switched off at present."
    return f"Make a new secret at the provider {when}, {change}, and set the day the new one expires.{off}"


def _by_consent(session: Session) -> Sequence[Connection]:
    methods = [
        (Connection.provider_key == provider.key) & (Connection.auth_method == method.key)
        for provider in providers.all_providers()
        for method in provider.auth_methods
        if method.consent is not None
    ]
    found: list[Connection] = []
    for each in methods:
        found += session.scalars(select(Connection).where(each).order_by(Connection.id))
    return found


def _warn_idle(session: Session, connection: Connection, today: dt.date) -> bool:
    """Tell once that consent has not been used for long, per last use."""
    used = tokens.last_renewed(connection)
    consent = tokens.consent_of(connection)
    if used is None or consent is None or (today - used.date()).days <= IDLE_DAYS:
        return False
    name, idle = connection_notices.name(connection), days((today - used.date()).days)
    action = "Press Check now; if that fails, press Reconnect." if connection.enabled else "Switch it on, or reconnect."
    return notices.tell(
        session,
        kind=KIND,
        level=Level.WARNING,
        title=f"{name}: consent not used for {idle}",
        text=f"{consent.vendor} ends consent that is not used for long; then it must be given again. {action}",
        link=connection_notices.link(connection),
        key=f"idle:{connection.uid}:{used.isoformat()}",
    )


# -- asking -----------------------------------------------------------------------------------------------------------


def _ask_all(actor: Actor, *, everything: bool) -> int:
    telling = [provider.key for provider in providers.all_providers() if provider.can(TellsExpiry)]
    if not telling:
        return 0
    query = select(Connection.id).where(Connection.enabled, Connection.provider_key.in_(telling))
    ids = db.session.scalars(query.order_by(Connection.id)).all()
    store.release()
    asked, end = 0, time.monotonic() + ASK_SECONDS
    for connection_id in ids:
        if not everything and time.monotonic() > end:
            break
        try:
            asked += _ask(actor, connection_id, everything=everything)
        except Missing:
            continue  # disconnected a moment ago
    return asked


def _ask(actor: Actor, connection_id: int, *, everything: bool) -> bool:
    """Ask one provider unless that was done today; a date it tells replaces the typed one."""
    if not _claim(connection_id, ASK_AGAIN, everything=everything):
        return False
    connection = store.get(Connection, connection_id)
    try:
        client = outbound.client_for(connection, actor, seconds=outbound.WORKER_SECONDS)
        day = client.credential_expires_on()
    except ProviderError as error:
        connection_health.note_refusal(connection, error)
        return True
    except CannotOpen as error:
        log.warning("an expiry could not be asked for", extra={"reason": str(error)})
        return True
    _claim(connection_id, ASK_EVERY, everything=True)
    if day is not None:
        _store(actor, connection_id, connection.credentials_version, day)
    return True


def _claim(connection_id: int, length: dt.timedelta, *, everything: bool) -> bool:
    """Keep others from asking for so long. False when somebody did that already, unless everything is wanted."""
    now, name = utcnow(), f"expiry:{connection_id}"
    with store.write() as session:
        connection = store.locked(session, Connection, connection_id)
        lease = session.get(Lease, name, populate_existing=True)
        if not connection.enabled or (lease is not None and lease.until > now and not everything):
            return False
        if lease is None:
            lease = Lease(name=name, holder="asked")
            session.add(lease)
        lease.until = now + length
    return True


def _store(actor: Actor, connection_id: int, version: int, day: dt.date) -> None:
    with store.write() as session:
        current = store.locked(session, Connection, connection_id)
        if current.credentials_version != version or current.credential_expires_on == day:
            return
        current.credential_expires_on = day
        current.updated_at = utcnow()
        events.record(
            session,
            actor,
            "connection.expiry_told",
            kind="connection",
            target_id=current.id,
            target=connection_notices.name(current),
            details={"credential_expires_on": day.isoformat()},
        )
