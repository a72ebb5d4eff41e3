"""Comments on Jira issues, by both ways to sign in: one call, the marker in the last line, found again by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from providers.base import TakesComments
from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
)
from providers.jira import PROVIDER
from providers.jira.client import JiraClient
from standins import jira_adf
from standins.jira import JiraStandin
from tests.providers.jira_bench import MARKER, draft
from tests.providers.jira_sync_bench import WAYS, SyncBench, opened
from tests.standins.caller import document

ADD = "POST /rest/api/3/issue/*/comment"
TEXT = "Closed by Alex Morgan.\n\nSee https://patchpanel.example/incidents/7."


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


@pytest.fixture
def ticket(bench: SyncBench) -> str:
    """Id of the one ticket."""
    return bench.client().create_ticket(draft()).external_id


def comments(bench: SyncBench) -> list[str]:
    """What people read below the ticket."""
    return [jira_adf.text(comment["body"]) for comment in bench.jira.issues["OPS-1"].comments]


# -- saying --------------------------------------------------------------------------------------------------------


def test_a_comment_is_one_call_with_the_marker_in_its_last_line(
    bench: SyncBench, client: JiraClient, ticket: str
) -> None:
    assert PROVIDER.can(TakesComments)
    calls = bench.calls(lambda: client.add_comment(ticket, TEXT, MARKER))
    assert calls == [f"POST issue/{ticket}/comment"]
    assert comments(bench) == [f"{TEXT}\n\nReference: {MARKER}"]
    assert client.has_comment(ticket, MARKER)


def test_a_comment_on_a_service_request_stays_inside(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    client.add_comment(ticket, TEXT, MARKER)
    sent = [call.body for call in bench.jira.calls if call.path.endswith("/comment")]
    assert [body["properties"] for body in sent] == [[{"key": "sd.public.comment", "value": {"internal": True}}]]


def test_a_text_is_said_as_it_is(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    text = "<b>x</b> *bold* {code} [~admin] h1. \\ \" ' & Ünï 🙂\r\n\n| a |\thttps://x.example/?a=1&b=<2>"
    client.add_comment(ticket, text, MARKER)
    assert comments(bench) == [text.replace("\r\n", "\n") + f"\n\nReference: {MARKER}"]
    nodes = str(bench.jira.issues["OPS-1"].comments[0]["body"])
    assert "{'href': 'https://x.example/?a=1&b='}" in nodes


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", " "])
def test_an_empty_text_still_makes_a_document(bench: SyncBench, client: JiraClient, ticket: str, text: str) -> None:
    client.add_comment(ticket, text, MARKER)
    assert comments(bench)[0].endswith(f"Reference: {MARKER}")


@pytest.mark.parametrize("filler", ["x", "x" * 99 + "\n", "x" * 98 + "\r\n"])
def test_a_text_that_is_too_long_loses_its_end_and_never_the_marker(bench: SyncBench, ticket: str, filler: str) -> None:
    client = bench.client()
    client.add_comment(ticket, (filler * 40_000)[:40_000], MARKER)
    (said,) = comments(bench)
    assert len(said) == jira_adf.MAX_LENGTH
    assert said.endswith(f"\n\nReference: {MARKER}")
    assert client.has_comment(ticket, MARKER)


def test_a_description_that_is_too_long_keeps_the_way_back_and_the_marker(bench: SyncBench) -> None:
    bench.client().create_ticket(draft(description="x" * 40_000))
    text = bench.jira.issues["OPS-1"].description_text
    assert len(text) == jira_adf.MAX_LENGTH
    assert text.endswith(f"INC-7: http://patchpanel.example/incidents/7\nReference: {MARKER}")


# -- never twice ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_refused_comment_is_not_repeated(bench: SyncBench, client: JiraClient, ticket: str, status: int) -> None:
    bench.jira.fail_next(status, times=1, route=ADD, headers={"Retry-After": "0"})
    first = len(bench.jira.calls)
    with pytest.raises(ProviderError) as caught:
        client.add_comment(ticket, TEXT, MARKER)
    assert (caught.value.sent, len(bench.jira.calls) - first, comments(bench)) == (True, 1, [])
    assert isinstance(caught.value, RateLimited) == (status == 429)


@pytest.mark.parametrize("after", [False, True])
def test_a_comment_without_an_answer_is_sent_once_and_told_by_its_marker(
    bench: SyncBench, client: JiraClient, ticket: str, after: bool
) -> None:
    bench.jira.hang(0.05, route=ADD, after=after)
    first = len(bench.jira.calls)
    with pytest.raises(ProviderError) as caught:
        client.add_comment(ticket, TEXT, MARKER)
    assert (caught.value.sent, len(bench.jira.calls) - first) == (True, 1)
    assert client.has_comment(ticket, MARKER) is after


@pytest.mark.parametrize("body", [[], {}, "x", {"id": ""}, {"id": None}])
def test_an_answer_that_names_no_comment_is_not_taken_for_success(bench: SyncBench, ticket: str, body: Any) -> None:
    bench.jira.fail_next(201, route=ADD, body=body)
    with pytest.raises(UnexpectedAnswer):
        bench.client().add_comment(ticket, TEXT, MARKER)
    bench.exchanges.clear()  # bodies nobody describes


def test_a_token_that_ended_is_renewed_and_the_comment_said_once(bench: SyncBench, ticket: str) -> None:
    client = bench.app_client(renew=True)
    bench.jira.end_access_tokens()
    client.add_comment(ticket, TEXT, MARKER)
    assert len(comments(bench)) == 1


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["delete_issue", "hide_issue"])
def test_nothing_is_said_in_a_ticket_that_is_gone(bench: SyncBench, client: JiraClient, ticket: str, gone: str) -> None:
    getattr(bench.jira, gone)("OPS-1")
    for act in (lambda: client.add_comment(ticket, TEXT, MARKER), lambda: client.has_comment(ticket, MARKER)):
        with pytest.raises(NotFound):
            act()


def test_a_moved_ticket_is_commented_on_by_its_id(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    key = bench.jira.move_issue("OPS-1", "WEB")
    client.add_comment(ticket, TEXT, MARKER)
    assert len(bench.jira.issues[key].comments) == 1
    assert client.has_comment(ticket, MARKER)


def test_a_missing_permission_is_told_from_a_bad_comment(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    bench.jira.deny("ADD_COMMENTS")
    with pytest.raises(NotAllowed, match="may not comment") as caught:
        client.add_comment(ticket, TEXT, MARKER)
    assert caught.value.missing == ("Add comments",)
    assert caught.value.vendor_status == 400
    bench.jira.fail_next(500, times=None, route="/rest/api/3/mypermissions")
    with pytest.raises(InvalidInput):
        client.add_comment(ticket, TEXT, MARKER)
    bench.jira.allow("ADD_COMMENTS")
    bench.jira.faults.clear()
    bench.jira.fail_next(400, route=ADD, body={"errorMessages": ["INVALID_INPUT"], "errors": {}})
    with pytest.raises(InvalidInput) as refused:
        client.add_comment(ticket, TEXT, MARKER)
    assert refused.value.vendor_message == "INVALID_INPUT"


def test_a_ticket_with_as_many_comments_as_it_may_have_says_so(
    bench: SyncBench, client: JiraClient, ticket: str
) -> None:
    bench.jira.set(comment_limit=1)
    client.add_comment(ticket, TEXT, MARKER)
    with pytest.raises(InvalidInput, match="as many comments") as caught:
        client.add_comment(ticket, TEXT, "pp-2")
    assert caught.value.vendor_status == 413
    assert caught.value.attempt_id


def test_refused_credentials_are_told_when_commenting(bench: SyncBench, ticket: str) -> None:
    client = bench.client(token="wrong")
    for act in (lambda: client.add_comment(ticket, TEXT, MARKER), lambda: client.has_comment(ticket, MARKER)):
        with pytest.raises(AuthenticationFailed):
            act()
    assert comments(bench) == []


# -- finding again -------------------------------------------------------------------------------------------------


def test_other_comments_are_not_taken_for_ours(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    assert not client.has_comment(ticket, MARKER)
    client.add_comment(ticket, TEXT, MARKER + "x")
    client.add_comment(ticket, TEXT, "x" + MARKER)
    client.add_comment(ticket, TEXT, f"{MARKER}-2")
    bench.jira.say("OPS-1", MARKER[:-1])
    assert not client.has_comment(ticket, MARKER)
    bench.jira.say("OPS-1", f"“{MARKER}”, says Dana.")
    assert client.has_comment(ticket, MARKER)


def test_a_comment_on_another_ticket_is_not_ours(bench: SyncBench, client: JiraClient, ticket: str) -> None:
    other = client.create_ticket(draft(marker="pp-other")).external_id
    client.add_comment(other, TEXT, MARKER)
    assert not client.has_comment(ticket, MARKER)


@pytest.mark.parametrize(("later", "calls"), [(0, 1), (49, 1), (50, 2), (130, 3)])
def test_a_comment_is_found_behind_newer_ones(
    bench: SyncBench, client: JiraClient, ticket: str, later: int, calls: int
) -> None:
    client.add_comment(ticket, TEXT, MARKER)
    for number in range(later):
        bench.jira.say("OPS-1", f"Later {number}")
    assert len(bench.calls(lambda: client.has_comment(ticket, MARKER))) == calls
    assert client.has_comment(ticket, MARKER)
    assert not client.has_comment(ticket, "pp-nothing")


@pytest.mark.parametrize(
    "body",
    [None, "text", 7, [], {"type": "doc"}, {"type": "doc", "content": 7}, {"type": "doc", "content": [None, 7, "x"]},
     {"type": "text", "text": None}, document("")],
)  # fmt: skip
def test_comments_of_an_odd_form_are_passed_over(bench: SyncBench, ticket: str, body: Any) -> None:
    page = {"startAt": 0, "maxResults": 50, "total": 2, "comments": [{"id": "1", "body": body}, {"id": "2"}]}
    bench.jira.fail_next(200, route="GET /rest/api/3/issue/*/comment", body=page)
    assert not bench.client().has_comment(ticket, MARKER)
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize("body", [[], {}, {"comments": None}, {"comments": [7]}, {"comments": "x"}])
def test_an_answer_that_is_no_list_of_comments_is_not_taken_for_one(bench: SyncBench, ticket: str, body: Any) -> None:
    bench.jira.fail_next(200, route="GET /rest/api/3/issue/*/comment", body=body)
    with pytest.raises(UnexpectedAnswer):
        bench.client().has_comment(ticket, MARKER)
    bench.exchanges.clear()  # bodies nobody describes


def test_a_line_broken_inside_a_paragraph_does_not_hide_the_marker(bench: SyncBench, ticket: str) -> None:
    inline = [{"type": "text", "text": "said"}, {"type": "hardBreak"}, {"type": "text", "text": MARKER}]
    body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": inline}]}
    bench.jira.say("OPS-1", body)
    assert bench.client().has_comment(ticket, MARKER)
