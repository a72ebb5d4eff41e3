"""One incident, one record: unclear creates in ServiceNow are sent once and found again by their marker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    ProviderError,
    UnexpectedAnswer,
    Unreachable,
)
from providers.servicenow.client import ServiceNowClient
from providers.servicenow.tokens import slots
from standins.servicenow import ServiceNowStandin
from tests.providers.servicenow import CREATE, MARKER, TOKEN, Bench, draft, fresh

INCIDENT = {"table": "incident"}


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


# -- exactly once --------------------------------------------------------------------------------------------------


UNCLEAR: dict[str, Callable[[ServiceNowStandin], Any]] = {
    kind: lambda standin, kind=kind: standin.spoil_create(kind)
    for kind in ("drop_before", "drop_after", "fail_after", "error_after", "queued_after", "no_id")
}
UNCLEAR |= {
    "499": lambda standin: standin.fail_next(499, route="POST /api/now/table/*"),
    "web page": lambda standin: standin.html_instead("POST /api/now/table/*"),
    "error with 200": lambda standin: standin.error_with_200("POST /api/now/table/*"),
    "too late": lambda standin: standin.hold(route="POST /api/now/table/*", after=True),
}


@pytest.mark.parametrize("method", ["api_key", "password"])
@pytest.mark.parametrize("kind", UNCLEAR)
def test_an_unclear_create_is_sent_once_and_found_by_its_marker(bench: Bench, method: str, kind: str) -> None:
    client = bench.client(method, deadline=0.7 if kind == "too late" else 5.0)
    bench.client(method).check()
    UNCLEAR[kind](bench.servicenow)
    with pytest.raises((Unreachable, UnexpectedAnswer)) as caught:
        client.create_ticket(draft())
    # A 4xx status would be read as a definite refusal.
    assert caught.value.sent
    assert caught.value.vendor_status is None or not 400 <= caught.value.vendor_status < 500
    bench.servicenow.release()
    assert bench.servicenow.creates == 1
    found = bench.client(method).find_by_marker(MARKER, INCIDENT)
    assert [status.external_key for status in found] == list(bench.servicenow.records)
    assert bench.servicenow.creates == 1


def test_a_token_refused_by_servicenow_is_replaced_before_the_create_is_sent_again(bench: Bench) -> None:
    bench.client("password").check()
    bench.servicenow.revoke_tokens()
    made = bench.calls(lambda: bench.client("password").create_ticket(draft()))
    assert made == [CREATE, TOKEN, CREATE]
    assert len(bench.servicenow.records) == 1


def test_a_401_of_somebody_else_never_repeats_a_create(bench: Bench) -> None:
    bench.client("password").check()
    bench.servicenow.html_instead("POST /api/now/table/*", status=401)
    with pytest.raises(AuthenticationFailed):
        bench.client("password").create_ticket(draft())
    assert bench.servicenow.creates == 1


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_failed_sign_in_means_the_create_was_never_sent(bench: Bench, status: int) -> None:
    bench.client("password").check()
    (slot,) = slots._slots.values()
    slot.token = None
    bench.servicenow.fail_next(status, times=None, route="/oauth_token.do")
    with pytest.raises(ProviderError) as caught:
        bench.client("password").create_ticket(draft())
    assert not caught.value.sent
    assert bench.servicenow.creates == 0


def test_many_creates_at_once_make_one_record_each(bench: Bench) -> None:
    bench.client("password").check()
    threads = [
        threading.Thread(target=lambda n=n: bench.client("password").create_ticket(draft(marker=f"pp-{n}")))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(r["correlation_id"] for r in bench.servicenow.records.values()) == [f"pp-{n}" for n in range(4)]


# -- finding again -------------------------------------------------------------------------------------------------


def test_a_marker_nobody_carries_is_found_nowhere(bench: Bench) -> None:
    client: ServiceNowClient = bench.client()
    client.create_ticket(draft(marker="pp-other"))
    assert client.find_by_marker(MARKER, INCIDENT) == []


def test_copies_are_found_oldest_first(bench: Bench) -> None:
    client = bench.client()
    made = client.create_ticket(draft())
    bench.servicenow.copy_record(made.external_key)
    found = client.find_by_marker(MARKER, {})
    assert [status.external_key for status in found] == ["INC0010001", "INC0010002"]


@pytest.mark.parametrize("hide", ["term", "record", "field", "table"])
def test_an_answer_that_proves_nothing_is_not_taken_for_absence(bench: Bench, hide: str) -> None:
    client = bench.client()
    client.create_ticket(draft(marker=MARKER if hide != "term" else "pp-other"))
    if hide == "term":
        bench.servicenow.set(ignored_terms=["correlation_id"])
    if hide == "record":
        bench.servicenow.hide_record("INC0010001")
    if hide == "field":
        bench.servicenow.set(hidden_fields=["incident.correlation_id"])
    if hide == "table":
        bench.servicenow.deny("incident.read")
    with pytest.raises((UnexpectedAnswer, NotAllowed)):
        client.find_by_marker(MARKER, INCIDENT)


def test_a_marker_cannot_widen_the_search(bench: Bench) -> None:
    with pytest.raises(InvalidInput):
        bench.client().find_by_marker("x^ORactive=true", INCIDENT)
    assert bench.servicenow.calls == []


# -- reading back --------------------------------------------------------------------------------------------------


STATES = [
    ("incident", "1", "New", "new"), ("incident", "2", "In Progress", "active"), ("incident", "3", "On Hold", "active"),
    ("incident", "6", "Resolved", "done"), ("incident", "7", "Closed", "done"), ("incident", "8", "Canceled", "done"),
    ("incident", "42", "42", "active"), ("change_request", "-5", "New", "new"),
    ("change_request", "-1", "Implement", "active"), ("change_request", "3", "Closed", "done"),
    ("problem", "101", "New", "new"), ("problem", "106", "Resolved", "done"), ("sc_task", "1", "Open", "new"),
    ("sc_task", "2", "Work in Progress", "active"), ("sc_task", "3", "Closed Complete", "done"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "state", "name", "category"), STATES)
def test_states_have_their_own_names_and_our_categories(
    bench: Bench, table: str, state: str, name: str, category: str
) -> None:
    client = bench.client()
    made = client.create_ticket(draft(destination={"table": table}))
    bench.servicenow.set_state(made.external_key, state)
    status = client.read_ticket(made.external_id)
    assert (status.status, status.category) == (name, category)


def test_reading_costs_one_call(bench: Bench) -> None:
    client = bench.client()
    made = client.create_ticket(draft())
    read = bench.calls(lambda: client.read_ticket(made.external_id))
    assert read == [f"GET table/incident/{made.external_id}"]


@pytest.mark.parametrize(
    ("pasted", "reference"),
    [
        ("INC0010001", "INC0010001"),
        (" see sctask0000123 ", "SCTASK0000123"),
        ("https://a.example/nav_to.do?uri=incident.do%3Fsys_id%3D" + "a" * 32, "a" * 32),
        ("https://a.example/nav_to.do?uri=problem.do?sys_id=" + "b" * 32, "problem/" + "b" * 32),
        ("https://a.example/now/nav/ui/classic/params/target/u_x.do%3Fsys_id%3D" + "c" * 32, "u_x/" + "c" * 32),
    ],
)
def test_numbers_and_links_are_understood(bench: Bench, pasted: str, reference: str) -> None:
    assert bench.client().ticket_reference(pasted) == reference


@pytest.mark.parametrize("pasted", ["", "hello", "https://a.example/", "12"])
def test_other_texts_are_no_reference(bench: Bench, pasted: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().ticket_reference(pasted)
    assert list(caught.value.field_errors) == ["reference"]
