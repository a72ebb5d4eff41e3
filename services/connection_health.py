"""Whether a connection works, and what its account may do where tickets go: asked, remembered, told again."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from models import Connection, ConnectionStatus
from models.crypto import CannotOpen
from providers.base import Client, CreatesTickets, utcnow
from providers.errors import AuthenticationFailed, Busy, NotAllowed, ProviderError
from providers.values import CheckResult, Permission
from services import connection_notices, outbound, routing, store
from services.actors import Actor
from services.errors import Refused

FAILURES_UNTIL_ATTENTION = 3
# Failures that need a person at once: waiting does not mend them.
DEFINITE = (AuthenticationFailed, NotAllowed, CannotOpen)
CANNOT_OPEN = (
    "The stored secret cannot be opened. Restore the key ring, or enter the secret again (Edit, or Reconnect where "
    "there is one)."
)
# Where the last answer about permissions is kept beside the account's own values.
PERMISSIONS = "permissions"
log = logging.getLogger("patchpanel.connections")


@dataclass(frozen=True)
class Place:
    """Where the tickets of a connection usually go. `name` is what people call it, "" when that is not known here."""

    destination: Mapping[str, str]
    name: str = ""


@dataclass(frozen=True)
class Told:
    """What the account was found to be allowed, where ("in Operations / Task", "" while nothing is chosen) and when."""

    permissions: tuple[Permission, ...]
    where: str
    at: dt.datetime

    @property
    def title(self) -> str:
        """What the list is about."""
        return f"Permissions {self.where}" if self.where else "Permissions (no destination is chosen yet)"

    @property
    def missing(self) -> list[str]:
        """Labels of what it is known not to be allowed."""
        return [permission.label for permission in self.permissions if permission.granted is False]

    @property
    def complaint(self) -> str:
        """What is missing as a sentence, "" when nothing is known to be."""
        if not self.missing:
            return ""
        words = "Missing permission" if len(self.missing) == 1 else "Missing permissions"
        return f"{' '.join(filter(None, (words, self.where)))}: {', '.join(self.missing)}."


@dataclass(frozen=True, kw_only=True)
class Found:
    """A check that went well: what the provider said, and the permissions when they were asked for."""

    result: CheckResult
    told: Told | None = None


@dataclass(frozen=True, kw_only=True)
class Checked(Found):
    """The same of a stored connection, as it is now."""

    connection: Connection


def check(
    actor: Actor,
    connection: Connection,
    *,
    permissions: bool = False,
    seconds: float = outbound.INTERACTIVE_SECONDS,
) -> Checked:
    """Ask the provider now whether the connection works and remember the answer.

    Args:
        permissions: ask besides what the account may do where tickets usually go; costs further calls.
        seconds: for all calls together.

    Raises Refused when it is switched off (it makes no calls then); ProviderError with what the provider said and
    crypto.CannotOpen, both after the outcome was stored.
    """
    if not connection.enabled:
        raise Refused("This connection is switched off and makes no calls. Switch it on first.")
    place = usual_place(connection) if permissions else None
    try:
        client = outbound.client_for(connection, actor, seconds=seconds, forced=True)
        result = client.check()
    except (ProviderError, CannotOpen) as error:
        # Read now: renewing an access token makes a new version on the way, and that one was checked.
        note(connection.id, connection.credentials_version, error)
        raise
    version = connection.credentials_version
    told = ask(client, result, place) if place is not None else None
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        if current.credentials_version == version:
            note_success(session, current, result, told)
    return Checked(result=result, told=told, connection=current)


def ask(client: Client, result: CheckResult, place: Place) -> Told | None:
    """What the account may do at this place. None when the provider creates no tickets and says nothing of it.

    The credentials are proven by then: that permissions cannot be asked for is told as one that is not known.
    """
    found = tuple(_asked(client, place))
    labels = {permission.label for permission in found}
    # What the check itself said stays, except where this place has its own answer.
    found += tuple(permission for permission in result.permissions if permission.label not in labels)
    return Told(found, _words(place), utcnow()) if found else None


def _asked(client: Client, place: Place) -> tuple[Permission, ...]:
    if not isinstance(client, CreatesTickets):
        return ()
    store.release()
    try:
        return tuple(client.permissions(place.destination))
    except ProviderError as error:
        log.info("permissions could not be asked for", extra={"reason": str(error)})
        return (Permission("What the account may do there", None),)


def _words(place: Place) -> str:
    if place.name:
        return f"in {place.name}"
    return "where the last ticket went" if place.destination else ""


def usual_place(connection: Connection | None) -> Place:
    """Where tickets of the connection went last, else where its default rule sends them; nowhere for a new one."""
    if connection is None:
        return Place({})
    rules = routing.of_connection(connection.id)
    chosen = dict(connection.destination) or next((dict(rule.destination) for rule in rules if rule.is_default), {})
    names = next((rule.destination_names for rule in rules if chosen and rule.destination == chosen), {})
    return Place(chosen, " / ".join(names.values()))


def note(connection_id: int, version: int, error: ProviderError | CannotOpen) -> None:
    """Remember a failure, unless the connection was changed meanwhile: the outcome then belongs to older values.

    Refused credentials, a missing permission or a secret that does not open need attention at once; anything else
    after three failures in a row. Administrators are told when that turns a connection from working to broken. A call
    we held back ourselves says nothing about the connection.
    """
    if isinstance(error, Busy):
        return
    with store.write() as session:
        current = store.locked(session, Connection, connection_id)
        if current.credentials_version != version:
            return
        current.failures += 1
        current.last_checked_at = utcnow()
        current.last_error, current.last_attempt_id = CANNOT_OPEN, None
        if isinstance(error, ProviderError):
            current.last_error = " ".join(part for part in (error.cause, error.next_step) if part)
            current.last_attempt_id = error.attempt_id
        if isinstance(error, DEFINITE) or current.failures >= FAILURES_UNTIL_ATTENTION:
            current.status = ConnectionStatus.NEEDS_ATTENTION
            connection_notices.broke(session, current)


def note_refusal(connection: Connection, error: ProviderError) -> None:
    """Remember what a call made for another purpose shows of the credentials: that they are refused, or nothing."""
    if isinstance(error, AuthenticationFailed):
        note(connection.id, connection.credentials_version, error)


def note_success(session: Session, connection: Connection, result: CheckResult, told: Told | None = None) -> None:
    """Remember that a check went well. Permissions told earlier stay, as long as it acts as the same account.

    Call it with the row locked: administrators are told when the connection was broken until now.
    """
    now = utcnow()
    connection.status = ConnectionStatus.WORKS
    connection.last_checked_at = connection.last_ok_at = now
    connection.failures = 0
    connection.last_error = ""
    connection.last_attempt_id = None
    account: dict[str, Any] = asdict(result.account)
    before = connection.external_account or {}
    if told is not None:
        account[PERMISSIONS] = _kept(told)
    elif before.get("id") == result.account.id and PERMISSIONS in before:
        account[PERMISSIONS] = before[PERMISSIONS]
    connection.external_account = account
    connection_notices.works(session, connection)


def _kept(told: Told) -> dict[str, Any]:
    answers = [[permission.label, permission.granted] for permission in told.permissions]
    return {"answers": answers, "where": told.where, "at": told.at.isoformat()}


def last_told(connection: Connection) -> Told | None:
    """What the account was last found to be allowed; None when nobody asked."""
    kept = connection.external_account.get(PERMISSIONS)
    if not kept:
        return None
    permissions = tuple(Permission(label, granted) for label, granted in kept["answers"])
    return Told(permissions, kept["where"], dt.datetime.fromisoformat(kept["at"]))
