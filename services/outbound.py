"""Clients with an open door: the one place where connections and providers meet."""

from __future__ import annotations

import time
from typing import Any

import providers
from models import Connection
from models.crypto import CannotOpen
from providers.base import Client, ConnectionValues, Provider
from providers.breaker import Breaker
from services import tokens
from services.actors import Actor
from services.attempts import Caller, Ledger
from services.breakers import ConnectionBreaker
from services.doors import open_door

INTERACTIVE_SECONDS = 10.0  # all calls of one click together
WORKER_SECONDS = 30.0
MINIMUM_SECONDS = 2.0  # what a call gets at least, however long its token took


def caller(actor: Actor, connection: Connection) -> Caller:
    """Who calls over which connection, for the ledger."""
    return Caller(actor, connection.provider_key, connection.id, display_name(connection))


def display_name(connection: Connection) -> str:
    """What people call a connection: its description, else the outside instance."""
    return connection.description or providers.get(connection.provider_key).tenant(connection.settings)


def client_for(
    connection: Connection,
    actor: Actor,
    *,
    seconds: float = INTERACTIVE_SECONDS,
    ledger: Ledger | None = None,
    forced: bool = False,
) -> Any:
    """A client of this connection, ready to call.

    Ends the read transaction first: nothing is held while we talk to the outside.

    Args:
        seconds: for all calls together.
        forced: call also while the circuit breaker is open (a person asks, or somebody has to find out).

    Raises:
        crypto.CannotOpen: the credentials cannot be opened with the key ring at hand.
        ProviderError: an access token had to be renewed first, and that failed.
    """
    provider = providers.get(connection.provider_key)
    values = connection.for_client()
    if provider.origin(values.settings) != connection.origin:
        # Not reachable through our own doors: somebody changed the row behind our back.
        raise CannotOpen("The address of this connection is not the one its secret was typed for.")
    recorder = ledger or Ledger(caller(actor, connection))
    if provider.auth_method(connection.auth_method).consent is not None:
        began = time.monotonic()
        values = tokens.fresh(connection, recorder.caller, values)
        # Renewing counts: who waits for this call was promised an end.
        seconds = max(round(seconds - (time.monotonic() - began), 1), MINIMUM_SECONDS)
    breaker = ConnectionBreaker(connection, provider.label, forced=forced)
    key = f"connection:{connection.id}"
    return open_client(provider, values, recorder, key=key, seconds=seconds, breaker=breaker)


def open_client(
    provider: Provider,
    values: ConnectionValues,
    recorder: Ledger,
    *,
    key: str,
    seconds: float = INTERACTIVE_SECONDS,
    breaker: Breaker | None = None,
) -> Client:
    """A client for values that may not be stored (yet). `key` groups calls for the limit of calls at once."""
    door = open_door(provider, values, recorder, key=key, seconds=seconds, breaker=breaker)
    return provider.client(values, door)
