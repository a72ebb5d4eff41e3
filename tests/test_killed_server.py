"""Kill the whole product anywhere around a create call: one ticket in the end, and never a second call in doubt.

The sandbox Jira lives in the test's own process, so it survives, and says where the product stands at the moment of
death. All deaths of one database happen at once: each crash point has a sandbox, a connection and an incident of its
own, one SIGKILL hits them together, and one `flask tickets settle` after the restart clears them up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support_killed import (
    LAST,
    POINTS,
    SEARCH,
    Outcome,
    after_death,
    full_speed,
    go_to,
    new_scene,
    play,
    press,
    rows,
    set_up,
    slow_down,
    stored,
)
from tests.support_postgres import shared_postgres
from tests.support_server import Product, kill_group, wait_until


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Outcome]]]:
    """Both databases at the same time: most of it is waiting."""
    url = shared_postgres().create_database("killed")
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in ("sqlite", "postgresql")}
    with ThreadPoolExecutor(2) as pool:
        yield {
            "sqlite": pool.submit(play, folders["sqlite"], [*POINTS, LAST]),
            "postgresql": pool.submit(play, folders["postgresql"], list(POINTS)[1:3], url),
        }


CASES = [("sqlite", name) for name in [*POINTS, LAST]] + [("postgresql", name) for name in list(POINTS)[1:3]]


@pytest.mark.parametrize(("database", "name"), CASES)
def test_a_product_killed_around_a_create_makes_one_ticket(
    outcomes: dict[str, Future[Outcome]], database: str, name: str
) -> None:
    outcome = outcomes[database].result(timeout=180)
    jira = outcome.scenes[name].jira
    assert len(jira.issues) == 1, outcome.printed
    assert jira.creates == (POINTS[name].creates if name in POINTS else 1)
    linked, page = outcome.states[name]
    assert linked == next(iter(jira.issues))
    assert "Being confirmed" not in page
    assert "Needs a look" not in page


def test_settling_reports_what_it_did(outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes["sqlite"].result(timeout=180)
    expected = f"{len(POINTS) + 1} confirmed or created, 0 not created, 0 need a look, 0 still being confirmed."
    assert outcome.printed.strip().splitlines()[-1] == expected


def pressing(*arguments: Any) -> threading.Thread:
    """Press Create Ticket in the background."""
    thread = threading.Thread(target=press, args=arguments)
    thread.start()
    return thread


def test_a_product_killed_before_the_request_was_written_or_claimed_makes_one_ticket(tmp_path: Path) -> None:
    scene = new_scene()
    product = Product(tmp_path, allow=scene.server.url)
    with scene.server:
        with product:
            browser = set_up(product, {"early": scene})
            form = scene.filled(browser)
        with product:
            # The lists are read again by the new process, before anything is written: it dies there.
            scene.jira.hold(route="GET /rest/api/3/project/search")
            seen = len(scene.jira.calls)
            held = pressing(browser, scene, form)
            wait_until("the list is asked for", lambda: len(scene.jira.calls) > seen)
        scene.jira.release()
        held.join(15)
        with product:
            assert rows(product) == []
            slow_down(product, "sending")
            pressed = pressing(browser, scene, form)
            wait_until("the request is written", lambda: rows(product) == [("requested", 0)])
        pressed.join(15)
        full_speed(product)
        assert scene.jira.creates == 0
        with product:
            printed = product.flask("tickets", "settle")
            again = browser.post(f"/incidents/{scene.incident}/tickets", form)
    assert printed.startswith("1 confirmed or created"), printed
    assert again.status_code == 303
    assert rows(product) == [("created", 1)]
    assert (scene.jira.creates, len(scene.jira.issues)) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize("route", [SEARCH, "GET /rest/api/3/issue/*"], ids=["during the search", "hit not yet written"])
def test_a_settling_run_that_is_killed_does_no_harm(tmp_path: Path, route: str) -> None:
    scene = new_scene()
    product = Product(tmp_path, allow=scene.server.url)
    with scene.server:
        with product:
            browser = set_up(product, {"settling": scene})
            scene.jira.drop_after_create()
            scene.post(browser)
            wait_until("the issue is stored", lambda: stored(scene.jira))
        scene.jira.hold(route=route, after=True)
        held = len(scene.jira.calls)
        settling = product.begin("tickets", "settle")
        try:
            wait_until("settling looks", lambda: any(_is(route, call) for call in scene.jira.calls[held:]), 60)
        finally:
            kill_group(settling)
        scene.jira.release()
        # A dead run's claim on the ticket ends by itself after 40 seconds; the command stays that long.
        assert product.flask("tickets", "settle").startswith("1 confirmed or created")
    assert (scene.jira.creates, len(scene.jira.issues)) == (1, 1)
    assert rows(product) == [("created", 1)]


def _is(route: str, call: Any) -> bool:
    verb, _, path = route.partition(" ")
    return call.method == verb and call.path.startswith(path.rstrip("*"))


@pytest.mark.long
@pytest.mark.parametrize("lag", [0.0, 3.0, 9.0])
@pytest.mark.parametrize("name", list(POINTS))
def test_a_lagging_index_makes_no_second_ticket(tmp_path: Path, name: str, lag: float) -> None:
    scene = new_scene()
    scene.jira.set(index_lag=lag, index_flicker=2)
    product = Product(tmp_path, allow=scene.server.url, PATCHPANEL_SETTLE_SECONDS="12")
    with scene.server:
        with product:
            browser = set_up(product, {name: scene})
            go_to(product, browser, name, scene)
        after_death(product, {name: scene})
        printed = product.flask("tickets", "settle")
    assert printed.startswith("1 confirmed or created"), printed
    assert (scene.jira.creates, len(scene.jira.issues)) == (POINTS[name].creates, 1)
