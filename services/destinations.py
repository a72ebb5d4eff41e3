"""Where tickets can go: live lists of projects, types and fields, kept for five minutes.

They are kept in each process and, shared by all, in the database: a process that has just started knows them too. A
provider that does not answer is not asked again for what was known a while ago; its own refusal of a field ends a list.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

import providers
from extensions import db
from models import Connection, KeptList
from providers.base import utcnow
from providers.errors import Busy, RateLimited, UnexpectedAnswer, Unreachable
from providers.values import Choice, DestinationField, DestinationFieldKind, DestinationSchema
from services import outbound, store
from services.actors import Actor

KEEP_SECONDS = 300
# How long a list serves when a newer one cannot be had, or when a filled-in form shall not wait for one.
SERVES = dt.timedelta(days=1)
MOST_ENTRIES = 500
PASSING = (Unreachable, Busy, RateLimited, UnexpectedAnswer)
Value = TypeVar("Value")
Key = tuple[Any, ...]

_kept: dict[Key, tuple[float, Any]] = {}
_lock = threading.Lock()


def choices(
    actor: Actor, connection: Connection, step: str, chosen: Mapping[str, str], *, known: bool = False
) -> Sequence[Choice]:
    """What can be chosen at this step. Raises ProviderError.

    Args:
        known: a list of the last day will do; the provider is asked only when there is none.
    """
    key = (*_of(connection), "choices", step, tuple(sorted(chosen.items())))

    def ask() -> Sequence[Choice]:
        found: Sequence[Choice] = outbound.client_for(connection, actor).choices(step, chosen)
        return found

    return _cached(key, ask, _packed_choices, _choices, known=known)


def schema(
    actor: Actor, connection: Connection, destination: Mapping[str, str], *, known: bool = False
) -> DestinationSchema:
    """The fields a destination demands; `known` as for `choices`. Raises ProviderError."""
    key = (*_of(connection), "schema", tuple(sorted(destination.items())))

    def ask() -> DestinationSchema:
        found: DestinationSchema = outbound.client_for(connection, actor).schema(destination)
        return found

    return _cached(key, ask, asdict, _schema, known=known)


def forget(connection_id: int) -> None:
    """Drop what is kept for a connection: it was changed, or the provider refused a field."""
    with _lock:
        for key in [key for key in _kept if key[0] == connection_id]:
            del _kept[key]
    with store.write() as session:
        session.execute(delete(KeptList).where(KeptList.connection_id == connection_id))


def forget_all() -> None:
    """Drop everything that is kept."""
    with _lock:
        _kept.clear()
    with store.write() as session:
        session.execute(delete(KeptList))


def _of(connection: Connection) -> tuple[int, str]:
    """A changed connection has other lists; the row's uid tells apart reused numbers."""
    return connection.id, f"{connection.uid}:{connection.updated_at.isoformat()}"


def _cached(
    key: Key, ask: Callable[[], Value], pack: Callable[[Any], Any], unpack: Callable[[Any], Value], *, known: bool
) -> Value:
    now = time.monotonic()
    with _lock:
        found = _kept.get(key)
    if found and found[0] > now:
        value: Value = found[1]
        return value
    stored, age = _stored(key)
    if stored is not None and (age.total_seconds() < KEEP_SECONDS or (known and age < SERVES)):
        return _remember(key, unpack(stored), KEEP_SECONDS - age.total_seconds())
    try:
        value = ask()
    except PASSING:
        if stored is None or age >= SERVES:
            raise
        return unpack(stored)
    _store(key, pack(value))
    return _remember(key, value, KEEP_SECONDS)


def _remember(key: Key, value: Value, seconds: float) -> Value:
    if seconds > 0:
        with _lock:
            if len(_kept) >= MOST_ENTRIES:
                _kept.clear()
            _kept[key] = (time.monotonic() + seconds, value)
    return value


def _digest(key: Key) -> str:
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _stored(key: Key) -> tuple[Any, dt.timedelta]:
    """What all processes know, and how old it is."""
    row = db.session.execute(select(KeptList.value, KeptList.at).where(KeptList.digest == _digest(key))).first()
    return (row.value, utcnow() - row.at) if row is not None else (None, SERVES)


def _store(key: Key, packed: Any) -> None:
    # Another process may have stored the same a moment before: its list is as good.
    with suppress(IntegrityError), store.write() as session:
        if session.get(Connection, key[0]) is not None:
            session.merge(KeptList(digest=_digest(key), connection_id=key[0], value=packed, at=utcnow()))


def _packed_choices(found: Sequence[Choice]) -> list[list[str]]:
    return [[choice.value, choice.label] for choice in found]


def _choices(packed: Sequence[Sequence[str]]) -> tuple[Choice, ...]:
    return tuple(Choice(value, label) for value, label in packed)


def _schema(packed: Mapping[str, Any]) -> DestinationSchema:
    return DestinationSchema(
        fields=tuple(map(_field, packed["fields"])),
        assignee_on_create=packed["assignee_on_create"],
        optional=tuple(map(_field, packed["optional"])),
        severity_fields=tuple(packed["severity_fields"]),
    )


def _field(packed: Mapping[str, Any]) -> DestinationField:
    offered = tuple(Choice(**choice) for choice in packed["choices"])
    return DestinationField(**{**packed, "kind": DestinationFieldKind(packed["kind"]), "choices": offered})


def steps(connection: Connection) -> Sequence[Any]:
    """The choices on the way to a destination, in order."""
    return providers.get(connection.provider_key).steps
