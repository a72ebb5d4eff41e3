"""Registering webhooks at the sandbox Jira as an OAuth app."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import requests

from standins.jira_oauth import CLOUD_ID
from tests.standins.caller import Api
from tests.standins.jira_app import HOOK, ONE, ROUTE, SCOPES, app, register


def test_only_apps_may_use_the_api(api: Api) -> None:
    for method, path, sent in (
        ("POST", ROUTE, {"url": HOOK, "webhooks": [ONE]}),
        ("GET", ROUTE, None),
        ("DELETE", ROUTE, {"webhookIds": [1000]}),
        ("PUT", ROUTE + "/refresh", {"webhookIds": [1000]}),
    ):
        answer = api(method, path, json=sent)
        assert answer.status_code == 403
        assert answer.json()["errorMessages"]
        assert api(method, path, json=sent, auth=None).status_code == 403


@pytest.mark.parametrize("missing", ["manage:jira-webhook", "read:jira-work"])
def test_both_scopes_are_needed(api: Api, missing: str) -> None:
    answer = app(api, "GET", scopes=SCOPES.replace(missing, ""))
    assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized; scope does not match")


def test_the_answer_is_200_with_a_result_for_each(api: Api) -> None:
    results = register(
        api,
        ONE,
        {**ONE, "jqlFilter": "watchers = 7"},
        {**ONE, "jqlFilter": "project in (OPS, 10200)"},
        {**ONE, "jqlFilter": "labels = x"},
        {**ONE, "jqlFilter": "project = NONE"},
        {**ONE, "jqlFilter": ""},
        {**ONE, "jqlFilter": "project = OPS ORDER BY created"},
        {**ONE, "events": []},
    )
    assert results[0] == {"createdWebhookId": 1000}
    assert results[1] == {"errors": ["The clause watchers is unsupported"]}
    assert results[2] == {"createdWebhookId": 1001}
    assert all(result["errors"] for result in results[3:])
    assert sorted(api.jira.webhooks) == [1000, 1001]


def test_an_app_has_one_address_and_few_webhooks(api: Api) -> None:
    register(api, ONE)
    (other,) = register(api, ONE, url=HOOK + "/other")
    assert "Only a single URL per app" in other["errors"][0]
    api.jira.set(webhook_limit=2)
    first, second = register(api, ONE, ONE)
    assert "createdWebhookId" in first
    assert "limit of 2" in second["errors"][0]


@pytest.mark.parametrize("body", [{}, {"url": HOOK}, {"url": HOOK, "webhooks": []}, {"url": "x", "webhooks": [ONE]}])
def test_a_request_without_its_parts_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert app(api, "POST", json=body).status_code == 400


def test_webhooks_are_listed_renewed_and_removed(api: Api) -> None:
    api.jira.set(webhook_dates="number")
    register(api, {**ONE, "fieldIdsFilter": ["status"]}, ONE)
    listed = app(api, "GET").json()
    assert [webhook["id"] for webhook in listed["values"]] == [1000, 1001]
    assert (listed["isLast"], listed["total"], listed["values"][0]["fieldIdsFilter"]) == (True, 2, ["status"])
    assert app(api, "GET", ROUTE + "?startAt=1&maxResults=1").json()["values"][0]["id"] == 1001
    api.jira.advance(29 * 86400)
    ends = app(api, "PUT", ROUTE + "/refresh", json={"webhookIds": [1000, 7]}).json()["expirationDate"]
    assert abs(ends / 1000 - time.time() - 59 * 86400) < 60
    api.jira.advance(2 * 86400)
    assert [webhook["id"] for webhook in app(api, "GET").json()["values"]] == [1000]
    gone = app(api, "DELETE", json={"webhookIds": [1000, 1001, 7]})
    assert (gone.status_code, gone.content) == (202, b"")
    assert app(api, "GET").json()["values"] == []
    assert app(api, "DELETE", json={}).status_code == 400
    assert app(api, "PUT", ROUTE + "/refresh", json={}).status_code == 400


def test_dates_are_text_unless_told_otherwise(api: Api) -> None:
    """As in Atlassian's examples; its own description calls them numbers."""
    register(api, ONE)
    token = next(iter(api.jira.oauth.access))
    bearer = {"Authorization": f"Bearer {token}"}
    listed = requests.get(f"{api.url}/ex/jira/{CLOUD_ID}{ROUTE}", headers=bearer, timeout=5).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", listed["values"][0]["expirationDate"])


def test_renewing_what_is_unknown_is_answered_like_any_other(api: Api) -> None:
    api.jira.set(webhook_dates="number")
    answer = app(api, "PUT", ROUTE + "/refresh", json={"webhookIds": [4711]})
    assert answer.status_code == 200
    assert answer.json()["expirationDate"]
