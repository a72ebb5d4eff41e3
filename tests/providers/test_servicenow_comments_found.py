"""Work notes in ServiceNow are found again by the line of their marker, and hidden ones are not taken for absent."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from providers.errors import NotAllowed, Unreachable
from providers.servicenow.comments import carries
from standins.servicenow import ServiceNowStandin
from tests.providers.servicenow import Bench, draft, fresh

NOTE = "ppc-abcdefghijklmnopqrstuvwxyz"
JOURNAL = "GET table/sys_journal_field"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[ServiceNowStandin, str]]:
    """One sandbox for this file."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield standin, server.url


@pytest.fixture
def bench(shared: tuple[ServiceNowStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox."""
    with fresh(shared) as found:
        yield found


@pytest.fixture
def ticket(bench: Bench) -> str:
    """External id of an incident, INC0010001."""
    return bench.client().create_ticket(draft()).external_id


def test_a_note_is_found_with_one_call_in_the_record_itself(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", NOTE)
    assert bench.calls(lambda: bench.client().has_comment(ticket, NOTE)) == [f"GET table/incident/{ticket}"]
    parameters = parse_qs(bench.servicenow.calls[-1].query)
    assert parameters["sysparm_fields"] == ["sys_id,work_notes"]
    assert parameters["sysparm_display_value"] == ["all"]


def test_before_a_no_the_journal_is_asked_with_a_limit(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", "ppc-other")
    found = bench.calls(lambda: bench.client().has_comment(ticket, NOTE))
    assert found == [f"GET table/incident/{ticket}", JOURNAL]
    parameters = parse_qs(bench.servicenow.calls[-1].query)
    assert parameters["sysparm_query"] == [f"element_id={ticket}^element=work_notes^valueLIKE{NOTE}"]
    assert parameters["sysparm_limit"] == ["20"]
    assert not bench.client().has_comment(ticket, NOTE)


def test_among_many_notes_each_is_found(bench: Bench, ticket: str) -> None:
    bench.servicenow.set(journal_open=True)
    for number in range(30):
        bench.client().add_comment(ticket, "Hello", f"ppc-{number}")
    assert bench.client().has_comment(ticket, "ppc-0")
    assert bench.client().has_comment(ticket, "ppc-29")
    assert not bench.client().has_comment(ticket, "ppc-30")
    assert not bench.client().has_comment(ticket, "ppc-")


def test_a_quoted_marker_is_not_the_note(bench: Bench, ticket: str) -> None:
    bench.servicenow.set(journal_open=True)
    bench.servicenow.add_note("INC0010001", f"> Reference: {NOTE}\nSaid Dana: Reference: {NOTE} is what?")
    assert not bench.client().has_comment(ticket, NOTE)


def test_a_customers_comment_is_not_our_note(bench: Bench, ticket: str) -> None:
    bench.servicenow.add_note("INC0010001", f"Hello\n\nReference: {NOTE}", "comments")
    assert not bench.client().has_comment(ticket, NOTE)


def test_a_note_of_another_record_is_not_this_ones(bench: Bench, ticket: str) -> None:
    other = bench.client().create_ticket(draft(marker="pp-2")).external_id
    bench.client().add_comment(other, "Hello", NOTE)
    bench.servicenow.set(journal_open=True)
    assert not bench.client().has_comment(ticket, NOTE)
    bench.servicenow.set(ignored_terms=["element_id"])
    assert not bench.client().has_comment(ticket, NOTE)


def test_hidden_work_notes_are_found_in_an_open_journal(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", NOTE)
    bench.servicenow.set(journal_open=True, unread_fields=["incident.work_notes"])
    assert bench.client().has_comment(ticket, NOTE)


@pytest.mark.parametrize("journal", ["rows hidden", "refused", "open"])
def test_an_account_that_sees_no_notes_is_told_and_not_taken_for_a_no(bench: Bench, ticket: str, journal: str) -> None:
    if journal != "open":
        bench.client().add_comment(ticket, "Hello", NOTE)
    bench.servicenow.set(unread_fields=["incident.work_notes"], journal_open=journal == "open")
    if journal == "refused":
        bench.servicenow.set(refuse_reads=["sys_journal_field"])
    with pytest.raises(NotAllowed) as caught:
        bench.client().has_comment(ticket, NOTE)
    assert caught.value.missing == ("read incident.work_notes",)


def test_a_closed_journal_leaves_the_decision_to_the_field(bench: Bench, ticket: str) -> None:
    bench.servicenow.set(refuse_reads=["sys_journal_field"])
    assert not bench.client().has_comment(ticket, NOTE)


def test_notes_the_journal_counts_and_nobody_shows_prove_nothing(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", NOTE)
    bench.servicenow.set(show_journals=False)
    with pytest.raises(NotAllowed):
        bench.client().has_comment(ticket, NOTE)


def test_an_error_while_looking_is_no_answer(bench: Bench, ticket: str) -> None:
    bench.servicenow.error_with_200("GET /api/now/table/sys_journal_field", times=None)
    with pytest.raises(Unreachable):
        bench.client().has_comment(ticket, NOTE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Reference: {NOTE}", True),
        (f"x\r\nReference: {NOTE}\r\n\r\ny", True),
        (f"  Reference: {NOTE}  ", True),
        (f"Reference: {NOTE}x", False),
        (f"xReference: {NOTE}", False),
        (NOTE, False),
        ("", False),
    ],
)
def test_only_a_line_of_its_own_counts(text: str, found: bool) -> None:
    assert carries(text, NOTE) is found
    assert not carries(text, "")
