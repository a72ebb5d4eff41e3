"""Connections: set up, try, check, change, switch off, disconnect."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection
from providers.base import ConnectionValues, Provider, utcnow
from providers.values import CheckResult
from services import connection_health, events, outbound, store
from services.actors import Actor, Permission
from services.attempts import Caller, Ledger
from services.connection_health import Found, Told, note_success
from services.errors import Missing, Refused

log = logging.getLogger("patchpanel.connections")


@dataclass(frozen=True)
class Typed:
    """What was typed into a connection's dialog. Secrets left blank are absent from `credentials`."""

    auth_method: str
    settings: Mapping[str, str]
    credentials: Mapping[str, str] = field(repr=False)
    description: str = ""
    expires_on: dt.date | None = None


def get(actor: Actor, connection_id: int) -> Connection:
    """The connection. Raises Missing when it is absent or this actor may not manage connections."""
    if not actor.may(Permission.CONNECTION_MANAGE):
        raise Missing(f"Connection {connection_id}")
    connection = store.get(Connection, connection_id)
    providers_or_missing(connection.provider_key)
    return connection


def providers_or_missing(key: str) -> Provider:
    """The provider. Raises Missing when this installation does not know it."""
    try:
        return providers.get(key)
    except KeyError:
        raise Missing(f"provider {key}") from None


def listed() -> dict[str, list[Connection]]:
    """All connections by provider key, oldest first."""
    found: dict[str, list[Connection]] = {}
    for connection in db.session.scalars(select(Connection).order_by(Connection.id)):
        found.setdefault(connection.provider_key, []).append(connection)
    return found


def with_capability(capability: type) -> Sequence[Connection]:
    """Connections that are switched on and whose provider has the capability."""
    keys = [provider.key for provider in providers.all_providers() if provider.can(capability)]
    chosen = select(Connection).where(Connection.provider_key.in_(keys), Connection.enabled).order_by(Connection.id)
    return db.session.scalars(chosen).all()


def try_out(actor: Actor, provider: Provider, typed: Typed, stored: Connection | None = None) -> Found:
    """Check the typed values, and what they may do where tickets usually go. Saves nothing.

    Raises:
        InvalidInput: a value cannot be used; `field_errors` has our field names.
        Refused: a secret must be typed again because the address changed.
        ProviderError: what the provider said.
    """
    values = _values(provider, typed, stored)
    return _check(actor, provider, values, name=_name(provider, typed), stored=stored)


def create(actor: Actor, provider: Provider, typed: Typed) -> Connection:
    """Check the typed values and, when they work, store them as a new connection. Raises as `try_out`."""
    values = _values(provider, typed, None)
    found = _check(actor, provider, values, name=_name(provider, typed))
    return insert(actor, provider, typed, values, found.result, found.told)


def insert(
    actor: Actor,
    provider: Provider,
    typed: Typed,
    values: ConnectionValues,
    result: CheckResult,
    told: Told | None = None,
) -> Connection:
    """Store values that were just shown to work as a new connection."""
    now = utcnow()
    with store.write() as session:
        connection = Connection(
            provider_key=provider.key,
            slug=f"{provider.key.replace('_', '-')}-{secrets.token_hex(4)}",
            uid=secrets.token_hex(16),
            description=typed.description,
            auth_method=typed.auth_method,
            settings=dict(values.settings),
            credentials_version=0,
            credential_expires_on=typed.expires_on,
            installed_by_id=actor.id,
            created_at=now,
            updated_at=now,
        )
        connection.seal(dict(values.credentials), origin=provider.origin(values.settings))
        note_success(session, connection, result, told)
        session.add(connection)
        session.flush()
        record(session, actor, "connection.created", connection, {"secrets": sorted(values.credentials)})
    return connection


def update(actor: Actor, connection: Connection, typed: Typed) -> Connection:
    """Check the typed values with the kept secrets filled in and store them. A switched-off connection is stored
    unchecked.

    Raises as `try_out`; nothing that was stored changes then.
    """
    provider = providers.get(connection.provider_key)
    values = _values(provider, typed, connection)
    found = None
    if connection.enabled:
        found = _check(actor, provider, values, name=_name(provider, typed), stored=connection)
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        if current.credentials_version != connection.credentials_version:
            raise Refused("Somebody else changed this connection meanwhile. Open it again and repeat your change.")
        changed = _changes(current, typed, values.settings)
        current.settings = dict(values.settings)
        current.auth_method = typed.auth_method
        current.description = typed.description
        current.credential_expires_on = typed.expires_on
        current.updated_at = utcnow()
        if typed.credentials:
            current.seal(dict(values.credentials), origin=provider.origin(values.settings))
        if found:
            note_success(session, current, found.result, found.told)
        record(session, actor, "connection.updated", current, {"changed": changed})
    return current


def _changes(current: Connection, typed: Typed, settings: Mapping[str, str]) -> list[str]:
    """Names of what changes, never the values."""
    changed = [name for name, value in settings.items() if current.settings.get(name) != value]
    changed += [name for name in typed.credentials]
    if current.description != typed.description:
        changed.append("description")
    if current.credential_expires_on != typed.expires_on:
        changed.append("credential_expires_on")
    return sorted(changed)


def switch(actor: Actor, connection: Connection, *, on: bool) -> Connection:
    """Switch the connection on or off. Off means: no call at all."""
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        current.enabled = on
        current.updated_at = utcnow()
        record(session, actor, "connection.switched_on" if on else "connection.switched_off", current)
    return current


def _values(provider: Provider, typed: Typed, stored: Connection | None) -> ConnectionValues:
    """Typed values with kept secrets filled in, only ever for the origin the secrets were entered for."""
    settings = provider.client.clean(typed.settings)
    credentials = dict(typed.credentials)
    secret_fields = [f for f in provider.auth_method(typed.auth_method).fields if f.secret]
    blank = [f for f in secret_fields if f.name not in credentials and stored and f.name in stored.credentials]
    if stored is not None and blank and stored.credentials:
        if stored.origin != provider.origin(settings) or stored.auth_method != typed.auth_method:
            text = "Type it again: the address it was entered for has changed."
            raise Refused(
                f"The address changed, so {blank[0].label} must be typed again.",
                field_errors={f.name: text for f in blank},
            )
        kept = stored.for_client().credentials
        credentials = {**{f.name: kept[f.name] for f in blank if f.name in kept}, **credentials}
    return ConnectionValues(stored.id if stored else None, typed.auth_method, settings, credentials)


def _check(
    actor: Actor, provider: Provider, values: ConnectionValues, *, name: str, stored: Connection | None = None
) -> Found:
    """Prove the credentials, and tell what they may do where tickets usually go."""
    place = connection_health.usual_place(stored)
    ledger = Ledger(Caller(actor, provider.key, stored.id if stored else None, name))
    key = f"connection:{stored.id}" if stored else f"new:{provider.key}"
    client = outbound.open_client(provider, values, ledger, key=key)
    result = client.check()
    return Found(result=result, told=connection_health.ask(client, result, place))


def _name(provider: Provider, typed: Typed) -> str:
    return typed.description or provider.tenant(dict(typed.settings))


def record(
    session: Session, actor: Actor, action: str, connection: Connection, details: dict[str, Any] | None = None
) -> None:
    """Add the event of a change to a connection, within the caller's transaction."""
    name = f"{providers.get(connection.provider_key).label}: {outbound.display_name(connection)}"
    events.record(session, actor, action, kind="connection", target_id=connection.id, target=name, details=details)
