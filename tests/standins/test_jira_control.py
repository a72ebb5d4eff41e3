"""Knobs over HTTP, pages for people, and the stand-in as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import requests

from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from tests.standins.caller import CREATE, DANA, Api


def test_knobs_can_be_turned_over_http(api: Api) -> None:
    assert api("POST", "/_standin/set", json={"index_lag": 9}).json() == {"result": None}
    assert api("POST", "/_standin/deny", json={"args": ["ASSIGN_ISSUES"]}).status_code == 200
    assert api("POST", "/_standin/fail_next", json={"status": 503}).status_code == 200
    assert api("GET", "/rest/api/3/myself").status_code == 503
    api.create()
    moved = api("POST", "/_standin/move_issue", json={"key": "OPS-1", "project": "HR"})
    assert moved.json() == {"result": "HR-1"}
    state = api("GET", "/_standin/state").json()
    assert (state["creates"], list(state["issues"]), state["knobs"]["index_lag"]) == (1, ["HR-1"], 9)
    assert [call["path"] for call in state["calls"]] == ["/rest/api/3/myself", CREATE]
    assert (state["calls"][1]["authorised"], API_TOKEN in str(state)) == (True, False)
    assert api("POST", "/_standin/set", json={"nope": 1}).status_code == 400
    assert api("POST", "/_standin/store", json={}).status_code == 404
    assert api("POST", "/_standin/reset").status_code == 200
    assert api.jira.issues == {}


def test_the_control_address_can_be_left_out() -> None:
    with JiraStandin(control=False).serve() as server:
        assert requests.get(server.url + "/_standin/state", timeout=5).status_code == 501


def test_people_see_the_issue_and_change_its_status(api: Api) -> None:
    api.create(label="<b>", assignee={"accountId": DANA})
    page = api("GET", "/browse/OPS-1", auth=None).text
    for text in ("Sandbox Jira", "OPS-1", "Disk full on db-3", "Dana Reyes", "First line", "&lt;b&gt;", "To Do"):
        assert text in page
    pressed = api("POST", "/browse/OPS-1/status", data={"status": "In Progress"}, auth=None)
    assert pressed.status_code == 303
    assert api.jira.issues["OPS-1"].status.name == "In Progress"
    assert "/browse/OPS-1" in api("GET", "/", auth=None).text
    api.jira.move_issue("OPS-1", "HR")
    assert api("GET", "/browse/OPS-1", auth=None).headers["Location"] == "/browse/HR-1"
    assert api("GET", "/browse/OPS-7", auth=None).status_code == 404


def test_many_creates_at_once_get_different_keys(api: Api) -> None:
    threads = [threading.Thread(target=api.create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(api.jira.issues) == {f"OPS-{n}" for n in range(1, 21)}
    assert api.jira.creates == len(api.jira.calls) == 20


def test_the_module_runs_in_the_foreground_until_terminated() -> None:
    command = [sys.executable, "-m", "standins", "jira", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        url = lines[0].split()[-1]
        assert ADMIN_EMAIL in lines[1]
        assert API_TOKEN in lines[2]
        answer = requests.get(url + "/rest/api/3/myself", auth=(ADMIN_EMAIL, API_TOKEN), timeout=5)
        assert answer.json()["displayName"] == "Alex Morgan"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
