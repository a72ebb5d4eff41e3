"""What follows when a browser comes back from a vendor: calls for one flow, one after the other, in one time limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models import OAuthFlow
from providers.base import Client, ConnectionValues, Provider
from providers.oauth import BadCode, Consent, ReconnectNeeded
from services import outbound
from services.attempts import Caller, Ledger
from services.doors import open_door
from services.errors import Missing
from services.oauth_flows import Visitor


@dataclass
class Trip:
    """The calls one answer of the browser leads to: all of them together have the time of one click."""

    visitor: Visitor
    provider: Provider
    flow: OAuthFlow
    deadline: Any = None

    @property
    def consent(self) -> Consent:
        """How the consent of this flow works. Raises Missing."""
        consent = self.provider.auth_method(self.flow.auth_method).consent
        if consent is None:
            raise Missing(f"{self.flow.auth_method} needs no consent")
        return consent

    def door(self, values: ConnectionValues, *, also: str = "") -> Any:
        """A door for calls with these values; `also` is one more secret to hide."""
        seconds = outbound.INTERACTIVE_SECONDS
        return self._timed(
            open_door(self.provider, values, self._ledger(), key=self._key(), seconds=seconds, also=also)
        )

    def client(self, values: ConnectionValues) -> Client:
        """A client with these values."""
        client = outbound.open_client(self.provider, values, self._ledger(), key=self._key())
        self._timed(client.door)
        return client

    def _timed(self, door: Any) -> Any:
        self.deadline = door.deadline = self.deadline or door.deadline
        return door

    def _ledger(self) -> Ledger:
        flow = self.flow
        return Ledger(
            Caller(self.visitor.actor, self.provider.key, flow.connection_id, flow.description or self.provider.label)
        )

    def _key(self) -> str:
        flow = self.flow
        return f"connection:{flow.connection_id}" if flow.connection_id else f"new:{flow.provider_key}"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Before anything is connected there is nothing to reconnect: refused tokens mean a useless consent."""
        try:
            yield
        except ReconnectNeeded as error:
            if self.flow.connection_id is not None:
                raise
            told = BadCode(
                f"{self.consent.vendor} refused the access token it had just handed out.",
                next_step="Press Install again.",
                vendor_status=error.vendor_status,
                vendor_code=error.vendor_code,
                vendor_message=error.vendor_message,
            )
            told.attempt_id = error.attempt_id
            raise told from error
