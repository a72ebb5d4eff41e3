"""Where tickets can go: live lists of projects, types and fields, kept for five minutes per process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import providers
from models import Connection
from providers.values import Choice, DestinationSchema
from services import outbound
from services.actors import Actor

KEEP_SECONDS = 300
MOST_ENTRIES = 500
Value = TypeVar("Value")

_kept: dict[tuple[Any, ...], tuple[float, Any]] = {}
_lock = threading.Lock()


def choices(actor: Actor, connection: Connection, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
    """What can be chosen at this step. Raises ProviderError."""
    key = (*_of(connection), "choices", step, tuple(sorted(chosen.items())))
    return _cached(key, lambda: outbound.client_for(connection, actor).choices(step, chosen))


def schema(actor: Actor, connection: Connection, destination: Mapping[str, str]) -> DestinationSchema:
    """The fields a destination demands. Raises ProviderError."""
    key = (*_of(connection), "schema", tuple(sorted(destination.items())))
    found: DestinationSchema = _cached(key, lambda: outbound.client_for(connection, actor).schema(destination))
    return found


def forget(connection_id: int) -> None:
    """Drop what is kept for a connection: it was changed, or the provider refused a field."""
    with _lock:
        for key in [key for key in _kept if key[0] == connection_id]:
            del _kept[key]


def forget_all() -> None:
    """Drop everything that is kept."""
    with _lock:
        _kept.clear()


def _of(connection: Connection) -> tuple[int, str]:
    """A changed connection has other lists; the row's uid tells apart reused numbers."""
    return connection.id, f"{connection.uid}:{connection.updated_at.isoformat()}"


def _cached(key: tuple[Any, ...], ask: Callable[[], Value]) -> Value:
    now = time.monotonic()
    with _lock:
        found = _kept.get(key)
    if found and found[0] > now:
        value: Value = found[1]
        return value
    value = ask()
    with _lock:
        if len(_kept) >= MOST_ENTRIES:
            _kept.clear()
        _kept[key] = (now + KEEP_SECONDS, value)
    return value


def steps(connection: Connection) -> Sequence[Any]:
    """The choices on the way to a destination, in order."""
    return providers.get(connection.provider_key).steps
