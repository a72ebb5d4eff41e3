"""Tickets of the Jira client against the sandbox Jira: creating, finding again, reading, and every kind of refusal."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from providers.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from tests.providers.jira_bench import CREATE, MARKER, OPS, Bench, draft, opened
from tests.standins.caller import DANA, GRACE, LENA


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[JiraStandin, str]]:
    """One sandbox for this file."""
    jira = JiraStandin()
    with jira.serve() as server:
        yield jira, server.url


@pytest.fixture
def bench(sandbox: tuple[JiraStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox. What is said in the test is held against the vendor's description."""
    with opened(sandbox) as found:
        yield found


# -- tickets -------------------------------------------------------------------------------------------------------


def test_each_use_makes_as_few_calls_as_it_can(bench: Bench) -> None:
    client = bench.client()
    assert bench.calls(lambda: client.create_ticket(draft())) == ["POST issue"]
    assert bench.calls(client.check) == ["GET myself"]
    assert bench.calls(lambda: client.find_people("dana.reyes@sandbox.example")) == ["GET user/search"]
    assert bench.calls(lambda: client.choices("project", {})) == ["GET project/search"]
    assert bench.calls(lambda: client.schema(OPS)) == ["GET issue/createmeta/10000/issuetypes/10001"]
    assert bench.calls(lambda: client.read_ticket("OPS-1")) == ["GET issue/OPS-1"]
    assert bench.calls(lambda: client.find_by_marker(MARKER, OPS)) == ["POST search/jql", "GET issue/10123"]
    assert bench.calls(lambda: client.assign_ticket("10123", DANA)) == ["PUT issue/10123/assignee"]
    bench.jira.set(assignee_not_on_create_screen=True)
    later = draft(assignee_on_create=False, marker="pp-2")
    assert bench.calls(lambda: client.create_ticket(later)) == ["POST issue", "PUT issue/10124/assignee"]


def test_a_created_ticket_carries_marker_assignee_and_the_way_back(bench: Bench) -> None:
    client = bench.client()
    made = client.create_ticket(draft(summary="  Disk \n almost full " + "x" * 300))
    assert (made.external_id, made.external_key, made.assignment_error) == ("10123", "OPS-1", "")
    assert made.url == f"{bench.url}/browse/OPS-1"
    sent = bench.jira.calls[-1].body["fields"]
    assert sent["labels"] == ["patchpanel", MARKER]
    assert (sent["summary"][:16], len(sent["summary"])) == ("Disk almost full", 255)
    text = str(sent["description"])
    assert MARKER in text
    assert "http://patchpanel.example/incidents/7" in text
    now = client.read_ticket("10123")
    assert (now.status, now.category, now.assignee_name) == ("To Do", "new", "Dana Reyes")


@pytest.mark.parametrize(("status", "category"), [("To Do", "new"), ("In Progress", "active"), ("Done", "done")])
def test_status_is_read_by_its_category(bench: Bench, status: str, category: str) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.jira.set_status("OPS-1", status)
    assert (client.read_ticket("OPS-1").status, client.read_ticket("OPS-1").category) == (status, category)
    bench.jira.set_status("OPS-1", "Erledigt", "done")
    assert client.read_ticket("OPS-1").category == "done"


