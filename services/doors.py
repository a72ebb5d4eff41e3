"""Doors out with the settings in force: what clients and consents make their calls through."""

from __future__ import annotations

from providers.base import ConnectionValues, Provider
from providers.breaker import Breaker
from providers.http import Door
from services import store
from services.attempts import Ledger
from services.runtime import runtime


def open_door(
    provider: Provider,
    values: ConnectionValues,
    recorder: Ledger,
    *,
    key: str,
    seconds: float,
    also: str = "",
    breaker: Breaker | None = None,
) -> Door:
    """A door for calls with these values. Ends the read transaction: nothing is held while we talk to the outside.

    Args:
        key: groups calls for the limit of calls at once.
        seconds: for everything done through this door together.
        also: one more secret that must not show up in errors or the ledger.
        breaker: asked before each call, for stored connections.
    """
    store.release()
    now = runtime()
    return Door(
        now.policy,
        recorder=recorder,
        deadline=seconds,
        ca_file=now.settings.tls_ca_file or None,
        key=key,
        secrets=tuple(filter(None, (*values.credentials.values(), also))),
        describe=provider.client.describe,
        label=provider.label,
        breaker=breaker,
    )
