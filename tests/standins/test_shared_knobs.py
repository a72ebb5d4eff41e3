"""Every ticket stand-in offers the same points of failure, and each does the same harm to a create."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from standins.azure_devops import ORGANIZATION, PAT, AzureDevOpsStandin
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.servicenow import ServiceNowStandin
from standins.state import SHARED_CONTROLS
from tests.standins.caller import CREATE, body
from tests.standins.servicenow_caller import INCIDENTS, KEY

AZURE = f"/{ORGANIZATION}/Ops/_apis/wit/workitems/$Task?api-version=7.1"
PATCH = {"Content-Type": "application/json-patch+json"}


@dataclass(frozen=True)
class System:
    """A stand-in, what it calls the name of a thing, how a thing is made there, and which things it holds."""

    standin: Callable[[], Any]
    name: str
    path: str
    options: dict[str, Any]
    things: Callable[[Any], Any]


SYSTEMS = {
    "Azure DevOps": System(
        AzureDevOpsStandin,
        "id",
        AZURE,
        {
            "json": [{"op": "add", "path": "/fields/System.Title", "value": "Disk full"}],
            "auth": ("", PAT),
            "headers": PATCH,
        },
        lambda standin: standin.work_items,
    ),
    "Jira": System(
        JiraStandin, "key", CREATE, {"json": body(), "auth": (ADMIN_EMAIL, API_TOKEN)}, lambda standin: standin.issues
    ),
    "ServiceNow": System(
        ServiceNowStandin,
        "sys_id",
        INCIDENTS,
        {"json": {"short_description": "Disk full"}, "headers": KEY},
        lambda standin: standin.records,
    ),
}


class Bench:
    """One stand-in on its socket."""

    def __init__(self, system: System, standin: Any, url: str) -> None:
        self.system, self.standin, self.url = system, standin, url

    def create(self, timeout: float = 5.0) -> requests.Response:
        """Ask for a new thing."""
        return requests.post(self.url + self.system.path, timeout=timeout, **self.system.options)

    def stored(self) -> int:
        """How many things there are."""
        return len(self.system.things(self.standin))


@pytest.fixture(params=SYSTEMS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    system = SYSTEMS[request.param]
    standin = system.standin()
    with standin.serve() as server:
        yield Bench(system, standin, server.url)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + 3
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("arm", "stored"), [("drop_before_create", 0), ("drop_after_create", 1), ("fail_after_create", 1)]
)
def test_a_create_is_spoiled_before_or_after_it_is_stored(bench: Bench, arm: str, stored: int) -> None:
    getattr(bench.standin, arm)()
    if arm.startswith("drop"):
        with pytest.raises(requests.ConnectionError):
            bench.create()
    else:
        answer = bench.create()
        assert (answer.status_code, answer.text[:9]) == (502, "<!doctype")
    assert (bench.stored(), bench.standin.creates) == (stored, 1)
    assert bench.create().ok
    assert bench.stored() == stored + 1


def test_a_created_answer_may_lack_the_name_of_the_thing(bench: Bench) -> None:
    bench.standin.created_without_id()
    answer = bench.create()
    assert answer.ok
    assert f'"{bench.system.name}"' not in answer.text
    assert bench.stored() == 1


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
def test_a_create_is_held_before_or_after_it_is_stored(bench: Bench, after: bool, stored: int) -> None:
    bench.standin.hold(route=bench.standin.create_route, after=after)
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(bench.create().status_code))
    thread.start()
    until(lambda: bench.standin.creates == 1 and bench.stored() == stored)
    time.sleep(0.05)
    assert (answers, bench.stored()) == ([], stored)
    bench.standin.release()
    thread.join(3)
    assert (answers, bench.stored()) in (([200], 1), ([201], 1))


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
def test_a_create_that_hangs_is_never_answered(bench: Bench, after: bool, stored: int) -> None:
    bench.standin.hang(route=bench.standin.create_route, times=None, after=after)
    with pytest.raises(requests.ReadTimeout):
        bench.create(timeout=0.3)
    assert bench.stored() == stored
    refused: list[BaseException] = []

    def expect_cut() -> None:
        with pytest.raises(requests.ConnectionError) as caught:
            bench.create()
        refused.append(caught.value)

    thread = threading.Thread(target=expect_cut)
    thread.start()
    until(lambda: bench.standin.creates == 2 and bench.stored() == 2 * stored)
    bench.standin.release()
    thread.join(3)
    assert len(refused) == 1
    assert bench.stored() == 2 * stored
    until(lambda: [call.status for call in bench.standin.calls] == [None, None])
    assert bench.create().ok


def test_a_hang_ends_by_itself_when_told_how_long(bench: Bench) -> None:
    bench.standin.hang(0.2)
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        bench.create()
    assert time.monotonic() - started >= 0.2
    assert bench.stored() == 0


def test_answers_drip_and_calls_are_delayed(bench: Bench) -> None:
    bench.standin.set(delay=0.2)
    started = time.monotonic()
    assert bench.create().ok
    assert time.monotonic() - started >= 0.2
    bench.standin.set(delay=0.0)
    bench.standin.drip(0.001, route=bench.standin.create_route)
    started = time.monotonic()
    answer = bench.create()
    assert answer.ok
    assert time.monotonic() - started >= 0.001 * len(answer.content)


def test_limits_and_failures_come_before_the_effect(bench: Bench) -> None:
    bench.standin.rate_limit(retry_after=7, route=bench.standin.create_route)
    limited = bench.create()
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    bench.standin.rate_limit(retry_after=None)
    assert "Retry-After" not in bench.create().headers
    bench.standin.fail_next(503, times=2)
    assert [bench.create().status_code for _ in range(2)] == [503, 503]
    bench.standin.html_instead(bench.standin.create_route)
    assert bench.create().text.startswith("<!doctype")
    assert (bench.stored(), bench.standin.creates) == (0, 5)


def test_reset_lets_everything_go(bench: Bench) -> None:
    bench.standin.drop_after_create()
    bench.standin.fail_next(500, times=None)
    bench.standin.set(delay=60.0, redirect_to="http://elsewhere.example")
    bench.standin.deny("everything")
    bench.standin.reset()
    assert (bench.standin.calls, bench.standin.creates, bench.standin.knobs.redirect_to) == ([], 0, "")
    assert "everything" not in bench.standin.knobs.denied
    assert bench.create().ok


def test_the_shared_knobs_can_be_turned_over_http(bench: Bench) -> None:
    control = f"{bench.url}/_standin"
    assert requests.post(f"{control}/drop_after_create", json={}, timeout=5).json() == {"result": None}
    with pytest.raises(requests.ConnectionError):
        bench.create()
    assert requests.post(f"{control}/spoil_create", json={"kind": "nonsense"}, timeout=5).status_code == 400
    requests.post(f"{control}/deny", json={"args": ["b", "a"]}, timeout=5)
    state = requests.get(f"{control}/state", timeout=5).json()
    assert (state["creates"], len(state["calls"])) == (1, 1)
    assert [right for right in state["knobs"]["denied"] if right in "ab"] == ["a", "b"]
    assert requests.post(f"{control}/nonsense", json={}, timeout=5).json()["knobs"] == sorted(bench.standin.controls)


def test_every_control_is_a_method(bench: Bench) -> None:
    assert bench.standin.controls > SHARED_CONTROLS
    assert [name for name in bench.standin.controls if not callable(getattr(bench.standin, name, None))] == []
