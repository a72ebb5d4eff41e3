"""The sandbox Atlassian: consent page, tokens that rotate, list of sites, gateway."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET, CLOUD_ID, SECOND_CLOUD_ID
from tests.standins.caller import DANA, Api, body

CALLBACK = "http://127.0.0.1:9/connect/jira/callback"
SCOPES = "read:jira-work write:jira-work read:jira-user offline_access"
ASKED = {
    "audience": "api.atlassian.com",
    "client_id": CLIENT_ID,
    "scope": SCOPES,
    "redirect_uri": CALLBACK,
    "state": "the-state",
    "response_type": "code",
    "prompt": "consent",
}
APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
REFUSED = {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}


def decide(api: Api, decision: str = "accept", sites: tuple[str, ...] = (CLOUD_ID,), **asked: str) -> dict[str, str]:
    """Press a button of the consent page. Returns what the call-back carries."""
    data = [*{**ASKED, **asked, "decision": decision}.items(), *(("site", site) for site in sites)]
    answer = requests.post(f"{api.url}/authorize", data=data, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def ask(api: Api, **body: str) -> Any:
    """A token request."""
    return requests.post(f"{api.url}/oauth/token", json={**APP, **body}, timeout=5)


def trade(api: Api, **asked: str) -> dict[str, Any]:
    """Tokens of a fresh consent."""
    code = decide(api, sites=(CLOUD_ID, SECOND_CLOUD_ID), **asked)["code"]
    answer = ask(api, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refresh(api: Api, token: str) -> Any:
    """A refresh."""
    return ask(api, grant_type="refresh_token", refresh_token=token)


def gateway(api: Api, token: str, path: str = "myself", method: str = "GET", cloud: str = CLOUD_ID, **more: Any) -> Any:
    """A call through the gateway."""
    url = f"{api.url}/ex/jira/{cloud}/rest/api/3/{path}"
    return requests.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=5, **more)


def test_the_page_asks_and_both_buttons_lead_back_with_the_state(api: Api) -> None:
    page = requests.get(f"{api.url}/authorize", params=ASKED, timeout=5).text
    assert "Accept" in page
    assert "read:jira-work" in page
    assert "sandbox" in page
    assert decide(api)["state"] == "the-state"
    declined = decide(api, "deny")
    assert declined == {
        "state": "the-state",
        "error": "access_denied",
        "error_description": "User did not authorize the request",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "x"),
        ("redirect_uri", ""),
        ("audience", ""),
        ("prompt", "none"),
        ("response_type", "token"),
        ("state", ""),
    ],
)
def test_a_wrong_request_ends_on_the_vendors_page(api: Api, name: str, value: str) -> None:
    for answer in (
        requests.get(f"{api.url}/authorize", params={**ASKED, name: value}, timeout=5),
        requests.post(f"{api.url}/authorize", data={**ASKED, name: value}, timeout=5, allow_redirects=False),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_a_call_back_that_is_not_the_registered_one_ends_there_too(api: Api) -> None:
    api.jira.set_oauth(callback_url="https://other.example/callback")
    answer = requests.get(f"{api.url}/authorize", params=ASKED, timeout=5)
    assert "Callback URL mismatch" in answer.text


def test_a_code_gives_tokens_once(api: Api) -> None:
    code = decide(api)["code"]
    first = ask(api, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert sorted(first.json()) == ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
    assert first.json()["expires_in"] == 3600
    again = ask(api, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert (again.status_code, again.json()["error"]) == (403, "invalid_grant")


@pytest.mark.parametrize("wrong", [{"code": "x"}, {"redirect_uri": "http://127.0.0.1:9/other"}])
def test_a_code_that_does_not_fit_is_refused(api: Api, wrong: dict[str, str]) -> None:
    sent = {"grant_type": "authorization_code", "code": decide(api)["code"], "redirect_uri": CALLBACK, **wrong}
    assert ask(api, **sent).status_code == 403


def test_an_old_code_is_refused(api: Api) -> None:
    code = decide(api)["code"]
    api.jira.advance(301)
    assert ask(api, grant_type="authorization_code", code=code, redirect_uri=CALLBACK).status_code == 403


@pytest.mark.parametrize("wrong", [{"client_secret": "x"}, {"client_id": "x"}])
def test_a_wrong_client_is_401_access_denied(api: Api, wrong: dict[str, str]) -> None:
    answer = ask(api, grant_type="refresh_token", refresh_token="x", **wrong)
    assert (answer.status_code, answer.json()) == (401, {"error": "access_denied", "error_description": "Unauthorized"})


def test_the_token_endpoint_takes_json_only(api: Api) -> None:
    assert requests.post(f"{api.url}/oauth/token", data=APP, timeout=5).status_code == 400


def test_refresh_tokens_rotate_with_ten_minutes_of_leeway(api: Api) -> None:
    first = trade(api)["refresh_token"]
    second = refresh(api, first).json()["refresh_token"]
    assert second != first
    api.jira.advance(599)
    assert refresh(api, first).status_code == 200
    api.jira.advance(2)
    assert refresh(api, first).json() == {
        "error": "unauthorized_client",
        "error_description": "refresh_token is invalid",
    }
    # Using it that late ended the whole consent.
    assert (refresh(api, second).status_code, refresh(api, second).json()) == (403, REFUSED)


def test_a_refresh_token_dies_after_ninety_idle_days(api: Api) -> None:
    token = trade(api)["refresh_token"]
    api.jira.advance(89 * 86400)
    token = refresh(api, token).json()["refresh_token"]
    api.jira.advance(91 * 86400)
    assert refresh(api, token).json() == REFUSED


def test_without_offline_access_there_is_no_refresh_token(api: Api) -> None:
    assert "refresh_token" not in trade(api, scope="read:jira-work")


@pytest.mark.parametrize(("count", "ids"), [(0, []), (1, [CLOUD_ID]), (2, [CLOUD_ID, SECOND_CLOUD_ID])])
def test_the_sites_of_the_consent_are_listed(api: Api, count: int, ids: list[str]) -> None:
    api.jira.offer_sites(count)
    headers = {"Authorization": f"Bearer {trade(api)['access_token']}"}
    url = f"{api.url}/oauth/token/accessible-resources"
    found = requests.get(url, headers=headers, timeout=5).json()
    assert [site["id"] for site in found] == ids
    api.jira.set_oauth(double_listing=True)
    assert [site["id"] for site in requests.get(url, headers=headers, timeout=5).json()] == ids * 2
    assert requests.get(url, headers={"Authorization": "Bearer x"}, timeout=5).status_code == 401


def test_the_gateway_leads_to_the_same_jira(api: Api) -> None:
    token = trade(api)["access_token"]
    assert gateway(api, token).json()["displayName"] == "Alex Morgan"
    made = gateway(api, token, "issue", "POST", json=body(assignee={"accountId": DANA}))
    assert made.status_code == 201
    assert made.json()["key"] in api.jira.issues


def test_the_gateway_refuses_in_its_own_words(api: Api) -> None:
    token = trade(api, scope="read:jira-work offline_access")["access_token"]
    unauthorized = {"code": 401, "message": "Unauthorized"}
    assert gateway(api, "garbage").json() == unauthorized
    scope = gateway(api, token, "issue", "POST", json=body())
    assert (scope.status_code, scope.json()) == (401, {"code": 401, "message": "Unauthorized; scope does not match"})
    assert gateway(api, token).json()["message"].endswith("scope does not match")
    assert gateway(api, token, "project/search").status_code == 200
    assert gateway(api, token, "serverInfo", cloud=SECOND_CLOUD_ID).status_code == 404
    api.jira.advance(3601)
    assert gateway(api, token, "project/search").json() == unauthorized


def test_the_site_address_takes_no_token(api: Api) -> None:
    token = trade(api)["access_token"]
    answer = requests.get(f"{api.url}/rest/api/3/myself", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 403


def test_the_knobs_work(api: Api) -> None:
    given = trade(api)
    api.jira.drop_scope("read:jira-user")
    assert gateway(api, given["access_token"]).status_code == 401
    api.jira.end_access_tokens()
    assert gateway(api, given["access_token"], "project/search").json()["message"] == "Unauthorized"
    api.jira.revoke_consents()
    assert refresh(api, given["refresh_token"]).json() == REFUSED
    api.jira.change_client_secret("another")
    assert refresh(api, given["refresh_token"]).status_code == 401
    with pytest.raises(KeyError):
        api.jira.set_oauth(clients={})
