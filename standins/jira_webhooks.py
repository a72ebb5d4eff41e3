"""Webhooks of the sandbox Jira: who wants to be told of what, and how a delivery looks.

Two kinds, as at the vendor: those an administrator made, with a secret that signs the body, and those an OAuth app
registered, which end after 30 days and carry a token signed with the app's client secret. Sources: Atlassian's page
“Webhooks” and its REST v3 description. Assumed, not verified: the claims of the token, the wording of refusals, the
limit of 5 per app and person, and that a renewal of unknown ids is answered like any other.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from standins.hooks import Hooks
from standins.jira_people import ADMIN_ID

if TYPE_CHECKING:
    from standins.jira_issues import Issue
    from standins.jira_oauth import OAuthState
    from standins.jira_people import Person

FIRST_ID = 1000
LIFE_SECONDS = 30 * 86400
TOKEN_SECONDS = 180
EVENTS = frozenset(
    {
        "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated",
        "comment_deleted", "issue_property_set", "issue_property_deleted",
    }
)  # fmt: skip
SITE = "https://sandbox.example"  # of the links in a payload; nobody follows them


@dataclass(frozen=True)
class Change:
    """One entry of a changelog."""

    field: str
    old: str | None
    old_text: str | None
    new: str | None
    new_text: str | None

    def as_json(self) -> dict[str, Any]:
        """The entry as a delivery holds it."""
        texts = {"fromString": self.old_text, "toString": self.new_text}
        kind = {"field": self.field, "fieldtype": "jira", "fieldId": self.field}
        return {**kind, "from": self.old, "to": self.new, **texts}


@dataclass
class Webhook:
    """Somebody who wants to be told. Without `client_id` an administrator made it; `ends` None = never."""

    id: int
    url: str
    events: list[str]
    jql: str = ""
    fields: list[str] = field(default_factory=list)
    client_id: str = ""
    secret: str = ""
    ends: float | None = None

    def wants(self, event: str, changes: tuple[Change, ...]) -> bool:
        """Whether the event is one it asked for; with fields, only when one of them changed."""
        if event not in self.events:
            return False
        filtered = event == "jira:issue_updated" and self.fields
        return not filtered or any(change.field in self.fields for change in changes)


class WebhookDesk:
    """The webhooks of a sandbox; `webhooks` are those there are, the methods are its knobs and its rules."""

    lock: threading.RLock
    oauth: OAuthState
    people: dict[str, Person]
    webhooks: dict[int, Webhook]
    _next_webhook: int
    _hooks: Hooks | None = None

    @property
    def hooks(self) -> Hooks:
        """The sender, for tests that hold, replay or wait; made when it is first needed."""
        with self.lock:
            if self._hooks is None:
                self._hooks = Hooks()
            return self._hooks

    def stop_hooks(self) -> None:
        """Send nothing more of what is on its way."""
        with self.lock:
            old, self._hooks = self._hooks, None
        if old is not None:
            old.stop()

    # -- knobs --------------------------------------------------------------------------------------------------------

    def add_admin_webhook(
        self, url: str, secret: str = "", jql: str = "", events: tuple[str, ...] = ("jira:issue_updated",)
    ) -> int:
        """An administrator pastes an address (and a secret) into the page for webhooks. Returns its number."""
        return self.keep_webhook(Webhook(0, url, list(events), jql, secret=secret)).id

    def remove_webhooks(self, *ids: int) -> None:
        """Take webhooks away, or all of them; Jira does not tell who registered them."""
        with self.lock:
            for number in ids or tuple(self.webhooks):
                self.webhooks.pop(number, None)

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

    def webhooks_as_state(self) -> dict[str, Any]:
        """Webhooks and deliveries for the control address; no secrets are in it."""
        kept = [
            {"id": w.id, "url": w.url, "events": w.events, "jql": w.jql, "by_app": bool(w.client_id)}
            for w in self.webhooks.values()
        ]
        sent = self._hooks.deliveries if self._hooks else []
        told = [{"url": d.url, "statuses": [a.status for a in d.attempts], "ended": d.ended} for d in sent]
        return {"webhooks": kept, "deliveries": told}

    # -- rules --------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The sandbox's clock."""
        raise NotImplementedError

    def matches_webhook(self, jql: str, issue: Issue) -> bool:
        """Whether the issue is one of the query's."""
        raise NotImplementedError

    def keep_webhook(self, webhook: Webhook) -> Webhook:
        """Add a webhook under the next number."""
        with self.lock:
            webhook.id = self._next_webhook
            self._next_webhook += 1
            self.webhooks[webhook.id] = webhook
            return webhook

    def webhooks_of(self, client_id: str) -> list[Webhook]:
        """The live webhooks an app registered."""
        with self.lock:
            return [w for w in self.webhooks.values() if w.client_id == client_id and self._live(w)]

    def tell(self, event: str, issue: Issue, *changes: Change, **more: Any) -> None:
        """Send an event to everybody who wants it."""
        with self.lock:
            for webhook in list(self.webhooks.values()):
                if self._live(webhook) and webhook.wants(event, changes) and self._shown(webhook, issue):
                    self._send(webhook, self._payload(webhook, event, issue, changes) | more)

    def _live(self, webhook: Webhook) -> bool:
        return webhook.ends is None or webhook.ends > self.now()

    def _shown(self, webhook: Webhook, issue: Issue) -> bool:
        """Whether the issue passes the filter; an app hears only of what its person may see."""
        if webhook.client_id and issue.hidden:
            return False
        return not webhook.jql or self.matches_webhook(webhook.jql, issue)

    def _payload(self, webhook: Webhook, event: str, issue: Issue, changes: tuple[Change, ...]) -> dict[str, Any]:
        assignee = self.people.get(issue.assignee or "")
        fields = {
            "summary": issue.summary,
            "labels": issue.labels,
            "status": issue.status.as_json(SITE),
            "assignee": assignee.as_json(SITE) if assignee else None,
            "project": {"key": issue.project_key},
        }
        body: dict[str, Any] = {
            "timestamp": int(time.time() * 1000),
            "webhookEvent": event,
            "user": self.people[ADMIN_ID].as_json(SITE),
            "issue": {"id": issue.id, "key": issue.key, "self": f"{SITE}/rest/api/3/{issue.id}", "fields": fields},
        }
        if event == "jira:issue_updated":
            body["issue_event_type_name"] = "issue_generic" if changes else "issue_updated"
            body["changelog"] = {"id": secrets.token_hex(4), "items": [change.as_json() for change in changes]}
        return body | ({"matchedWebhookIds": [webhook.id]} if webhook.client_id else {})

    def _send(self, webhook: Webhook, body: Mapping[str, Any]) -> None:
        identifier = secrets.token_hex(16)

        def headers(raw: bytes, retry: int) -> dict[str, str]:
            made = {
                "User-Agent": "Atlassian Webhook HTTP Client",
                "X-Atlassian-Webhook-Identifier": identifier,
                "X-Atlassian-Webhook-Flow": "Primary",
            }
            again = {"X-Atlassian-Webhook-Retry": str(retry)} if retry else {}
            return made | again | self._proof(webhook, raw)

        # An address outside this machine may be registered; nothing is sent there.
        with contextlib.suppress(ValueError):
            self.hooks.deliver(webhook.url, body, headers)

    def _proof(self, webhook: Webhook, raw: bytes) -> dict[str, str]:
        if webhook.client_id:
            return {"Authorization": f"Bearer {app_token(self.oauth.clients[webhook.client_id])}"}
        return {"X-Hub-Signature": signature(webhook.secret, raw)} if webhook.secret else {}


def signature(secret: str, raw: bytes) -> str:
    """The signature of an administrator's webhook."""
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def app_token(client_secret: str) -> str:
    """The token of an app's webhook, good for three minutes."""
    now = int(time.time())
    head, claims = {"typ": "JWT", "alg": "HS256"}, {"iss": "sandbox", "iat": now, "exp": now + TOKEN_SECONDS}
    text = ".".join(_packed(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{_packed(hmac.new(client_secret.encode(), text.encode(), hashlib.sha256).digest())}"


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
