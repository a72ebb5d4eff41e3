"""All ticket providers hang, and the console does not: pages, look-ups, checks and ticket clicks while nobody answers.

The sandboxes of the quick test live in its own process. Times depend on the machine, so what counts here is what
answers although others still wait; `make bench` compares the times.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench import figures
from bench.hanging import measure
from bench.plan import Plan
from tests.crash.run import DATABASES
from tests.crash.scenes import INTEGRATIONS, Lab, Scene, wait_for
from tests.crash.vendors import VENDORS
from tests.support_postgres import shared_postgres
from tests.support_server import wait_until

WEB_THREADS = 16
CLICKS_EACH = 4  # as many as one connection is allowed
PAGES = ("/incidents", INTEGRATIONS, "/setup/integration-users", "/settings/activity")
SHORT = Plan(browsing=8, calm=4.0, hanging=13.0)


@contextmanager
def a_lab(database: str, **settings: str) -> Iterator[Lab]:
    """A running product with a connection to each provider, on this kind of database."""
    place = f"hanging_{secrets.token_hex(4)}"
    url = shared_postgres().create_database(place) if database == "postgresql" else ""
    with tempfile.TemporaryDirectory(prefix="pp-hanging-") as folder:
        lab = Lab(Path(folder), list(VENDORS.values()), ["hanging"], url, WEB_THREADS=str(WEB_THREADS), **settings)
        try:
            lab.start()
            lab.set_up()
            yield lab
        finally:
            lab.stop()
    if url:
        shared_postgres().drop_database(place)


def opened(lab: Lab, each: int) -> list[Scene]:
    """So many incidents for each provider, each with its dialog filled in."""
    clicks = [replace(scene) for scene in lab.scenes for _ in range(each)]
    for click in clicks:
        lab.open_incident(click)
    return clicks


def all_hang(lab: Lab) -> None:
    """Nobody answers any more. What one of them was asked for happens all the same."""
    for scene in lab.scenes:
        scene.standin.hang(times=None, after=scene.vendor.key == "servicenow")


def under_way(lab: Lab) -> int:
    """Calls of the web process that have not ended."""
    found = lab.database.query("SELECT count(*) FROM attempts WHERE outcome = '' AND actor = 'Test Person'")
    return int(found[0][0])


def come_back_and_settle(lab: Lab, clicks: Sequence[Scene]) -> None:
    """The providers answer again: by itself each click comes to one ticket, which its incident shows."""
    for scene in lab.scenes:
        scene.standin.release()
    try:
        wait_for(clicks, "settled", lambda click: lab.section(click).settled, 90)
    except AssertionError as error:
        rows = lab.database.query("SELECT provider_key, state, sends, reason FROM tickets ORDER BY id")
        raise AssertionError("\n".join([str(error), *map(str, rows)])) from None
    shown = [key for click in clicks for key in lab.section(click).keys]
    stored = [key for scene in lab.scenes for key in scene.vendor.stored(scene.standin)]
    assert sorted(shown) == sorted(stored)
    assert len(set(shown)) == len(clicks)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_while_all_providers_hang_half_of_the_threads_go_on_answering_and_every_click_becomes_one_ticket(
    database: str,
) -> None:
    with a_lab(database) as lab:
        clicks = opened(lab, CLICKS_EACH)
        all_hang(lab)
        for click in clicks:
            lab.press(click)
        most = WEB_THREADS // 2
        wait_until("the others have an answer", lambda: sum(len(c.answers) for c in clicks) == len(clicks) - most)
        left = [click for click in clicks if click.answers]

        # Half of the threads wait for providers; the other half serves.
        assert [lab.browser.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        assert [click.answers for click in left] == [[303]] * len(left)
        assert all("It is sent again in" in lab.browser.get(f"/incidents/{click.incident}").text for click in left)

        # Whatever would need one more call is told so, and does not wait.
        person = {"connection_id": str(lab.scenes[0].connection), "email": "sam.lee@sandbox.example"}
        asked = lab.browser.form("/setup/integration-users/new")
        looked_up = lab.browser.post("/setup/integration-users/look-up", {**asked, **person})
        address = f"{INTEGRATIONS}/connections/{lab.scenes[0].connection}/check"
        checked = lab.browser.submit(address, {}, page=INTEGRATIONS)
        for answer in (looked_up, checked):
            assert "Busy, try again" in answer.text
        assert under_way(lab) == most
        assert sum(bool(click.answers) for click in clicks) == len(left)

        come_back_and_settle(lab, clicks)


@pytest.mark.long
@pytest.mark.parametrize("database", DATABASES)
def test_after_the_deadline_every_click_was_promised_something_and_nothing_is_lost_or_doubled(
    database: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'hanging.sqlite3'}"
    if database == "postgresql":
        url = shared_postgres().create_database(f"hanging_{secrets.token_hex(4)}")
    found = measure(database, SHORT, tmp_path / "site", url)
    assert figures.failures(found) == []
    assert sum(figure.exact for figure in found) == 3
    assert all(figure.ours > 0 for figure in found if figure.unit in ("ms", "s"))
