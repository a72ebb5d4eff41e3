"""What the outbound door asks before each call and tells after it, so that a provider in trouble is left in peace."""

from __future__ import annotations

from typing import Protocol

from providers.errors import Busy


class Resting(Busy):
    """Calls over this connection rest: the provider failed several times in a row, or asked for patience itself.

    `retry_after` is in seconds.
    """

    def __init__(self, cause: str, *, retry_after: float) -> None:
        super().__init__(cause, next_step=f"Patchpanel tries again in {max(1, round(retry_after))} seconds.")
        self.retry_after = retry_after


class Breaker(Protocol):
    """Decides whether a call may be made now."""

    def admit(self) -> None:
        """Let a call pass. Raises Resting."""

    def told(self, outcome: str, wait: float | None) -> None:
        """Take note of how a call ended: an outcome of the ledger, and the seconds the provider asked us to wait."""


class AlwaysClosed:
    """Lets every call pass; for calls that belong to no stored connection."""

    def admit(self) -> None:
        """Nothing to ask."""

    def told(self, outcome: str, wait: float | None) -> None:
        """Nothing to remember."""
