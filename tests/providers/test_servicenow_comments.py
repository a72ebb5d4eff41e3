"""Work notes in ServiceNow: written with one call that is never repeated, and not believed unless shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

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
from providers.servicenow.comments import note
from providers.servicenow.tokens import slots
from standins.servicenow import ServiceNowStandin
from tests.providers.servicenow import METHODS, TOKEN, Bench, draft, fresh

NOTE = "ppc-abcdefghijklmnopqrstuvwxyz"
NOTES = "PATCH /api/now/table/*"


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


# -- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_comment_is_one_call_and_becomes_a_work_note(bench: Bench, ticket: str, method: str) -> None:
    made = bench.calls(lambda: bench.client(method).add_comment(ticket, "Dana: the disk is full again.", NOTE))
    assert made == [*([TOKEN] if method != "api_key" else []), f"PATCH table/incident/{ticket}"]
    assert bench.notes() == [f"Dana: the disk is full again.\n\nReference: {NOTE}"]
    assert bench.client(method).has_comment(ticket, NOTE)


@pytest.mark.parametrize("table", ["change_request", "problem", "sc_task", "u_facilities_request"])
def test_each_table_takes_comments(bench: Bench, table: str) -> None:
    made = bench.client().create_ticket(draft(destination={"table": table}))
    bench.client().add_comment(made.external_id, "Hello", NOTE)
    assert len(bench.notes(made.external_key)) == 1
    assert bench.client().has_comment(made.external_id, NOTE)


def test_the_customer_sees_nothing_of_it(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", NOTE)
    assert [each["element"] for each in bench.servicenow.notes("INC0010001")] == ["work_notes"]
    assert set(bench.servicenow.calls[-1].body) == {"work_notes"}


def test_nothing_else_of_the_record_changes(bench: Bench, ticket: str) -> None:
    before = bench.only()
    bench.client().add_comment(ticket, "Hello", NOTE)
    after = bench.only()
    assert {name for name in after if after[name] != before.get(name)} <= {"sys_updated_on", "sys_mod_count"}


def test_long_texts_are_cut_before_the_marker(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "x" * 9000, NOTE)
    (text,) = bench.notes()
    assert len(text) == 4000
    assert text.endswith(f"…\n\nReference: {NOTE}")
    assert bench.client().has_comment(ticket, NOTE)


@pytest.mark.parametrize(
    "text", ["", "  ", "a\nb\n\nc", "a\r\nb", "<b>bold</b> & “quotes”", "^ORactive=true", "javascript:gs.log(1)", "🙂"]
)
def test_texts_travel_as_they_are(bench: Bench, ticket: str, text: str) -> None:
    bench.client().add_comment(ticket, text, NOTE)
    assert bench.notes() == [f"{text.strip()}\n\nReference: {NOTE}".strip()]
    assert bench.client().has_comment(ticket, NOTE)


@pytest.mark.parametrize("tag", ["[code]", "[CODE]", "[Code]"])
def test_no_text_becomes_html(tag: str) -> None:
    sent = note(f"{tag}<script>alert(1)</script>{tag.replace('[', '[/')} and [codes] stay", NOTE)
    assert "[code]" not in sent.lower()
    assert "[/code]" not in sent.lower()
    assert "<script>alert(1)</script>" in sent
    assert "[codes] stay" in sent


def test_taking_brackets_out_makes_no_new_tag() -> None:
    assert "[code]" not in note("[co[code]de][[code]code]", NOTE)


# -- never twice ---------------------------------------------------------------------------------------------------


UNCLEAR: dict[str, Callable[[ServiceNowStandin], Any]] = {
    "502": lambda standin: standin.fail_next(502, route=NOTES),
    "503": lambda standin: standin.fail_next(503, route=NOTES, headers={"Retry-After": "0"}),
    "499": lambda standin: standin.fail_next(499, route=NOTES),
    "web page": lambda standin: standin.html_instead(NOTES),
    "error with 200": lambda standin: standin.error_with_200(NOTES),
    "too late": lambda standin: standin.hold(route=NOTES, after=True),
    "cut before": lambda standin: standin.hang(0, route=NOTES),
    "cut after": lambda standin: standin.hang(0, route=NOTES, after=True),
}


@pytest.mark.parametrize("method", ["api_key", "password"])
@pytest.mark.parametrize("kind", UNCLEAR)
def test_an_unclear_comment_is_sent_once_and_looked_for(bench: Bench, ticket: str, method: str, kind: str) -> None:
    bench.client(method).check()
    client = bench.client(method, deadline=0.7 if kind == "too late" else 5.0)
    UNCLEAR[kind](bench.servicenow)
    first = len(bench.servicenow.calls)
    with pytest.raises((Unreachable, UnexpectedAnswer)) as caught:
        client.add_comment(ticket, "Hello", NOTE)
    assert caught.value.sent
    assert caught.value.vendor_status is None or not 400 <= caught.value.vendor_status < 500
    bench.servicenow.release()
    assert [call.method for call in bench.servicenow.calls[first:]] == ["PATCH"]
    assert bench.client(method).has_comment(ticket, NOTE) == bool(bench.notes())
    assert bool(bench.notes()) == (kind in ("too late", "cut after"))


def test_a_limit_means_not_taken(bench: Bench, ticket: str) -> None:
    bench.servicenow.rate_limit(retry_after=0, route=NOTES)
    with pytest.raises(RateLimited):
        bench.client().add_comment(ticket, "Hello", NOTE)
    assert bench.notes() == []
    assert not bench.client().has_comment(ticket, NOTE)


def test_a_token_refused_by_servicenow_is_replaced_before_the_comment_is_sent_again(bench: Bench, ticket: str) -> None:
    bench.client("password").check()
    bench.servicenow.revoke_tokens()
    made = bench.calls(lambda: bench.client("password").add_comment(ticket, "Hello", NOTE))
    assert made == [f"PATCH table/incident/{ticket}", TOKEN, f"PATCH table/incident/{ticket}"]
    assert len(bench.notes()) == 1


def test_a_401_of_somebody_else_never_repeats_a_comment(bench: Bench, ticket: str) -> None:
    bench.client("password").check()
    bench.servicenow.html_instead(NOTES, status=401)
    first = len(bench.servicenow.calls)
    with pytest.raises(AuthenticationFailed):
        bench.client("password").add_comment(ticket, "Hello", NOTE)
    assert [call.method for call in bench.servicenow.calls[first:]] == ["PATCH"]


def test_a_failed_sign_in_means_the_comment_was_never_sent(bench: Bench, ticket: str) -> None:
    bench.client("password").check()
    (slot,) = [slot for slot in slots._slots.values() if slot.token]
    slot.token = None
    bench.servicenow.fail_next(500, times=None, route="/oauth_token.do")
    with pytest.raises(ProviderError) as caught:
        bench.client("password").add_comment(ticket, "Hello", NOTE)
    assert not caught.value.sent


# -- what ServiceNow drops or refuses ------------------------------------------------------------------------------


def test_a_note_dropped_without_a_word_is_told(bench: Bench, ticket: str) -> None:
    bench.servicenow.set(ignored_fields=["incident.work_notes"])
    with pytest.raises(UnexpectedAnswer) as caught:
        bench.client().add_comment(ticket, "Hello", NOTE)
    assert (caught.value.sent, caught.value.vendor_status) == (True, 200)
    assert not bench.client().has_comment(ticket, NOTE)


def test_a_note_that_is_not_shown_is_unclear(bench: Bench, ticket: str) -> None:
    bench.servicenow.set(unread_fields=["incident.work_notes"])
    with pytest.raises(UnexpectedAnswer):
        bench.client().add_comment(ticket, "Hello", NOTE)
    assert len(bench.notes()) == 1


def test_another_note_in_the_answer_confirms_nothing(bench: Bench, ticket: str) -> None:
    bench.client().add_comment(ticket, "Hello", "ppc-other")
    bench.servicenow.set(ignored_fields=["incident.work_notes"])
    with pytest.raises(UnexpectedAnswer):
        bench.client().add_comment(ticket, "Hello", NOTE)


@pytest.mark.parametrize("gone", ["delete_record", "hide_record"])
def test_a_record_out_of_sight_takes_no_comments(bench: Bench, ticket: str, gone: str) -> None:
    getattr(bench.servicenow, gone)("INC0010001")
    with pytest.raises(NotFound):
        bench.client().add_comment(ticket, "Hello", NOTE)
    with pytest.raises(NotFound):
        bench.client().has_comment(ticket, NOTE)


def test_no_right_to_write_is_a_definite_refusal(bench: Bench, ticket: str) -> None:
    bench.servicenow.deny("incident.write")
    with pytest.raises(NotAllowed) as caught:
        bench.client().add_comment(ticket, "Hello", NOTE)
    assert (caught.value.missing, caught.value.vendor_status) == (("write incident",), 403)


@pytest.mark.parametrize("external_id", ["../sys_user/x", "a^b/x"])
def test_an_odd_id_makes_no_call(bench: Bench, external_id: str) -> None:
    with pytest.raises(InvalidInput):
        bench.client().add_comment(external_id, "Hello", NOTE)
    assert bench.servicenow.calls == []
