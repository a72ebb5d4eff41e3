"""The faults of the sandbox Jira do the harm they promise, over a real socket."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from tests.standins.caller import CREATE, Api


def test_a_create_may_be_stored_while_the_connection_is_reset(api: Api) -> None:
    api.jira.drop_after_create()
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted|closed"):
        api.create()
    assert list(api.jira.issues) == ["OPS-1"]
    api.jira.drop_before_create()
    with pytest.raises(requests.ConnectionError):
        api.create()
    assert (len(api.jira.issues), api.jira.creates) == (1, 2)
    assert [call.status for call in api.jira.calls] == [None, None]
    assert api.create().status_code == 201


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_create_may_be_stored_behind_an_error_page(api: Api, status: int) -> None:
    api.jira.fail_after_create(status)
    answer = api.create()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html;charset=UTF-8")
    assert len(api.jira.issues) == 1


def test_a_created_answer_may_break_off_before_the_key(api: Api) -> None:
    api.jira.created_without_key()
    answer = api.create()
    assert (answer.status_code, "key" in answer.text) == (201, False)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(api.jira.issues) == 1


def test_failures_hit_their_route_so_many_times_without_effect(api: Api) -> None:
    api.jira.fail_next(503, times=2, route=f"POST {CREATE}", headers={"Retry-After": "7"})
    api.jira.fail_next(400, route="/rest/api/3/user/*", body={"errorMessages": ["x"], "errors": {}})
    assert api("GET", "/rest/api/3/myself").status_code == 200
    assert api.create().headers["Retry-After"] == "7"
    assert [api.create().status_code for _ in range(2)] == [503, 201]
    assert api("GET", "/rest/api/3/user/search?query=dana").json()["errorMessages"] == ["x"]
    assert list(api.jira.issues) == ["OPS-1"]
    api.jira.html_instead("/rest/api/3/myself")
    page = api("GET", "/rest/api/3/myself")
    assert (page.status_code, page.text[:9]) == (200, "<!doctype")


def test_rate_limits_come_with_and_without_a_time_to_wait(api: Api) -> None:
    api.jira.rate_limit(retry_after=3)
    limited = api("GET", "/rest/api/3/myself")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
    assert limited.headers["RateLimit-Reason"] == "jira-burst-based"
    assert limited.headers["X-RateLimit-Remaining"] == "0"
    api.jira.rate_limit(retry_after=None)
    assert "Retry-After" not in api("GET", "/rest/api/3/myself").headers


def test_requests_can_be_held_before_and_after_their_effect(api: Api) -> None:
    for after, stored in ((False, 0), (True, 1)):
        api.jira.reset()
        api.jira.hold(route=f"POST {CREATE}", after=after)
        thread = threading.Thread(target=api.create)
        thread.start()
        deadline = time.monotonic() + 3
        while not api.jira.calls or len(api.jira.issues) < stored:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.05)
        assert (thread.is_alive(), len(api.jira.issues)) == (True, stored)
        api.jira.release()
        thread.join(3)
        assert len(api.jira.issues) == 1
    api.jira.hold(seconds=0.2)
    started = time.monotonic()
    api("GET", "/rest/api/3/myself")
    assert time.monotonic() - started >= 0.2


def test_a_body_can_drip(api: Api) -> None:
    api.jira.drip(0.01, route="/_edge/tenant_info")
    started = time.monotonic()
    answer = api("GET", "/_edge/tenant_info")
    assert answer.json()["cloudId"]
    assert time.monotonic() - started >= 0.01 * len(answer.content)


def test_other_products_redirects_and_languages(api: Api) -> None:
    api.jira.set(deployment_type="Server", language="de")
    assert api("GET", "/rest/api/3/serverInfo").json()["deploymentType"] == "Server"
    pinned = {"X-Force-Accept-Language": "true", "Accept-Language": "en"}
    missing = CREATE + "/OPS-1"
    assert "Vorgang" in api("GET", missing).json()["errorMessages"][0]
    assert "Issue" in api("GET", missing, headers=pinned).json()["errorMessages"][0]
    api.jira.set(ignore_language_pin=True)
    assert "Vorgang" in api("GET", missing, headers=pinned).json()["errorMessages"][0]
    api.jira.set(redirect_to="https://other.example")
    moved = api("GET", "/rest/api/3/myself?a=b")
    assert (moved.status_code, moved.headers["Location"]) == (302, "https://other.example/rest/api/3/myself?a=b")
