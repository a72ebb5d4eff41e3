"""Reading many Azure DevOps work items back with few calls, over real sockets."""

from __future__ import annotations

import time
from typing import Any

import pytest

from providers.azure_devops import memory
from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    NotFound,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.values import TicketStatus
from tests.providers.azure_bench import BUG, DANA, MARKER, TASK, Bench, draft

pytest_plugins = ("tests.providers.azure_fixtures",)

BATCH = "/sandbox/_apis/wit/workitems"
BIN = "/sandbox/_apis/wit/recyclebin/*"
TASK_STATES, BUG_STATES = "GET Ops/workitemtypes/Task/states", "GET Ops/workitemtypes/Bug/states"


def filled(bench: Bench, tasks: int) -> list[str]:
    """The numbers of that many new tasks, made at the sandbox itself."""
    first = bench.client().create_ticket(draft()).external_id
    return [first, *(str(bench.azure.copy_item(first)) for _ in range(tasks - 1))]


def test_two_hundred_tickets_cost_one_call_and_one_for_the_states_of_their_type(bench: Bench) -> None:
    numbers = filled(bench, 200)
    bench.azure.set_state(numbers[7], "Closed")
    client = bench.client()
    assert client.batch_size == 200
    assert bench.calls(lambda: client.read_tickets(numbers)) == ["GET workitems", TASK_STATES]
    assert bench.calls(lambda: bench.client().read_tickets(numbers)) == ["GET workitems"]
    found = bench.client().read_tickets(numbers)
    assert list(found) == numbers
    assert [number for number in numbers if found[number].category == "done"] == [numbers[7]]


