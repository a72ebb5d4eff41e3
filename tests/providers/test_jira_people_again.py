"""Reading known people of a Jira site again, by both ways to sign in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.errors import AuthenticationFailed, NotAllowed, RateLimited, UnexpectedAnswer
from providers.jira.client import JiraClient
from standins.jira import JiraStandin
from standins.jira_oauth import SECOND_CLOUD_ID
from tests.providers.jira_sync_bench import WAYS, SyncBench, opened
from tests.standins.caller import DANA, GRACE, LENA

PRIYA = "5b10ac8d82e05b22cc7d4e02"
BULK = "/rest/api/3/user/bulk"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[JiraStandin, str]]:
    """One sandbox for this file."""
    jira = JiraStandin()
    with jira.serve() as server:
        yield jira, server.url


@pytest.fixture
def bench(sandbox: tuple[JiraStandin, str]) -> Iterator[SyncBench]:
    """A fresh sandbox. What is said in the test is held against the vendor's description."""
    with opened(sandbox) as found:
        yield found


@pytest.fixture(params=WAYS)
def client(request: pytest.FixtureRequest, bench: SyncBench) -> JiraClient:
    """A good client, by each way to sign in."""
    return bench.by(request.param)


def test_fifty_people_are_read_with_one_call(bench: SyncBench, client: JiraClient) -> None:
    ids = [bench.jira.add_person(f"Person {n}", f"p{n}@sandbox.example") for n in range(JiraClient.people_batch_size)]
    assert len(ids) == 50
    assert bench.calls(lambda: client.read_people(ids)) == ["GET user/bulk"]
    found = client.read_people(ids)
    assert sorted(found) == sorted(ids)
    assert all(person.external_id == asked for asked, person in found.items())


def test_a_page_that_is_cut_short_is_followed_by_the_next(bench: SyncBench, client: JiraClient) -> None:
    ids = [bench.jira.add_person(f"Person {n}", f"p{n}@sandbox.example") for n in range(25)]
    bench.jira.set(people_page_limit=10)
    assert bench.calls(lambda: client.read_people(ids)) == ["GET user/bulk"] * 3
    assert sorted(client.read_people(ids)) == sorted(ids)


def test_everybody_comes_back_as_they_are_now(bench: SyncBench, client: JiraClient) -> None:
    bench.jira.rename_person("dana.reyes@sandbox.example", "Dana Reyes-Okoye", "dana.okoye@sandbox.example")
    bench.jira.set_active("grace.okafor@sandbox.example", False)
    found = client.read_people([DANA, PRIYA, LENA, GRACE])
    assert {person.name: person.active for person in found.values()} == {
        "Dana Reyes-Okoye": True,
        "Priya Nair": True,
        "Lena Fischer": False,
        "Grace Okafor": False,
    }
    dana, priya = found[DANA], found[PRIYA]
    assert (dana.email, dana.username, dana.email_hidden) == ("dana.okoye@sandbox.example",) * 2 + (False,)
    assert (priya.email, priya.username, priya.email_hidden) == ("", "", True)


def test_people_who_are_gone_are_missing(bench: SyncBench, client: JiraClient) -> None:
    bench.jira.remove_person("dana.reyes@sandbox.example")
    assert list(client.read_people([DANA, LENA, "no-such-account"])) == [LENA]
    assert client.read_people([DANA]) == {}


def test_asking_for_nobody_makes_no_call(bench: SyncBench, client: JiraClient) -> None:
    assert bench.calls(lambda: client.read_people([])) == []


def test_ids_are_asked_for_as_they_are(bench: SyncBench, client: JiraClient) -> None:
    odd = "557058:f58131cb-b67d-43c7"
    assert client.read_people([odd, "a&accountId=" + LENA, "x#y?z", odd])[odd].name == "Automation for Jira"
    assert list(client.read_people(["a&accountId=" + LENA])) == []


def test_the_right_to_search_people_is_not_needed(bench: SyncBench, client: JiraClient) -> None:
    bench.jira.set(deny_user_search=True)
    assert list(client.read_people([DANA])) == [DANA]


def test_refused_credentials_are_not_taken_for_people_who_are_gone(bench: SyncBench) -> None:
    with pytest.raises(AuthenticationFailed):
        bench.client(token="wrong").read_people([DANA])


def test_a_site_that_is_gone_is_not_taken_for_people_who_are_gone(bench: SyncBench) -> None:
    with pytest.raises(NotAllowed, match="does not cover this Jira site"):
        bench.app_client(cloud=SECOND_CLOUD_ID).read_people([DANA])


def test_the_wait_a_busy_vendor_asks_for_is_told(bench: SyncBench, client: JiraClient) -> None:
    bench.jira.rate_limit(1, 90, route=BULK)
    with pytest.raises(RateLimited) as caught:
        client.read_people([DANA])
    assert caught.value.retry_after == 90


@pytest.mark.parametrize(
    "body", [[], {}, {"values": None}, {"values": [7]}, {"values": [{}]}, {"values": [{"accountId": 7}]}]
)
def test_an_answer_that_is_no_list_of_people_is_not_taken_for_one(bench: SyncBench, body: Any) -> None:
    bench.jira.fail_next(200, route=BULK, body=body)
    with pytest.raises(UnexpectedAnswer):
        bench.client().read_people([DANA])
    bench.exchanges.clear()  # bodies nobody describes
