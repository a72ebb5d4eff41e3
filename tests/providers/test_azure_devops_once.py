"""Azure DevOps work items are made once and found again by their marker, over real sockets."""

from __future__ import annotations

import time

import pytest

from providers.errors import (
    ProviderError,
)
from tests.providers.azure_bench import (
    CREATE,
    MARKER,
    TASK,
    Bench,
    draft,
)

pytest_plugins = ("tests.providers.azure_fixtures",)


@pytest.mark.parametrize(
    ("arm", "stored"),
    [("drop_before_create", 0), ("drop_after_create", 1), ("created_without_id", 1), ("fail_after_create", 1)],
)
def test_a_create_without_a_clear_answer_is_sent_once_and_found_by_its_marker(
    bench: Bench, arm: str, stored: int
) -> None:
    getattr(bench.azure, arm)()
    client = bench.client()
    with pytest.raises(ProviderError) as caught:
        client.create_ticket(draft())
    assert caught.value.sent
    assert not (caught.value.vendor_status and 400 <= caught.value.vendor_status < 500)
    assert bench.azure.creates == 1
    found = client.find_by_marker(MARKER, TASK)
    assert [(status.external_key, status.assignee_name) for status in found] == [("#131", "Dana Reyes")] * stored


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_reads_are_repeated_and_creates_are_not(bench: Bench, status: int) -> None:
    client = bench.client()
    client.create_ticket(draft())
    retry = {"Retry-After": "0"}
    bench.azure.fail_next(status, route="/sandbox/_apis/wit/workitems/131", headers=retry)
    assert client.read_ticket("131").status == "New"
    bench.azure.fail_next(status, route=CREATE, headers=retry)
    with pytest.raises(ProviderError):
        client.create_ticket(draft())
    assert bench.azure.creates == 2
    assert len(bench.azure.work_items) == 1


def test_only_tickets_that_carry_the_marker_themselves_are_taken(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    client.create_ticket(draft(marker=MARKER[:-1]))
    copy = bench.azure.copy_item(131)
    found = client.find_by_marker(MARKER, TASK)
    assert [status.external_id for status in found] == ["131", str(copy)]
    assert all(status.marker_found for status in found)
    assert client.find_by_marker("x' OR [System.Id] > 0 OR [System.Tags] CONTAINS 'y", TASK) == []


def test_a_hit_that_has_gone_meanwhile_is_left_out(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    client.create_ticket(draft())
    bench.azure.hide_item(131)
    bench.azure.fail_next(
        200, route="POST */_apis/wit/wiql", body={"queryType": "flat", "workItems": [{"id": 131}, {"id": 132}]}
    )
    assert [status.external_id for status in client.find_by_marker(MARKER, TASK)] == ["132"]


def test_a_moved_ticket_is_still_found(bench: Bench) -> None:
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.move_item(131, "Factory")
    bench.azure.by_id[131].type = "Incident"
    (found,) = client.find_by_marker(MARKER, TASK)
    assert found.url.endswith("/Factory/_workitems/edit/131")


def test_a_query_that_lags_shows_the_ticket_later(bench: Bench) -> None:
    bench.azure.set(query_lag=0.3)
    client = bench.client()
    client.create_ticket(draft())
    assert client.find_by_marker(MARKER, TASK) == []
    time.sleep(0.35)
    assert len(client.find_by_marker(MARKER, TASK)) == 1
