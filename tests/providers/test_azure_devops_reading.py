"""Reading Azure DevOps work items back, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.errors import (
    InvalidInput,
    NotAllowed,
    NotFound,
    UnexpectedAnswer,
)
from tests.providers.azure_bench import (
    MARKER,
    TASK,
    Bench,
    draft,
)

pytest_plugins = ("tests.providers.azure_fixtures",)


@pytest.mark.parametrize(
    ("state", "category"),
    [("New", "new"), ("Active", "active"), ("Resolved", "active"), ("Closed", "done"), ("Removed", "done")],
)
def test_status_is_read_by_the_category_of_the_types_own_states(bench: Bench, state: str, category: str) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.set_state(131, state)
    assert (client.read_ticket("131").status, client.read_ticket("131").category) == (state, category)
    bench.azure.rename_state("Ops", "Task", state, "Erledigt?")
    assert client.read_ticket("131").category == category


def test_states_are_read_once_and_again_when_a_new_one_appears(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    states = "GET Ops/workitemtypes/Task/states"
    assert bench.calls(lambda: client.read_ticket("131")) == ["GET workitems/131", states]
    assert bench.calls(lambda: bench.client().read_ticket("131")) == ["GET workitems/131"]
    assert bench.calls(lambda: client.find_by_marker(MARKER, TASK)) == ["POST Ops/wiql", "GET workitems"]
    bench.azure.rename_state("Ops", "Task", "New", "Neu")
    assert bench.calls(lambda: client.read_ticket("131")) == ["GET workitems/131", states]


def test_a_status_is_guessed_by_its_name_when_states_cannot_be_read(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.fail_next(500, None, "*/states")
    for state, category in {"New": "new", "Active": "active", "Closed": "done"}.items():
        bench.azure.set_state(131, state)
        assert client.read_ticket("131").category == category


def test_deleted_and_no_longer_visible_are_told_apart(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    client.create_ticket(draft())
    bench.azure.delete_item(131)
    bench.azure.hide_item(132)
    with pytest.raises(NotFound, match="recycle bin") as caught:
        client.read_ticket("131")
    assert caught.value.vendor_code == "TF401232"
    with pytest.raises(NotAllowed, match="hidden") as hidden:
        client.read_ticket("#132")
    assert hidden.value.attempt_id
    assert client.find_by_marker(MARKER, TASK) == []


@pytest.mark.parametrize("body", [{"id": 1}, {"fields": {}}, [], {"id": "1", "fields": {"System.State": "New"}}])
def test_an_answer_that_is_no_work_item_is_said(bench: Bench, body: Any) -> None:
    bench.azure.fail_next(200, body=body)
    with pytest.raises(UnexpectedAnswer) as caught:
        bench.client().read_ticket("131")
    assert caught.value.attempt_id == 1
    assert bench.ledger.rows[0]["outcome"] == "bad_answer"
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize(
    ("text", "reference"),
    [("12", "12"), (" #12 ", "12"), ("AB#12", "12"), ("https://dev.azure.com/acme/Ops/_workitems/edit/12/", "12"),
     ("https://acme.visualstudio.com/Ops/_workitems/edit/12?fullScreen=true", "12"),
     ("https://dev.azure.com/acme/Ops/_boards/board/t/Team/Stories/?workitem=9", "9")],
)  # fmt: skip
def test_a_pasted_number_or_link_names_the_ticket(bench: Bench, text: str, reference: str) -> None:
    assert bench.client().ticket_reference(text) == reference


@pytest.mark.parametrize("text", ["", "Ops", "OPS-45", "-45", "#", "https://dev.azure.com/acme/Ops/_boards"])
def test_anything_else_is_no_reference(bench: Bench, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().ticket_reference(text)
    assert "reference" in caught.value.field_errors


def test_wrong_answers_to_a_search_are_not_taken_for_nothing(bench: Bench) -> None:
    acts: list[Callable[[Any], Any]] = [lambda azure: azure.html_instead("*/wiql")]
    acts += [lambda azure: azure.fail_next(200, route="*/wiql", body={"workItems": None})]
    for act in acts:
        act(bench.azure)
        with pytest.raises(UnexpectedAnswer):
            bench.client().find_by_marker(MARKER, TASK)
    bench.exchanges.clear()  # bodies nobody describes
