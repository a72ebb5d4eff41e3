"""Reading Jira issues back, by both ways to sign in: many at once, moved, deleted, hidden, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.base import ReadsStatus
from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.jira import PROVIDER
from providers.jira.client import JiraClient
from providers.oauth import MissingScope
from standins.jira import JiraStandin
from standins.jira_oauth import SECOND_CLOUD_ID
from tests.providers.jira_bench import draft
from tests.providers.jira_sync_bench import WAYS, SyncBench, opened
from tests.standins.caller import DANA

BULK = "POST /rest/api/3/issue/bulkfetch"
PERMISSIONS = "/rest/api/3/mypermissions"


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


def made(bench: SyncBench, count: int) -> list[str]:
    """Ids of so many new tickets."""
    client = bench.client()
    ids = [client.create_ticket(draft(marker=f"pp-{number}")).external_id for number in range(count)]
    bench.exchanges.clear()
    bench.ledger.rows.clear()
    return ids


# -- many at once --------------------------------------------------------------------------------------------------


def test_the_provider_reads_a_hundred_tickets_with_one_call() -> None:
    assert PROVIDER.can(ReadsStatus)
    assert JiraClient.batch_size == 100


def test_many_tickets_are_read_with_one_call(bench: SyncBench, client: JiraClient) -> None:
    ids = made(bench, 100)
    assert bench.calls(lambda: client.read_tickets(ids)) == ["POST issue/bulkfetch"]
    found = client.read_tickets(list(reversed(ids)))
    assert sorted(found) == sorted(ids)
    assert all(status.external_id == asked for asked, status in found.items())


def test_each_ticket_tells_all_that_keeping_in_step_needs(bench: SyncBench, client: JiraClient) -> None:
    first, second = made(bench, 2)
    bench.jira.set_status("OPS-1", "In Progress")
    client.assign_ticket(second, DANA)
    bench.jira.issues["OPS-1"].assignee = None
    found = client.read_tickets([first, second])
    told = found[first]
    assert (told.status, told.category, told.assignee_id, told.assignee_name) == ("In Progress", "active", "", "")
    assert (told.external_key, told.url, told.summary) == ("OPS-1", f"{bench.url}/browse/OPS-1", "Disk almost full")
    assert (found[second].assignee_id, found[second].assignee_name) == (DANA, "Dana Reyes")
    assert (found[second].status, found[second].category) == ("To Do", "new")


def test_only_what_is_shown_is_asked_for(bench: SyncBench, client: JiraClient) -> None:
    client.read_tickets(made(bench, 1))
    assert bench.jira.calls[-1].body["fields"] == ["summary", "status", "assignee"]


def test_status_names_of_the_site_are_mapped_by_their_category(bench: SyncBench, client: JiraClient) -> None:
    (ticket,) = made(bench, 1)
    for category, ours in (("new", "new"), ("indeterminate", "active"), ("done", "done"), ("undefined", "new")):
        bench.jira.set_status("OPS-1", "Wartet auf Kunde", category)
        told = client.read_tickets([ticket])[ticket]
        assert (told.status, told.category) == ("Wartet auf Kunde", ours)


def test_a_moved_ticket_stands_under_the_id_asked_for(bench: SyncBench, client: JiraClient) -> None:
    first, second = made(bench, 2)
    key = bench.jira.move_issue("OPS-1", "WEB")
    found = client.read_tickets([first, second])
    assert (found[first].external_key, found[first].url) == (key, f"{bench.url}/browse/{key}")
    assert found[second].external_key == "OPS-2"
    assert client.read_ticket(first) == found[first]
    assert client.read_ticket("OPS-1").external_key == key


def test_tickets_that_are_gone_or_hidden_are_missing(bench: SyncBench, client: JiraClient) -> None:
    first, second, third = made(bench, 3)
    bench.jira.delete_issue("OPS-1")
    bench.jira.hide_issue("OPS-2")
    assert list(client.read_tickets([first, second, third, "999999"])) == [third]
    assert client.read_tickets([first]) == {}


def test_a_ticket_that_could_not_be_fetched_this_time_is_missing_and_not_gone(
    bench: SyncBench, client: JiraClient
) -> None:
    first, second = made(bench, 2)
    bench.jira.set(unfetchable={first})
    assert list(client.read_tickets([first, second])) == [second]
    assert client.read_ticket(first).external_id == first


def test_the_right_to_read_is_enough(bench: SyncBench) -> None:
    (ticket,) = made(bench, 1)
    client = bench.app_client("read:jira-work read:jira-user")
    assert list(client.read_tickets([ticket])) == [ticket]
    with pytest.raises(MissingScope, match="lacks a scope"):
        client.add_comment(ticket, "x", "pp-1")


def test_asking_for_nothing_makes_no_call(bench: SyncBench, client: JiraClient) -> None:
    assert bench.calls(lambda: client.read_tickets([])) == []
    assert client.read_tickets([]) == {}


def test_asking_twice_for_one_ticket_gives_it_once(bench: SyncBench, client: JiraClient) -> None:
    (ticket,) = made(bench, 1)
    assert list(client.read_tickets([ticket, ticket])) == [ticket]


def test_more_than_the_vendor_takes_is_refused_by_it(bench: SyncBench, client: JiraClient) -> None:
    with pytest.raises(InvalidInput, match="refused the values"):
        client.read_tickets([str(number) for number in range(101)])


# -- gone, or out of sight -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["delete_issue", "hide_issue"])
def test_one_ticket_that_is_gone_or_hidden_is_not_found(bench: SyncBench, client: JiraClient, gone: str) -> None:
    (ticket,) = made(bench, 1)
    getattr(bench.jira, gone)("OPS-1")
    first = len(bench.jira.calls)
    with pytest.raises(NotFound):
        client.read_ticket(ticket)
    assert bench.calls_since(first) == [f"GET issue/{ticket}", "GET mypermissions"]


def test_a_ticket_is_not_gone_when_the_account_sees_nothing_any_more(bench: SyncBench, client: JiraClient) -> None:
    (ticket,) = made(bench, 1)
    bench.jira.deny("BROWSE_PROJECTS")
    assert client.read_tickets([ticket]) == {}
    with pytest.raises(NotAllowed, match="may not see any project") as caught:
        client.read_ticket(ticket)
    assert caught.value.missing == ("Browse projects",)
    assert (caught.value.vendor_status, caught.value.attempt_id) == (404, 2)
    assert "administrator" in caught.value.next_step


def test_a_ticket_is_not_gone_when_the_site_is(bench: SyncBench) -> None:
    (ticket,) = made(bench, 1)
    client = bench.app_client(cloud=SECOND_CLOUD_ID)
    for act in (lambda: client.read_ticket(ticket), lambda: client.read_tickets([ticket])):
        with pytest.raises(NotAllowed, match="does not cover this Jira site"):
            act()


def test_a_ticket_is_not_gone_when_another_web_server_answers(bench: SyncBench) -> None:
    (ticket,) = made(bench, 1)
    client = bench.client()
    bench.jira.fail_next(404, times=None, body="<html>gone</html>")
    for act in (lambda: client.read_ticket(ticket), lambda: client.read_tickets([ticket])):
        with pytest.raises(Unreachable, match="does not answer like Jira Cloud"):
            act()
    bench.exchanges.clear()  # pages nobody describes


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Unreachable), (401, AuthenticationFailed)])
def test_a_ticket_is_not_gone_while_that_cannot_be_asked(
    bench: SyncBench, status: int, kind: type[ProviderError]
) -> None:
    bench.jira.fail_next(status, times=None, route=PERMISSIONS)
    with pytest.raises(kind):
        bench.client().read_ticket("10999")


@pytest.mark.parametrize("odd", [{}, [], {"permissions": []}, {"permissions": {"BROWSE_PROJECTS": 7}}, "7"])
def test_what_cannot_be_told_is_not_found(bench: SyncBench, odd: Any) -> None:
    body = odd if odd != "7" else {"permissions": {"BROWSE_PROJECTS": {"havePermission": "no"}}}
    bench.jira.fail_next(200, route=PERMISSIONS, body=body)
    with pytest.raises(NotFound):
        bench.client().read_ticket("10999")
    bench.exchanges.clear()  # bodies nobody describes


def test_refused_credentials_are_not_taken_for_tickets_that_are_gone(bench: SyncBench) -> None:
    (ticket,) = made(bench, 1)
    client = bench.client(token="wrong")
    for act in (lambda: client.read_ticket(ticket), lambda: client.read_tickets([ticket])):
        with pytest.raises(AuthenticationFailed):
            act()
    assert bench.ledger.rows[-1]["outcome"] == "refused"


# -- refusals ------------------------------------------------------------------------------------------------------


def test_the_wait_a_busy_vendor_asks_for_is_told(bench: SyncBench, client: JiraClient) -> None:
    tickets = made(bench, 1)
    bench.jira.rate_limit(1, 37)
    with pytest.raises(RateLimited) as caught:
        client.read_tickets(tickets)
    assert caught.value.retry_after == 37
    bench.jira.rate_limit(1, None)
    with pytest.raises(RateLimited) as caught:
        client.read_tickets(tickets)
    assert caught.value.retry_after is None
    assert list(client.read_tickets(tickets)) == tickets


def test_a_token_that_ended_is_renewed_once_and_the_call_repeated(bench: SyncBench) -> None:
    tickets = made(bench, 1)
    client = bench.app_client(renew=True)
    bench.jira.end_access_tokens()
    assert list(client.read_tickets(tickets)) == tickets


@pytest.mark.parametrize(
    "body",
    [[], {}, {"issues": None}, {"issues": {}}, {"issues": [7]}, {"issues": [{}]}, {"issues": [{"id": "1"}]},
     {"issues": [{"id": "1", "key": "OPS-1", "fields": {"status": None}}]},
     {"issues": [{"id": "1", "key": "OPS-1", "fields": {"status": {"name": "x", "statusCategory": 7}}}]}],
)  # fmt: skip
def test_an_answer_that_is_no_list_of_issues_is_not_taken_for_one(bench: SyncBench, body: Any) -> None:
    bench.jira.fail_next(200, route=BULK, body=body)
    with pytest.raises(UnexpectedAnswer) as caught:
        bench.client().read_tickets(["1"])
    assert caught.value.attempt_id == 1
    assert bench.ledger.rows[-1]["outcome"] == "bad_answer"
    bench.exchanges.clear()  # bodies nobody describes


def test_issues_nobody_asked_for_are_left_out(bench: SyncBench) -> None:
    status = {"name": "x", "statusCategory": {"key": "done"}}
    issue = {"id": "77", "key": "OPS-1", "fields": {"status": status}}
    bench.jira.fail_next(200, route=BULK, body={"issues": [issue]})
    assert bench.client().read_tickets(["1"]) == {}
    bench.exchanges.clear()  # a body Jira would not send
