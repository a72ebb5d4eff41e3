"""Who may enter the sandbox ServiceNow, its knobs over HTTP, its pages for people, and the stand-in as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import requests

from standins.servicenow import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, ServiceNowStandin
from standins.servicenow_people import DANA_ID
from tests.standins.servicenow_caller import GRANT, INCIDENTS, KEY, USERS, Api

DENIED = {"error_description": "access_denied", "error": "server_error"}


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh sandbox on its own socket."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield Api(standin, server)


@pytest.mark.parametrize(
    "headers", [{}, {"x-sn-apikey": "wrong"}, {"Authorization": "Bearer x"}, {"Authorization": "x"}]
)
def test_without_good_credentials_everything_is_401(api: Api, headers: dict[str, str]) -> None:
    answer = api("GET", USERS, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "message": "User Not Authenticated",
        "detail": "Required to provide Auth information",
    }
    assert answer.headers["WWW-Authenticate"].startswith("BASIC")
    assert "JSESSIONID" in answer.headers["Set-Cookie"]


def test_a_key_needs_its_policy(api: Api) -> None:
    assert api("GET", USERS).status_code == 200
    api.servicenow.set(api_key_policy=False)
    assert api("GET", USERS).status_code == 401


def test_a_token_lets_in_and_asking_again_gives_the_same_one(api: Api) -> None:
    first, again = api.grant(), api.grant()
    assert first.json()["expires_in"] == 1799
    assert {key: first.json()[key] for key in ("scope", "token_type")} == {
        "scope": "useraccount",
        "token_type": "Bearer",
    }
    assert again.json()["access_token"] == first.json()["access_token"]
    bearer = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert api("GET", USERS, headers=bearer).status_code == 200
    api.servicenow.revoke_tokens()
    assert api("GET", USERS, headers=bearer).status_code == 401
    assert api.grant().json()["access_token"] != first.json()["access_token"]


@pytest.mark.parametrize("name", ["client_id", "client_secret", "username", "password", "grant_type"])
def test_each_wrong_value_gets_the_same_401(api: Api, name: str) -> None:
    answer = api.grant(**{name: "wrong"})
    assert (answer.status_code, answer.json()) == (401, DENIED)


def test_the_token_route_takes_forms_only(api: Api) -> None:
    assert api("POST", "/oauth_token.do", headers={}, json=GRANT).json() == DENIED


def test_client_credentials_name_the_users_client(api: Api) -> None:
    answer = api.grant(grant_type="client_credentials", username="", password="").json()
    assert "refresh_token" not in answer
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    me = api("GET", "/api/now/ui/user/current_user", headers=bearer).json()["result"]
    assert me["user_display_name"] == "Patchpanel Integration"
    api.servicenow.set(client_credentials=False, password_grant=False)
    assert api.grant(grant_type="client_credentials").json() == DENIED
    assert api.grant().json() == DENIED


def test_five_bad_passwords_lock_the_user_for_a_while(api: Api) -> None:
    api.servicenow.set(lock_seconds=0.2)
    for _ in range(5):
        api.grant(password="wrong")
    assert api.grant().status_code == 401
    threading.Event().wait(0.25)
    assert api.grant().status_code == 200


@pytest.mark.parametrize("place", ["data", "params"])
def test_a_revoked_token_is_gone(api: Api, place: str) -> None:
    token = api.grant().json()["refresh_token"]
    assert api("POST", "/oauth_revoke_token.do", headers={}, **{place: {"token": token}}).status_code == 200
    assert api.servicenow.accounts.issued == []


def test_a_sleeping_instance_answers_a_page_everywhere(api: Api) -> None:
    api.servicenow.set(hibernating=True)
    for path in (USERS, "/", "/oauth_token.do"):
        answer = api("GET", path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "Hibernating" in answer.text


def test_what_is_not_built_is_501(api: Api) -> None:
    assert api("GET", "/api/now/stats/incident").status_code == 501
    assert api("DELETE", f"{INCIDENTS}/x").status_code == 501
    assert api("PUT", INCIDENTS, json={}).status_code == 501


def test_knobs_can_be_turned_over_http_and_no_secret_is_shown(api: Api) -> None:
    token = api.grant().json()["access_token"]
    assert api("POST", "/_standin/set", json={"hibernating": False}).json() == {"result": None}
    assert api("POST", "/_standin/deny", json={"args": ["problem.create"]}).status_code == 200
    assert api("POST", "/_standin/fail_next", json={"status": 503}).status_code == 200
    assert api("GET", INCIDENTS).status_code == 503
    api.create()
    assert api("POST", "/_standin/copy_record", json={"number": "INC0010001"}).json() == {"result": "INC0010002"}
    state = api("GET", "/_standin/state").json()
    assert (state["creates"], state["grants"], list(state["records"])) == (1, 1, ["INC0010001", "INC0010002"])
    assert state["knobs"]["denied"] == ["problem.create"]
    assert [call["path"] for call in state["calls"]] == ["/oauth_token.do", INCIDENTS, INCIDENTS]
    assert not any(secret in str(state) for secret in (API_KEY, CLIENT_SECRET, PASSWORD, token))
    assert api("POST", "/_standin/set", json={"nope": 1}).status_code == 400
    assert api("POST", "/_standin/rows", json={}).status_code == 404
    assert api("POST", "/_standin/reset").status_code == 200
    assert api.servicenow.records == {}


def test_the_control_address_can_be_left_out() -> None:
    with ServiceNowStandin(control=False).serve() as server:
        assert requests.get(server.url + "/_standin/state", timeout=5).status_code == 501


def test_people_see_the_record_and_change_its_state(api: Api) -> None:
    sys_id = api.create(short_description="<b>", assigned_to=DANA_ID, description="First").json()["result"]["sys_id"]
    link = f"/nav_to.do?uri=incident.do%3Fsys_id%3D{sys_id}"
    page = api("GET", link, headers={}).text
    for text in ("Sandbox ServiceNow", "INC0010001", "&lt;b&gt;", "Dana Reyes", "First", "New", "In Progress"):
        assert text in page
    pressed = api("POST", f"/incident.do?sys_id={sys_id}", headers={}, data={"state": "2"})
    assert (pressed.status_code, pressed.headers["Location"]) == (303, link)
    assert api.servicenow.records["INC0010001"]["state"] == "2"
    assert "INC0010001" in api("GET", "/", headers={}).text
    assert api("GET", f"/incident.do?sys_id={sys_id}", headers={}).status_code == 200
    assert api("GET", "/nav_to.do?uri=incident.do%3Fsys_id%3Dx", headers={}).status_code == 404
    assert api("POST", f"/incident.do?sys_id={sys_id}", headers={}, data={"state": "x"}).status_code == 404


def test_many_creates_at_once_get_different_numbers(api: Api) -> None:
    threads = [threading.Thread(target=api.create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(api.servicenow.records) == {f"INC00100{n:02}" for n in range(1, 21)}
    assert api.servicenow.creates == len(api.servicenow.calls) == 20


def test_slow_and_held_answers_end(api: Api) -> None:
    api.servicenow.drip(0.001, INCIDENTS)
    assert api("GET", INCIDENTS).json() == {"result": []}
    api.servicenow.hold(0.05, INCIDENTS)
    assert api("GET", INCIDENTS).json() == {"result": []}
    api.servicenow.set(redirect_to="http://elsewhere.example")
    assert api("GET", INCIDENTS).headers["Location"] == f"http://elsewhere.example{INCIDENTS}"


def test_the_module_runs_in_the_foreground_until_terminated() -> None:
    command = [sys.executable, "-m", "standins", "servicenow", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        url = lines[0].split()[-1]
        told = "".join(lines)
        for text in (API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD):
            assert text in told
        assert requests.get(url + USERS, headers=KEY, timeout=5).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
