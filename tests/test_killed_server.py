"""Kill the whole product anywhere around a create call: one ticket in the end, and never a second call in doubt.

The sandboxes live in the test's own process, so they survive, and say where the product stands at the moment of death.
Afterwards nobody helps: the restarted product settles everything by itself. `make crash-test` repeats this many times.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.crash.acts import Found, Storm
from tests.crash.performance import Run, perform
from tests.crash.points import POINTS
from tests.crash.run import DATABASES, PLAYS, QUICK, play, play_all, stage, table
from tests.crash.scenes import wait_for
from tests.crash.vendors import JIRA, VENDORS, Vendor
from tests.support_server import kill_group, wait_until


def all_good(runs: Sequence[Run]) -> None:
    """Assert that every death led to one ticket, by itself and in time; else show the table."""
    wrong = [str(run) for run in runs if not run.good]
    assert not wrong, "\n".join([table(runs), *wrong])


@pytest.mark.parametrize(("database", "vendors"), [("sqlite", list(VENDORS.values())), ("postgresql", [JIRA])])
def test_a_product_killed_anywhere_around_a_create_makes_one_ticket_by_itself(
    database: str, vendors: list[Vendor]
) -> None:
    runs = play_all(database, vendors, names=QUICK)
    all_good(runs)
    played = {point.name for name in QUICK for act in PLAYS[name]() for point in act.points}
    assert {(run.provider, run.point) for run in runs} == {(v.key, name) for v in vendors for name in played}


def test_every_point_is_played() -> None:
    assert {point.name for acts in PLAYS.values() for act in acts() for point in act.points} == set(POINTS)


@pytest.mark.long
@pytest.mark.parametrize("database", DATABASES)
def test_a_worker_killed_in_a_second_attempt_makes_one_ticket(database: str) -> None:
    all_good(play("repeats", database, list(VENDORS.values())))


@pytest.mark.long
@pytest.mark.parametrize("lag", [3.0, 9.0])
def test_an_index_that_lags_less_than_the_quiet_time_makes_no_second_ticket(lag: float) -> None:
    storm = Storm(lag)
    with stage([storm], "sqlite", list(VENDORS.values()), PATCHPANEL_SETTLE_SECONDS="12") as lab:
        all_good(perform(lab, storm, "sqlite"))


@pytest.mark.long
@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_a_settling_command_that_is_killed_does_no_harm(vendor: Vendor) -> None:
    with stage([Found()], "sqlite", [vendor], WORKER="0") as lab:
        (scene,) = lab.scenes
        lab.open_incident(scene)
        scene.standin.drop_after_create()
        lab.press(scene)
        wait_for([scene], "being confirmed", lambda scene: lab.row(scene) == ("unclear", 1))
        scene.standin.hold(route=vendor.search, times=None, after=True)
        with lab.product.begin("tickets", "settle") as settling:
            try:
                wait_until("the command looks", lambda: bool(scene.looks), 60)
            finally:
                kill_group(settling)
        scene.standin.release()
        # A dead run's claim on the ticket ends by itself after 40 seconds; the command stays that long.
        assert lab.product.flask("tickets", "settle").strip().splitlines()[-1] == (
            "1 confirmed or created, 0 not created, 0 need a look, 0 still being confirmed."
        )
        assert (scene.creates, len(scene.stored), lab.row(scene)) == (1, 1, ("created", 1))