def test_a_moved_ticket_is_known_by_its_old_key_and_its_id(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    key = bench.jira.move_issue("OPS-1", "WEB")
    for reference in ("OPS-1", "10123"):
        moved = client.read_ticket(reference)
        assert (moved.external_id, moved.external_key, moved.url) == ("10123", key, f"{bench.url}/browse/{key}")
    assert [found.external_key for found in client.find_by_marker(MARKER, OPS)] == [key]


@pytest.mark.parametrize("gone", ["delete_issue", "hide_issue"])
def test_a_ticket_out_of_sight_is_not_found(bench: Bench, gone: str) -> None:
    client = bench.client()
    client.create_ticket(draft())
    getattr(bench.jira, gone)("OPS-1")
    with pytest.raises(NotFound):
        client.read_ticket("OPS-1")
    assert client.find_by_marker(MARKER, OPS) == []


def test_a_lagging_and_flickering_index_is_believed_only_when_it_shows_something(bench: Bench) -> None:
    client = bench.client()
    bench.jira.set(index_lag=0.4, index_flicker=4)
    client.create_ticket(draft())
    assert client.find_by_marker(MARKER, OPS) == []
    time.sleep(0.5)
    assert [len(client.find_by_marker(MARKER, OPS)) for _ in range(6)] == [1, 0, 1, 0, 1, 1]


def test_only_tickets_that_carry_the_marker_themselves_are_taken(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    client.create_ticket(draft(marker=MARKER[:-1]))
    copy = bench.jira.copy_issue("OPS-1")
    found = client.find_by_marker(MARKER, OPS)
    assert [status.external_key for status in found] == ["OPS-1", copy]
    assert all(status.marker_found for status in found)
    assert client.find_by_marker('x" OR labels is not EMPTY OR labels = "', OPS) == []


def test_the_marker_is_proven_by_the_description_when_the_label_is_gone(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.jira.issues["OPS-1"].values["labels"] = ["pp-other"]
    assert client._read("OPS-1", MARKER).marker_found
    assert not client._read("OPS-1", "pp-nothing").marker_found


@pytest.mark.parametrize(
    ("text", "reference"),
    [("OPS-45", "OPS-45"), (" ops-45 ", "OPS-45"), ("https://x.atlassian.net/browse/OPS-45?focused=1", "OPS-45"),
     ("https://x.atlassian.net/jira/software/projects/OPS/boards/1?selectedIssue=OPS-9", "OPS-9"),
     ("A1_B-7", "A1_B-7")],
)  # fmt: skip
def test_a_pasted_key_or_link_names_the_ticket(bench: Bench, text: str, reference: str) -> None:
    assert bench.client().ticket_reference(text) == reference


@pytest.mark.parametrize("text", ["", "45", "OPS", "-45", "O-"])
def test_anything_else_is_no_reference(bench: Bench, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().ticket_reference(text)
    assert "reference" in caught.value.field_errors


# -- refusals ------------------------------------------------------------------------------------------------------


def test_a_refused_create_names_the_fields_of_the_dialog(bench: Bench) -> None:
    client = bench.client()
    with pytest.raises(InvalidInput) as caught:
        client.create_ticket(draft(destination={"project": "10000", "issue_type": "10003"}, assignee_id=GRACE))
    assert set(caught.value.field_errors) == {"customfield_10042", "customfield_10043", "integration_user"}
    assert caught.value.field_errors["customfield_10042"] == "Severity is required."
    with pytest.raises(InvalidInput) as caught:
        client.create_ticket(draft(destination={"project": "10000", "issue_type": "999"}))
    assert set(caught.value.field_errors) == {"issue_type"}
    assert bench.jira.issues == {}


def test_created_but_not_assigned_says_why(bench: Bench) -> None:
    bench.jira.set(assignee_not_on_create_screen=True)
    made = bench.client().create_ticket(draft(assignee_on_create=False, assignee_id=LENA))
    assert made.external_key == "OPS-1"
    assert "cannot be assigned" in made.assignment_error


def test_texts_are_english_whatever_the_account_speaks(bench: Bench) -> None:
    bench.jira.set(language="de")
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(destination={"project": "10000", "issue_type": "10003"}))
    assert caught.value.field_errors["customfield_10042"] == "Severity is required."


def test_errors_are_understood_in_another_language_too(bench: Bench) -> None:
    bench.jira.set(language="de", ignore_language_pin=True)
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(destination={"project": "10000", "issue_type": "10003"}))
    assert set(caught.value.field_errors) == {"customfield_10042", "customfield_10043"}
    with pytest.raises(NotFound):
        bench.client().read_ticket("OPS-99")


ERRORS = {400: InvalidInput, 401: AuthenticationFailed, 403: NotAllowed, 404: NotFound, 405: UnexpectedAnswer,
          409: Conflict, 410: UnexpectedAnswer, 415: UnexpectedAnswer, 422: InvalidInput, 429: RateLimited,
          500: Unreachable, 502: Unreachable, 503: Unreachable}  # fmt: skip
BODIES = (None, "<html>x</html>", "plain words", "", [], {}, {"errorMessages": None}, {"errors": "x"}, {"errors": None},
          {"errorMessages": [{"a": 1}], "errors": {"x": ["y"]}}, "7", {"message": 7})  # fmt: skip


@pytest.mark.parametrize("status", ERRORS)
def test_every_error_is_one_of_ours_whatever_the_body(bench: Bench, status: int) -> None:
    for body in BODIES:
        client = bench.client()  # a new one has all its time left: reads of some statuses are repeated after a pause
        acts: tuple[Callable[[], Any], ...] = (
            client.check,
            partial(client.create_ticket, draft()),
            partial(client.find_by_marker, MARKER, OPS),
        )
        for number, act in enumerate(acts):
            bench.jira.fail_next(status, times=None, body=body)
            with pytest.raises(ProviderError) as caught:
                act()
            bench.jira.faults.clear()
            wanted = Unreachable if status == 404 and number == 0 else ERRORS[status]
            assert type(caught.value) is wanted, (body, caught.value)
            assert caught.value.vendor_status == status
            assert caught.value.attempt_id == len(bench.ledger.rows)
            assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, ProviderError)
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize("arm", ["drop_before_create", "drop_after_create", "created_without_key", "fail_after_create"])
def test_a_create_without_a_clear_answer_is_sent_once(bench: Bench, arm: str) -> None:
    getattr(bench.jira, arm)()
    with pytest.raises(ProviderError) as caught:
        bench.client().create_ticket(draft())
    assert caught.value.sent
    assert bench.jira.creates == 1
    bench.exchanges.clear()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_reads_are_repeated_and_creates_are_not(bench: Bench, status: int) -> None:
    client = bench.client()
    retry = {"Retry-After": "0"}
    bench.jira.fail_next(status, times=1, route="/rest/api/3/issue/*", headers=retry)
    with pytest.raises(NotFound):
        client.read_ticket("OPS-1")
    paths = [call.path.removeprefix("/rest/api/3/") for call in bench.jira.calls]
    assert paths == ["issue/OPS-1", "issue/OPS-1", "mypermissions"]
    bench.jira.fail_next(status, times=1, route=CREATE, headers=retry)
    with pytest.raises(ProviderError):
        client.create_ticket(draft())
    assert bench.jira.creates == 1


def test_a_token_the_vendor_gives_back_is_taken_out(bench: Bench) -> None:
    basic = base64.b64encode(f"{ADMIN_EMAIL}:{API_TOKEN}".encode()).decode()
    said = {"errorMessages": [f"Token {API_TOKEN} or {basic}"], "errors": {"summary": f"{API_TOKEN} {basic}"}}
    client = bench.client()
    for status in (400, 401, 403, 500):
        bench.jira.fail_next(status, times=None, body=said)
        with pytest.raises(ProviderError) as caught:
            client.create_ticket(draft())
        bench.jira.faults.clear()
        shown = f"{vars(caught.value)} {caught.value} {bench.ledger.rows}"
        assert API_TOKEN not in shown
        assert basic not in shown
    assert "•••" in str(bench.ledger.rows)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_token_at_the_place_where_a_text_is_cut_is_taken_out_whole(bench: Bench, status: int) -> None:
    for filler in (280, 290, 480, 490, 499):
        bench.jira.fail_next(status, times=None, body="x" * filler + API_TOKEN)
        with pytest.raises(ProviderError) as caught:
            bench.client().create_ticket(draft())
        bench.jira.faults.clear()
        assert API_TOKEN[:8] not in f"{vars(caught.value)} {bench.ledger.rows}"
    bench.exchanges.clear()  # bodies nobody describes
