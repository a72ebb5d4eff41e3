"""Reading ServiceNow records back: many with one call per table, and no answer taken for more than it says."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from providers.errors import (
    AuthenticationFailed,
    NotAllowed,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, TOM_ID
from tests.providers.servicenow import METHODS, TOKEN, Bench, fresh

TABLES = ("incident", "change_request", "problem", "sc_task", "u_facilities_request")
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


def asked(bench: Bench, back: int = 1) -> dict[str, str]:
    """The parameters of one of the last calls."""
    return {name: values[0] for name, values in parse_qs(bench.servicenow.calls[-back].query).items()}


# -- many at once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_hundred_records_are_read_with_one_call(bench: Bench, method: str) -> None:
    ids = bench.make(100)
    client = bench.client(method)
    assert client.batch_size == 100
    made = bench.calls(lambda: bench.client(method).read_tickets(ids))
    assert made == [*([TOKEN] if method != "api_key" else []), INCIDENTS]
    found = client.read_tickets(ids)
    assert list(found) == ids
    assert all(found[each].external_id == each for each in ids)


def test_the_call_asks_for_ids_with_a_limit_and_display_values(bench: Bench) -> None:
    ids = bench.make(3)
    bench.client().read_tickets(ids)
    parameters = asked(bench)
    assert parameters["sysparm_query"] == f"sys_idIN{','.join(ids)}"
    assert (parameters["sysparm_limit"], parameters["sysparm_display_value"]) == ("3", "all")
    assert parameters["sysparm_exclude_reference_link"] == "true"


def test_each_ticket_says_all_that_is_needed(bench: Bench) -> None:
    (sys_id,) = bench.make()
    bench.servicenow.set_state("INC0010001", "6")
    bench.servicenow.change("INC0010001", assigned_to=TOM_ID, short_description="Disk full")
    status = bench.client().read_tickets([sys_id])[sys_id]
    assert (status.external_id, status.external_key, status.summary) == (sys_id, "INC0010001", "Disk full")
    assert (status.status, status.category) == ("Resolved", "done")
    assert (status.assignee_id, status.assignee_name) == (TOM_ID, "Tom Becker")
    assert status.url == f"{bench.url}/nav_to.do?uri=incident.do%3Fsys_id%3D{sys_id}"
    assert bench.client().read_ticket(sys_id) == status


def test_each_table_is_asked_once_and_names_its_own_states(bench: Bench) -> None:
    ids = [each for table in TABLES for each in bench.make(2, table)]
    made = bench.calls(lambda: bench.client().read_tickets(ids[1::2] + ids[::2]))
    assert sorted(made) == sorted(f"GET table/{table}" for table in TABLES)
    found = bench.client().read_tickets(ids)
    # The base table would call the first state of a change request "Pending", and that of an incident "Open".
    names = {found[each].status for each in ids}
    assert names == {"New", "Open"}
    assert found[next(each for each in ids if each.startswith("change_request/"))].status == "New"
    assert {status.category for status in found.values()} == {"new"}


def test_nobody_assigned_and_a_new_number_come_through(bench: Bench) -> None:
    (sys_id,) = bench.make()
    bench.servicenow.change("INC0010001", assigned_to="")
    bench.servicenow.move_record("INC0010001", "incident", "INC0777777")
    status = bench.client().read_tickets([sys_id])[sys_id]
    assert (status.external_key, status.assignee_id, status.assignee_name) == ("INC0777777", "", "")


def test_nothing_asked_makes_no_call(bench: Bench) -> None:
    assert bench.calls(lambda: bench.client().read_tickets([])) == []


@pytest.mark.parametrize("odd", ["x", "", "INC0010001", "a^b/" + "a" * 32, "problem/x", "a,b", "A" * 32])
def test_what_is_no_id_is_missing_and_stops_no_other(bench: Bench, odd: str) -> None:
    (sys_id,) = bench.make()
    assert list(bench.client().read_tickets([odd, sys_id])) == [sys_id]


# -- answers that prove nothing ------------------------------------------------------------------------------------


def test_rows_nobody_asked_for_are_never_taken_for_those_asked_for(bench: Bench) -> None:
    ids = bench.make(4)
    bench.servicenow.set(ignored_terms=["sys_id"])
    with pytest.raises(UnexpectedAnswer):
        bench.client().read_tickets(ids[2:])
    assert set(bench.client().read_tickets(ids)) == set(ids)


def test_hidden_ids_are_told(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.set(hidden_fields=["incident.sys_id"])
    with pytest.raises(NotAllowed) as caught:
        bench.client().read_tickets(ids)
    assert caught.value.missing == ("read incident.sys_id",)


def test_an_error_body_with_200_is_no_empty_answer(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.error_with_200("GET /api/now/table/*")
    with pytest.raises(Unreachable) as caught:
        bench.client().read_tickets(ids)
    assert "maximum execution time" in caught.value.vendor_message


def test_an_error_body_in_the_second_look_does_not_make_records_gone(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.delete_record("INC0010002")
    bench.servicenow.error_with_200("GET /api/now/table/task", times=None)
    with pytest.raises(Unreachable):
        bench.client().read_tickets(ids)
    with pytest.raises(Unreachable):
        bench.client().read_ticket(ids[1])


def test_a_sleeping_instance_is_told(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.set(hibernating=True)
    with pytest.raises(Unreachable, match="asleep"):
        bench.client().read_tickets(ids)
    with pytest.raises(Unreachable, match="asleep"):
        bench.client().read_ticket(ids[0])


@pytest.mark.parametrize("retry_after", [40, None])
def test_a_limit_says_how_long_to_wait(bench: Bench, retry_after: int | None) -> None:
    ids = bench.make(2)
    bench.servicenow.rate_limit(times=None, retry_after=retry_after, route="GET /api/now/table/*")
    with pytest.raises(RateLimited) as caught:
        bench.client().read_tickets(ids)
    assert caught.value.retry_after == retry_after


def test_a_short_limit_is_waited_for(bench: Bench) -> None:
    ids = bench.make(2)
    bench.servicenow.rate_limit(retry_after=0, route="GET /api/now/table/*")
    assert set(bench.client().read_tickets(ids)) == set(ids)


def test_a_revoked_token_is_replaced_and_a_revoked_key_told(bench: Bench) -> None:
    ids = bench.make(2)
    bench.client("password").check()
    bench.servicenow.revoke_tokens()
    made = bench.calls(lambda: bench.client("password").read_tickets(ids))
    assert made == [INCIDENTS, TOKEN, INCIDENTS]
    bench.servicenow.revoke_key()
    with pytest.raises(AuthenticationFailed):
        bench.client().read_tickets(ids)


def test_a_count_that_is_no_number_we_know_is_no_count(bench: Bench) -> None:
    (sys_id,) = bench.make()
    headers = {"X-Total-Count": "9" * 5000, "Content-Type": "application/json"}
    row = {"sys_id": {"value": sys_id}, "assigned_to": {"value": DANA_ID, "display_value": "Dana Reyes"}}
    bench.servicenow.fail_next(200, route="GET /api/now/table/incident", body={"result": [row]}, headers=headers)
    assert bench.client().read_tickets([sys_id])[sys_id].assignee_name == "Dana Reyes"
