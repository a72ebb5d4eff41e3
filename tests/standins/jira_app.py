"""An OAuth app that calls the sandbox Jira through the gateway, and registers webhooks there."""

from __future__ import annotations

from typing import Any

import requests

from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET, CLOUD_ID
from tests import support_specs
from tests.standins.caller import Api

ROUTE = "/rest/api/3/webhook"
SCOPES = "read:jira-work write:jira-work read:jira-user manage:jira-webhook"
HOOK = "https://patchpanel.example/hooks/abc"
UPDATED, DELETED = "jira:issue_updated", "jira:issue_deleted"
ONE = {"events": [UPDATED, DELETED], "jqlFilter": "project = OPS"}


def app(api: Api, method: str, path: str = ROUTE, scopes: str = SCOPES, **more: Any) -> requests.Response:
    """A call of an OAuth app, held against the vendor's description where that is at hand."""
    code = api.jira.consent(CLIENT_ID, "http://x", scopes.split(), [CLOUD_ID])
    body = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "authorization_code"}
    token = api.jira.trade({**body, "code": code, "redirect_uri": "http://x"})["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    url = f"{api.url}/ex/jira/{CLOUD_ID}{path}"
    answer = requests.request(method, url, headers=bearer, timeout=5, **more)
    if (support_specs.SPECS / f"{support_specs.JIRA}.json").is_file() and answer.status_code != 401:
        sent = answer.request
        support_specs.check_exchange(
            support_specs.JIRA, method, api.url + path, dict(sent.headers), sent.body, answer.status_code,
            dict(answer.headers), answer.content or None,
        )  # fmt: skip
    return answer


def register(api: Api, *wanted: dict[str, Any], url: str = HOOK) -> list[dict[str, Any]]:
    """Register webhooks. Returns the results."""
    answer = app(api, "POST", json={"url": url, "webhooks": list(wanted)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["webhookRegistrationResult"]
    return found
