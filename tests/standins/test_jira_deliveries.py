"""The sandbox Jira tells of changes: what is told to whom, and how the deliveries look."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest

from standins.jira_oauth import CLIENT_SECRET
from tests.standins.caller import CREATE, DANA, Api, document
from tests.standins.jira_app import DELETED, HOOK, ONE, UPDATED, register
from tests.standins.jira_receiver import Receiver, receiving


@pytest.fixture
def receiver(api: Api) -> Iterator[Receiver]:
    """An address on this machine."""
    with receiving() as server:
        yield server
        api.jira.stop_hooks()


def test_a_change_is_told_with_issue_and_changelog(api: Api, receiver: Receiver) -> None:
    register(api, ONE, url=receiver.url)
    api.create()
    api.jira.set_status("OPS-1", "Done")
    api.jira.hooks.wait()
    (told,) = receiver.told()
    issue = api.jira.issues["OPS-1"]
    assert (told["webhookEvent"], told["issue"]["id"], told["issue"]["key"]) == (UPDATED, issue.id, "OPS-1")
    assert told["issue"]["fields"]["status"]["name"] == "Done"
    assert told["matchedWebhookIds"] == [1000]
    assert told["changelog"]["items"] == [
        {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": "10000", "fromString": "To Do",
         "to": "10001", "toString": "Done"}
    ]  # fmt: skip
    assert abs(told["timestamp"] / 1000 - time.time()) < 60


def test_every_kind_of_change_is_told(api: Api, receiver: Receiver) -> None:
    events = ["jira:issue_created", UPDATED, DELETED, "comment_created"]
    api.jira.add_admin_webhook(receiver.url, events=tuple(events))
    api.create()
    api("PUT", CREATE + "/OPS-1", json={"fields": {"summary": "Another"}})
    api("PUT", CREATE + "/OPS-1/assignee", json={"accountId": DANA})
    api("POST", CREATE + "/OPS-1/transitions", json={"transition": {"id": "31"}})
    api("POST", CREATE + "/OPS-1/comment", json={"body": document("Seen.")})
    api("POST", "/browse/OPS-1/status", auth=None, data={"status": "To Do"})
    key = api.jira.move_issue("OPS-1", "WEB")
    api.jira.delete_issue(key)
    api.jira.hooks.wait()
    seen = [(told["webhookEvent"], [item["field"] for item in told.get("changelog", {}).get("items", ())])
            for told in receiver.told()]  # fmt: skip
    assert seen == [
        ("jira:issue_created", []), (UPDATED, ["summary"]), (UPDATED, ["assignee"]), (UPDATED, ["status"]),
        ("comment_created", []), (UPDATED, ["status"]), (UPDATED, ["project"]), (DELETED, []),
    ]  # fmt: skip
    assert {told["issue"]["key"] for told in receiver.told()} == {"OPS-1", key}


def test_only_what_passes_the_filters_is_told(api: Api, receiver: Receiver) -> None:
    register(api, {**ONE, "events": [UPDATED], "fieldIdsFilter": ["status"]}, url=receiver.url)
    api.create()
    api.jira.set_status("OPS-1", "Done")
    api("PUT", CREATE + "/OPS-1", json={"fields": {"summary": "Another"}})
    api.jira.hide_issue("OPS-1")
    api.jira.set_status("OPS-1", "To Do")
    api.jira.hide_issue("OPS-1", False)
    api.jira.move_issue("OPS-1", "HR")
    api.jira.set_status("HR-1", "Done")
    api.jira.delete_issue("HR-1")
    api.jira.hooks.wait()
    assert len(receiver.arrived) == 1


def test_ended_webhooks_and_those_elsewhere_are_told_nothing(api: Api, receiver: Receiver) -> None:
    register(api, ONE, url=receiver.url)
    api.jira.add_admin_webhook(HOOK)
    api.create()
    api.jira.advance(31 * 86400)
    api.jira.set_status("OPS-1", "Done")
    api.jira.hooks.wait()
    assert receiver.arrived == []
    assert api.jira.issues["OPS-1"].status.name == "Done"


def test_an_administrators_delivery_is_signed_over_its_bytes(api: Api, receiver: Receiver) -> None:
    api.jira.add_admin_webhook(receiver.url, "the secret", "project = OPS")
    api.create(summary="Ünï")
    api.jira.set_status("OPS-1", "Done")
    api.jira.hooks.wait()
    ((headers, body),) = receiver.arrived
    assert headers["X-Hub-Signature"] == "sha256=" + hmac.new(b"the secret", body, hashlib.sha256).hexdigest()
    assert "Authorization" not in headers
    assert headers["Content-Type"] == "application/json"


def test_an_apps_delivery_carries_a_short_lived_token(api: Api, receiver: Receiver) -> None:
    register(api, ONE, url=receiver.url)
    api.create()
    api.jira.set_status("OPS-1", "Done")
    api.jira.hooks.wait()
    ((headers, _),) = receiver.arrived
    scheme, _, token = headers["Authorization"].partition(" ")
    text, _, sealed = token.rpartition(".")
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in text.split("."))
    digest = hmac.new(CLIENT_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    assert (scheme, head["alg"]) == ("Bearer", "HS256")
    assert base64.urlsafe_b64decode(sealed + "=") == digest
    assert 0 < claims["exp"] - time.time() <= 180
    assert "X-Hub-Signature" not in headers


def test_a_retry_has_the_same_identifier_and_a_number(api: Api, receiver: Receiver) -> None:
    api.jira.add_admin_webhook(receiver.url)
    api.create()
    receiver.statuses = [503, 500]
    api.jira.set_status("OPS-1", "Done")
    api.jira.hooks.wait()
    api.jira.set_status("OPS-1", "To Do")
    api.jira.hooks.wait()
    names = [headers["X-Atlassian-Webhook-Identifier"] for headers, _ in receiver.arrived]
    assert (names[0], names[1], len(set(names))) == (names[1], names[2], 2)
    retries = [headers.get("X-Atlassian-Webhook-Retry") for headers, _ in receiver.arrived]
    assert retries == [None, "1", "2", None]
    assert {headers["X-Atlassian-Webhook-Flow"] for headers, _ in receiver.arrived} == {"Primary"}
    assert len({body for _, body in receiver.arrived[:3]}) == 1


def test_deliveries_can_be_held_reversed_and_sent_again_over_http(api: Api, receiver: Receiver) -> None:
    made = api("POST", "/_standin/add_admin_webhook", json={"url": receiver.url, "secret": "s", "jql": ""})
    assert made.json() == {"result": 1000}
    api.create()
    api("POST", "/_standin/hold_webhooks")
    for status in ("In Progress", "Done"):
        api("POST", "/_standin/set_status", json={"key": "OPS-1", "status": status})
    assert receiver.arrived == []
    api("POST", "/_standin/release_webhooks", json={"backwards": True})
    api.jira.hooks.wait()
    assert [told["issue"]["fields"]["status"]["name"] for told in receiver.told()] == ["Done", "In Progress"]
    api("POST", "/_standin/replay_webhooks", json={"times": 3})
    api.jira.hooks.wait()
    assert len(receiver.arrived) == 8
    state = api("GET", "/_standin/state").json()
    assert (state["webhooks"][0]["url"], state["deliveries"][0]["statuses"]) == (receiver.url, [200])
    assert "secret" not in str(state["webhooks"])
    api("POST", "/_standin/remove_webhooks")
    assert api.jira.webhooks == {}


def test_a_reset_forgets_webhooks_and_what_is_on_its_way(api: Api, receiver: Receiver) -> None:
    api.jira.add_admin_webhook(receiver.url)
    api.create()
    api.jira.hold_webhooks()
    api.jira.set_status("OPS-1", "Done")
    api.jira.reset()
    assert (api.jira.webhooks, api.jira.hooks.deliveries) == ({}, [])
    assert receiver.arrived == []


def test_an_administrator_pastes_address_and_secret_into_a_page(api: Api, receiver: Receiver) -> None:
    page = "/plugins/servlet/webhooks"
    assert "There are none." in api("GET", page, auth=None).text
    typed = {"url": receiver.url, "secret": "s<1>", "jql": "project = OPS", "event": [UPDATED, DELETED]}
    assert api("POST", page, auth=None, data=typed).status_code == 303
    shown = api("GET", page, auth=None).text
    assert receiver.url in shown
    assert "s&lt;1&gt;" not in shown
    api.create()
    api.jira.delete_issue("OPS-1")
    api.jira.hooks.wait()
    assert [told["webhookEvent"] for told in receiver.told()] == [DELETED]