def test_a_ticket_of_the_batch_has_all_that_a_single_one_has(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.set_state(131, "Active")
    found = client.read_tickets(["131"])["131"]
    assert found == client.read_ticket("131")
    assert (found.status, found.category, found.assignee_id, found.assignee_name) == (
        "Active", "active", DANA, "Dana Reyes",
    )  # fmt: skip
    assert (found.external_key, found.url) == ("#131", f"{bench.url}/sandbox/Ops/_workitems/edit/131")


def test_tickets_come_back_under_the_id_that_was_asked_for(bench: Bench) -> None:
    filled(bench, 2)
    found = bench.client().read_tickets(["132", "00131", "132", "#7", "", "x", "12345678901"])
    assert {asked: status.external_id for asked, status in found.items()} == {"132": "132", "00131": "131"}


def test_nothing_to_read_costs_nothing(bench: Bench) -> None:
    assert bench.calls(lambda: bench.client().read_tickets([])) == []
    assert bench.calls(lambda: bench.client().read_tickets(["OPS-1"])) == []


def test_a_moved_ticket_keeps_its_number_and_is_read_with_the_states_of_its_new_project(bench: Bench) -> None:
    filled(bench, 1)
    bench.client().read_tickets(["131"])
    bench.azure.move_item(131, "Basic Board")
    bench.azure.by_id[131].state = "Doing"
    moved = bench.client().read_tickets(["131"])["131"]
    assert (moved.external_id, moved.status, moved.category) == ("131", "Doing", "active")
    assert moved.url == f"{bench.url}/sandbox/Basic%20Board/_workitems/edit/131"
    assert bench.client().read_ticket("131") == moved


def test_deleted_hidden_and_unknown_ones_are_missing_and_the_others_are_not(bench: Bench) -> None:
    numbers = filled(bench, 5)
    bench.azure.delete_item(131)
    bench.azure.delete_item(132, for_good=True)
    bench.azure.hide_item(133)
    assert list(bench.client().read_tickets([*numbers, "999"])) == ["134", "135"]


def test_a_batch_of_missing_ones_is_empty_and_costs_one_call(bench: Bench) -> None:
    client = bench.client()
    assert bench.calls(lambda: client.read_tickets(["998", "999"])) == ["GET workitems"]
    assert client.read_tickets(["998", "999"]) == {}


def test_more_than_the_vendor_takes_is_refused_as_a_whole(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().read_tickets([str(number) for number in range(1, 202)])
    assert caught.value.vendor_code == "VS403474"


@pytest.mark.parametrize("fault", [500, 503, 429, 403, 404])
def test_states_that_cannot_be_read_are_asked_for_once_per_type(bench: Bench, fault: int) -> None:
    """Not once per ticket: that would be hundreds of calls in vain."""
    numbers = filled(bench, 20)
    bench.client().create_ticket(draft(BUG))
    for number in numbers[::2]:
        bench.azure.set_state(number, "Closed")
    bench.azure.fail_next(fault, None, "*/states")
    found: dict[str, TicketStatus] = {}
    made = bench.calls(lambda: found.update(bench.client().read_tickets([*numbers, "151"])))
    assert {number: found[number].category for number in numbers[:2]} == {"131": "done", "132": "new"}
    asked = {each for each in made if each.endswith("/states")}
    assert len(made) <= 1 + 2 * 3  # the door tries reads up to three times
    assert asked <= {TASK_STATES, BUG_STATES}
    if fault in (500, 503, 429):
        assert asked == {TASK_STATES}


def test_a_state_its_type_does_not_list_is_asked_for_once(bench: Bench) -> None:
    numbers = filled(bench, 3)
    for number in numbers:
        bench.azure.by_id[int(number)].state = "Parked"
    first = bench.calls(lambda: bench.client().read_tickets(numbers))
    assert first == ["GET workitems", TASK_STATES]
    assert bench.calls(lambda: bench.client().read_tickets(numbers)) == ["GET workitems"]


def test_states_that_cannot_be_read_again_count_as_they_were(bench: Bench) -> None:
    """A done ticket must not look open again because the vendor is busy."""
    filled(bench, 1)
    bench.azure.rename_state("Ops", "Task", "Closed", "Erledigt")
    bench.azure.set_state(131, "Erledigt")
    assert bench.client().read_tickets(["131"])["131"].category == "done"
    for key, (at, known) in list(memory.states._kept.items()):
        memory.states._kept[key] = (at - memory.SECONDS, known)
    bench.azure.fail_next(503, None, "*/states")
    assert TASK_STATES in bench.calls(lambda: bench.client().read_tickets(["131"]))
    assert bench.client().read_tickets(["131"])["131"].category == "done"


def test_a_limit_is_told_with_the_time_to_wait(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.rate_limit(None, 300)
    with pytest.raises(RateLimited) as caught:
        bench.client().read_tickets(["131"])
    assert (caught.value.retry_after, caught.value.vendor_code) == (300.0, "TF400733")


def test_a_short_limit_is_waited_for(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.rate_limit(1, 1, BATCH)
    began = time.monotonic()
    assert list(bench.client().read_tickets(["131"])) == ["131"]
    assert time.monotonic() - began >= 1


def test_a_delayed_answer_with_retry_after_is_a_good_answer(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.set(delay=0.05)
    assert bench.client().read_tickets(["131"])["131"].status == "New"
    assert bench.exchanges[-1].headers["Retry-After"] == "30"
    assert [row["outcome"] for row in bench.ledger.rows[-2:]] == ["ok", "ok"]


def test_an_odd_entry_does_not_hide_the_others(bench: Bench) -> None:
    filled(bench, 1)
    good = {"id": 131, "fields": {"System.State": "New", "System.WorkItemType": "Task", "System.TeamProject": "Ops"}}
    odd = [None, 7, [], {"id": "131"}, {"id": 132, "fields": {}}, {"id": 777, "fields": {"System.State": "New"}}, good]
    bench.azure.fail_next(200, route=BATCH, body={"count": len(odd), "value": odd})
    assert list(bench.client().read_tickets(["131", "132"])) == ["131"]
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize("body", [[], {"count": 1}, {"value": {}}, {"value": None}])
def test_an_answer_that_is_no_list_is_not_taken_for_everything_gone(bench: Bench, body: Any) -> None:
    bench.azure.fail_next(200, route=BATCH, body=body)
    with pytest.raises(UnexpectedAnswer):
        bench.client().read_tickets(["131"])
    bench.exchanges.clear()  # bodies nobody describes


def test_a_dead_token_and_a_missing_scope_are_told_apart(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.deny("vso.work")
    with pytest.raises(NotAllowed, match="Work Items"):
        bench.client().read_tickets(["131"])
    bench.azure.revoke_token()
    with pytest.raises(AuthenticationFailed):
        bench.client().read_tickets(["131"])


# -- why one is missing --------------------------------------------------------------------------------------------


def test_a_ticket_in_the_bin_is_gone_and_comes_back_when_it_is_restored(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.delete_item(131)
    with pytest.raises(NotFound, match="recycle bin"):
        bench.client().read_ticket("131")
    bench.azure.restore_item(131)
    assert bench.client().read_ticket("131").status == "New"


def test_a_ticket_in_a_project_out_of_sight_is_not_gone(bench: Bench) -> None:
    filled(bench, 1)
    bench.azure.hide_project("Ops")
    assert bench.client().read_tickets(["131"]) == {}
    with pytest.raises(NotAllowed) as caught:
        bench.client().read_ticket("131")
    assert caught.value.vendor_code == "TF401232"


@pytest.mark.parametrize("status", [401, 403, 404, 501])
def test_where_the_bin_may_not_be_looked_into_the_ticket_counts_as_gone(bench: Bench, status: int) -> None:
    filled(bench, 1)
    bench.azure.hide_item(131)
    bench.azure.fail_next(status, None, BIN)
    with pytest.raises(NotFound):
        bench.client().read_ticket("131")


@pytest.mark.parametrize(("status", "kind"), [(500, Unreachable), (503, Unreachable), (429, RateLimited)])
def test_a_bin_that_cannot_answer_just_now_settles_nothing(bench: Bench, status: int, kind: type[Exception]) -> None:
    filled(bench, 1)
    bench.azure.delete_item(131)
    bench.azure.fail_next(status, None, BIN)
    with pytest.raises(kind):
        bench.client().read_ticket("131")


def test_the_marker_is_still_looked_for_with_two_calls(bench: Bench) -> None:
    filled(bench, 3)
    client = bench.client()
    client.read_tickets(["131"])
    assert bench.calls(lambda: client.find_by_marker(MARKER, TASK)) == ["POST Ops/wiql", "GET workitems"]
    assert [found.external_id for found in client.find_by_marker(MARKER, TASK)] == ["131", "132", "133"]
