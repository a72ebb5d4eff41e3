"""ServiceNow records that are not where they were: moved ones are followed, hidden ones told from deleted ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.errors import NotAllowed, NotFound
from standins.servicenow import ServiceNowStandin
from tests.providers.servicenow import METHODS, Bench, fresh

INCIDENTS, TASKS = "GET table/incident", "GET table/task"


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


# -- missing ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["delete_record", "hide_record"])
def test_what_is_gone_or_hidden_is_missing_and_costs_one_call_more(bench: Bench, gone: str) -> None:
    ids = bench.make(3)
    getattr(bench.servicenow, gone)("INC0010002")
    assert list(bench.client().read_tickets(ids)) == [ids[0], ids[2]]
    assert bench.calls(lambda: bench.client().read_tickets(ids)) == [INCIDENTS, TASKS]


def test_a_page_shortened_by_access_rules_is_no_end(bench: Bench) -> None:
    ids = bench.make(40)
    for each in ids[:30]:
        bench.servicenow.hide_record(bench.number(each))
    assert list(bench.client().read_tickets(ids)) == ids[30:]


def test_a_deleted_record_is_not_found(bench: Bench) -> None:
    (sys_id,) = bench.make()
    bench.servicenow.delete_record("INC0010001")
    for reference in (sys_id, "INC0010001"):
        with pytest.raises(NotFound):
            bench.client().read_ticket(reference)


@pytest.mark.parametrize("method", METHODS)
def test_a_hidden_record_is_told_from_a_deleted_one_by_the_count(bench: Bench, method: str) -> None:
    (sys_id,) = bench.make()
    bench.servicenow.hide_record("INC0010001")
    for reference in (sys_id, "INC0010001"):
        with pytest.raises(NotAllowed) as caught:
            bench.client(method).read_ticket(reference)
        assert "access rules" in caught.value.cause


def test_a_hidden_table_is_told_from_deleted_records(bench: Bench) -> None:
    (sys_id,) = bench.make()
    bench.servicenow.deny("incident.read", "task.read")
    with pytest.raises(NotAllowed):
        bench.client().read_ticket(sys_id)


@pytest.mark.parametrize("how", ["no count", "base table closed", "term dropped"])
def test_where_it_cannot_be_told_a_hidden_record_is_not_found(bench: Bench, how: str) -> None:
    sys_id, _ = bench.make(2)
    bench.servicenow.hide_record("INC0010001")
    bench.servicenow.hide_record("INC0010002")
    if how == "no count":
        bench.servicenow.set(total_count=False)
    elif how == "base table closed":
        bench.servicenow.set(refuse_reads=["task"])
    else:
        bench.servicenow.set(ignored_terms=["sys_id"])
    with pytest.raises(NotFound):
        bench.client().read_ticket(sys_id)


def test_a_closed_table_is_told_in_the_read_and_the_batch(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.set(refuse_reads=["incident"])
    with pytest.raises(NotAllowed):
        bench.client().read_ticket(ids[0])
    with pytest.raises(NotAllowed) as caught:
        bench.client().read_tickets(ids)
    assert caught.value.missing == ("read incident",)


def test_a_closed_table_does_not_stop_the_others(bench: Bench) -> None:
    ids = bench.make(2) + bench.make(2, "problem")
    bench.servicenow.set(refuse_reads=["problem"])
    assert list(bench.client().read_tickets(ids)) == ids[:2]


def test_a_table_that_is_gone_took_its_records_along(bench: Bench) -> None:
    ids = [f"u_gone/{'a' * 32}", *bench.make()]
    assert list(bench.client().read_tickets(ids)) == ids[1:]
    assert bench.client().read_tickets(ids[:1]) == {}
    with pytest.raises(NotFound):
        bench.client().read_ticket(ids[0])


# -- moved ones ----------------------------------------------------------------------------------------------------


def test_a_record_moved_to_another_table_is_followed_by_its_old_id(bench: Bench) -> None:
    ids = bench.make(3)
    bench.servicenow.change("INC0010002", state="104")
    bench.servicenow.move_record("INC0010002", "problem", "PRB0040001")
    found = bench.client().read_tickets(ids)
    assert set(found) == set(ids)
    moved = found[ids[1]]
    assert (moved.external_id, moved.external_key) == (f"problem/{ids[1]}", "PRB0040001")
    assert (moved.status, moved.category) == ("Fix in Progress", "active")
    assert "uri=problem.do" in moved.url
    assert bench.client().read_ticket(ids[1]) == moved
    made = bench.calls(lambda: bench.client().read_tickets(ids))
    assert made == [INCIDENTS, TASKS, "GET table/problem"]
    assert bench.calls(lambda: bench.client().read_tickets([moved.external_id])) == ["GET table/problem"]


def test_a_record_moved_to_a_closed_table_is_missing(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.move_record("INC0010002", "problem")
    bench.servicenow.set(refuse_reads=["problem"])
    assert list(bench.client().read_tickets(ids)) == ids[:1]
    with pytest.raises(NotAllowed):
        bench.client().read_ticket(ids[1])


def test_without_the_base_table_moved_records_are_missing(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.move_record("INC0010002", "problem")
    bench.servicenow.set(refuse_reads=["task"])
    assert list(bench.client().read_tickets(ids)) == ids[:1]
