"""Deliveries of providers: genuine ones lead to a read-back, everything else to nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from extensions import db
from models import Attempt, Connection, Event, Incident, IntegrationUser, Ticket, Webhook
from providers.base import utcnow
from services import connections, keys, store, ticket_sync, tickets, webhooks
from services.actors import COMMAND_LINE
from tests.conftest import Site


@dataclass
class Hook:
    """A ticket whose connection has a webhook."""

    client: FlaskClient
    connection: Connection
    ticket: Ticket
    uid: str
    secret: str

    def deliver(self, body: bytes | None = None, *, secret: str | None = None, signature: str | None = None) -> int:
        """Send a delivery as Jira would. Returns the status of the answer."""
        raw = self.body() if body is None else body
        key = (self.secret if secret is None else secret).encode()
        signed = signature if signature is not None else f"sha256={hmac.new(key, raw, hashlib.sha256).hexdigest()}"
        headers = {"X-Hub-Signature": signed, "X-Atlassian-Webhook-Identifier": "1"}
        answer = self.client.post(f"/webhooks/{self.uid}", data=raw, headers=headers, content_type="application/json")
        return answer.status_code

    def body(self, status: str = "Done", **more: Any) -> bytes:
        """What Jira says when the issue changed; `status` is what it claims."""
        issue = {"id": self.ticket.external_id, "key": self.ticket.external_key, "fields": {"status": {"name": status}}}
        return json.dumps({"webhookEvent": "jira:issue_updated", "issue": issue, **more}).encode()

    def due(self) -> bool:
        """Whether the ticket is to be read back within two seconds."""
        found = row(self.ticket).sync_due_at
        return found is not None and found <= utcnow() + dt.timedelta(seconds=2)


def row(ticket: Ticket) -> Ticket:
    """The ticket as it is now."""
    found = store.get(Ticket, ticket.id)
    store.release()
    return found


@pytest.fixture
def hook(app: Flask, jira: Site, connected: Connection, person: IntegrationUser, incident: Incident) -> Hook:
    """A created ticket that was just read back, and is not due for minutes."""
    destination = {"project": "10000", "issue_type": "10001"}
    wanted = tickets.Wanted(tickets.new_form_key(), connected.id, person.id, "Disk full", "", destination, {})
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    webhook, secret = webhooks.make_secret(COMMAND_LINE, connected)
    ticket_sync.sync_connection(COMMAND_LINE, connected.id)
    return Hook(app.test_client(), connected, row(ticket), webhook.uid, secret)


def read_backs(jira: Site) -> int:
    """Batch reads the stand-in has seen."""
    return sum(call.path.endswith("/bulkfetch") for call in jira.standin.calls)


def test_a_genuine_delivery_makes_the_ticket_due_and_its_status_shows_after_the_read_back(
    jira: Site, hook: Hook
) -> None:
    assert not hook.due()
    jira.standin.set_status(hook.ticket.external_key, "In Progress")
    # What it claims is not what is true: only the read-back counts.
    assert hook.deliver(hook.body("Done")) == 204
    assert hook.due()
    with store.write() as session:
        session.get(Ticket, hook.ticket.id).sync_due_at = utcnow()  # type: ignore[union-attr]  # two seconds later
    ticket_sync.sync_connection(COMMAND_LINE, hook.connection.id)
    assert row(hook.ticket).external_status == "In Progress"


FORGED: dict[str, Callable[[Hook], dict[str, Any]]] = {
    "no signature": lambda hook: {"signature": ""},
    "another secret": lambda hook: {"secret": "x" * 43},
    "an empty secret": lambda hook: {"secret": ""},
    "signature of another body": lambda hook: {"body": hook.body("Done") + b" ", "signature": _signed(hook)},
    "another method": lambda hook: {"signature": _signed(hook).replace("sha256=", "sha1=")},
    "no method": lambda hook: {"signature": _signed(hook).removeprefix("sha256=")},
    "cut": lambda hook: {"signature": _signed(hook)[:-1]},
    "longer": lambda hook: {"signature": _signed(hook) + "0"},
    "the address as secret": lambda hook: {"secret": hook.uid},
}


def _signed(hook: Hook) -> str:
    return f"sha256={hmac.new(hook.secret.encode(), hook.body('Done'), hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_delivery_is_refused_and_sets_nothing_in_motion(hook: Hook, name: str) -> None:
    assert hook.deliver(**FORGED[name](hook)) == 401
    assert not hook.due()


@pytest.mark.parametrize("address", ["/webhooks/" + "0" * 32, "/webhooks/x", "/webhooks/"])
def test_an_unknown_address_is_not_found(hook: Hook, address: str) -> None:
    assert hook.client.post(address, data=b"{}").status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_genuine_body_that_cannot_be_read_is_refused(hook: Hook, body: bytes) -> None:
    assert hook.deliver(body) == 400
    assert not hook.due()


@pytest.mark.parametrize(
    "issue", [None, [], "10000", {"id": None}, {"id": []}, {"id": "999999"}, {"id": -1}, {"id": ""}]
)
def test_what_does_not_concern_us_is_taken_and_forgotten(hook: Hook, issue: object) -> None:
    assert hook.deliver(json.dumps({"webhookEvent": "jira:issue_updated", "issue": issue}).encode()) == 204
    assert not hook.due()


def test_a_body_that_is_too_large_is_refused(hook: Hook) -> None:
    assert hook.deliver(b" " * (256 * 1024 + 1)) == 413


def test_only_posts_are_taken(hook: Hook) -> None:
    assert hook.client.get(f"/webhooks/{hook.uid}").status_code == 405


def test_a_thousand_replayed_reordered_and_forged_deliveries_change_nothing(jira: Site, hook: Hook) -> None:
    jira.standin.set_status(hook.ticket.external_key, "In Progress")
    before, events = read_backs(jira), db.session.query(Event).count()
    store.release()
    shuffled = random.Random(4711)
    for number in range(1000):
        status = shuffled.choice(["To Do", "Done", "In Progress", "Nonsense"])
        if number % 3:
            assert hook.deliver(hook.body(status, timestamp=shuffled.randrange(2**41))) == 204
        else:
            assert hook.deliver(hook.body(status), secret=f"guess {number}") == 401
        if number % 50 == 0:
            ticket_sync.sync_connection(COMMAND_LINE, hook.connection.id)
    with store.write() as session:
        session.get(Ticket, hook.ticket.id).sync_due_at = utcnow()  # type: ignore[union-attr]  # it exists
    ticket_sync.sync_connection(COMMAND_LINE, hook.connection.id)
    after = row(hook.ticket)
    assert (after.external_status, after.status_category) == ("In Progress", "active")
    seconds = (utcnow() - after.created_at).total_seconds()
    assert read_backs(jira) - before <= seconds / 2 + 2
    # Deliveries leave nothing behind that grows.
    assert db.session.query(Event).count() == events
    assert db.session.query(Attempt).filter_by(purpose="read tickets").count() <= seconds / 2 + 3


def test_a_new_secret_leaves_the_former_one_its_day(hook: Hook) -> None:
    _, fresh = webhooks.make_secret(COMMAND_LINE, hook.connection)
    assert fresh != hook.secret
    assert [hook.deliver(secret=hook.secret), hook.deliver(secret=fresh)] == [204, 204]
    with store.write() as session:
        session.get(Webhook, hook.connection.id).previous_until = utcnow()  # type: ignore[union-attr]  # it exists
    assert [hook.deliver(secret=hook.secret), hook.deliver(secret=fresh)] == [401, 204]


def test_a_connection_that_is_switched_off_takes_deliveries_and_does_nothing(jira: Site, hook: Hook) -> None:
    connections.switch(COMMAND_LINE, hook.connection, on=False)
    calls = len(jira.standin.calls)
    assert hook.deliver() == 204
    assert not hook.due()
    assert len(jira.standin.calls) == calls


def test_the_stored_secret_survives_a_rotation_of_keys(hook: Hook) -> None:
    keys.rotate(COMMAND_LINE)
    newest = keys.listed()[0]
    assert newest.credentials == 2  # the API token and this one
    assert all(result.problem == "" for result in keys.verify())
    assert hook.deliver() == 204


def test_a_secret_moved_to_another_webhook_does_not_open(hook: Hook) -> None:
    with store.write() as session:
        webhook = session.get(Webhook, hook.connection.id)
        assert webhook is not None
        webhook.uid = "f" * 32
    hook.uid = "f" * 32
    assert hook.deliver() == 401


def test_the_secret_is_shown_once_and_nowhere_else(admin: FlaskClient, connected: Connection) -> None:
    url = f"/settings/organization/integrations/connections/{connected.id}/webhook"
    assert "Set up by hand" in admin.get(url).get_data(as_text=True)
    made = admin.post_form(url, {"action": "secret"})  # type: ignore[attr-defined]  # PatchpanelClient
    text = made.get_data(as_text=True)
    webhook = webhooks.of(connected.id)
    assert webhook is not None
    opened = webhooks._opened(webhook)["secret"]
    assert text.count(opened) >= 2  # the fact and the step
    assert f"http://127.0.0.1:8000/webhooks/{webhook.uid}" in text
    assert opened not in admin.get(url).get_data(as_text=True)
    assert made.headers["Cache-Control"] == "no-store"


def test_a_webhook_is_removed_with_its_address(admin: FlaskClient, hook: Hook) -> None:
    url = f"/settings/organization/integrations/connections/{hook.connection.id}/webhook"
    assert admin.post_form(url, {"action": "remove"}).status_code == 200  # type: ignore[attr-defined]  # PatchpanelClient
    assert hook.deliver() == 404


def test_only_administrators_see_webhooks(responder: FlaskClient, connected: Connection) -> None:
    url = f"/settings/organization/integrations/connections/{connected.id}/webhook"
    assert responder.get(url).status_code in (403, 404)
