"""Business rules of the sandbox ServiceNow: what an administrator pastes so that the instance calls us.

ServiceNow has no webhooks. The rule our product hands out runs after an update, in the background, and sends these
fields with the secret in a header of its own; it signs nothing and tries once. Source: the business rule and
RESTMessageV2 pages.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standins.hooks import Hooks

SENT = ("sys_id", "sys_class_name", "number", "state", "correlation_id", "sys_updated_on")
OURS = "Patchpanel"
AGENT = "ServiceNow/1.0"


@dataclass(frozen=True)
class Rule:
    """A pasted rule; with `only_ours` it has the filter condition "Correlation display is Patchpanel"."""

    url: str
    secret: str
    only_ours: bool = True

    def wants(self, record: Mapping[str, str]) -> bool:
        """Whether it runs for the record."""
        return not self.only_ours or record.get("correlation_display") == OURS


class RuleDesk:
    """The business rules of an instance; the methods are knobs."""

    lock: threading.RLock
    rules: list[Rule]
    _hooks: Hooks | None = None

    @property
    def hooks(self) -> Hooks:
        """The sender, for tests that hold, replay or wait; made when it is first needed."""
        with self.lock:
            if self._hooks is None:
                self._hooks = Hooks(pauses=())
            return self._hooks

    def stop_hooks(self) -> None:
        """Send nothing more of what is on its way."""
        with self.lock:
            old, self._hooks = self._hooks, None
        # Not under the lock: who gets a delivery may ask us something at that very moment.
        if old is not None:
            old.stop()

    def paste_webhook(self, url: str, secret: str, only_ours: bool = True) -> None:
        """An administrator pastes the business rule of our product."""
        with self.lock:
            self.rules.append(Rule(url, secret, only_ours))

    def remove_webhooks(self) -> None:
        """Remove all business rules."""
        with self.lock:
            self.rules.clear()

    def replay_webhooks(self, times: int = 1) -> None:
        """Send every delivery so far again, byte by byte the same."""
        for delivery in list(self.hooks.deliveries):
            self.hooks.replay(delivery, times)

    def hold_webhooks(self) -> None:
        """Keep deliveries back until they are released."""
        self.hooks.hold()

    def release_webhooks(self, backwards: bool = False) -> None:
        """Send what was kept back, the newest first if asked to."""
        self.hooks.release(self.hooks.kept[::-1] if backwards else ())

    def run_rules(self, record: Mapping[str, str]) -> None:
        """Tell of an updated record, as each rule wants."""
        with self.lock:
            wanted = [rule for rule in self.rules if rule.wants(record)]
        body = {name: record.get(name, "") for name in SENT}
        for rule in wanted:
            # An address outside this machine may be pasted; nothing is sent there.
            with contextlib.suppress(ValueError):
                self.hooks.deliver(rule.url, body, {"User-Agent": AGENT, "X-Webhook-Token": rule.secret})

    def webhooks_as_state(self) -> dict[str, Any]:
        """Rules and deliveries for the control address; no secrets are in it."""
        sent = self._hooks.deliveries if self._hooks else []
        told = [{"url": d.url, "statuses": [a.status for a in d.attempts], "ended": d.ended} for d in sent]
        return {"rules": [{"url": rule.url, "only_ours": rule.only_ours} for rule in self.rules], "deliveries": told}
