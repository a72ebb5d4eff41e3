"""Clients with an open door: the one place where connections and providers meet."""

from __future__ import annotations

from typing import Any

import providers
from models import Connection
from models.crypto import CannotOpen
from providers.base import Client, ConnectionValues, Provider
from providers.http import Door
from services import store
from services.actors import Actor
from services.attempts import Caller, Ledger
from services.runtime import runtime

INTERACTIVE_SECONDS = 10.0  # all calls of one click together
WORKER_SECONDS = 30.0


def caller(actor: Actor, connection: Connection) -> Caller:
    """Who calls over which connection, for the ledger."""
    return Caller(actor, connection.provider_key, connection.id, display_name(connection))


def display_name(connection: Connection) -> str:
    """What people call a connection: its description, else the outside instance."""
    return connection.description or providers.get(connection.provider_key).tenant(connection.settings)


def client_for(
    connection: Connection, actor: Actor, *, seconds: float = INTERACTIVE_SECONDS, ledger: Ledger | None = None
) -> Any:
    """A client of this connection, ready to call.

    Ends the read transaction first: nothing is held while we talk to the outside.

    Raises:
        crypto.CannotOpen: the credentials cannot be opened with the key ring at hand.
    """
    provider = providers.get(connection.provider_key)
    values = connection.for_client()
    if provider.origin(values.settings) != connection.origin:
        # Not reachable through our own doors: somebody changed the row behind our back.
        raise CannotOpen("The address of this connection is not the one its secret was typed for.")
    recorder = ledger or Ledger(caller(actor, connection))
    return open_client(provider, values, recorder, key=f"connection:{connection.id}", seconds=seconds)


def open_client(
    provider: Provider, values: ConnectionValues, recorder: Ledger, *, key: str, seconds: float = INTERACTIVE_SECONDS
) -> Client:
    """A client for values that may not be stored (yet). `key` groups calls for the limit of calls at once."""
    store.release()
    now = runtime()
    door = Door(
        now.policy,
        recorder=recorder,
        deadline=seconds,
        ca_file=now.settings.tls_ca_file or None,
        key=key,
        secrets=tuple(values.credentials.values()),
        describe=provider.client.describe,
        label=provider.label,
    )
    return provider.client(values, door)
