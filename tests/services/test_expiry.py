"""Secrets that end: counted down, told in time, once each; asked of providers that know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

import providers
from extensions import db
from models import Connection, ConnectionStatus, Event, Lease, Notice
from providers.base import TellsExpiry, utcnow
from providers.oauth import RENEWED_AT
from services import connections, expiry, store
from services.actors import COMMAND_LINE, SYSTEM
from standins.server import serve
from tests.blueprints.chalkboard import KEY, PROVIDER, Chalkboard, ChalkClient
from tests.conftest import PatchpanelClient, Site
from tests.support_consent import Vendor

TODAY = dt.date(2026, 3, 5)
NAME = "Jira: Operations Jira"


def on(days: int) -> dt.date:
    """A day from the day of these tests."""
    return TODAY + dt.timedelta(days=days)


def set_date(connection: Connection, day: dt.date | None, **values: Any) -> None:
    """Change the day the secret ends."""
    with store.write() as session:
        change = update(Connection).where(Connection.id == connection.id)
        session.execute(change.values(credential_expires_on=day, **values))


def told() -> list[tuple[str, str]]:
    """Level and title of every notice, oldest first."""
    found = [(n.level, n.title) for n in db.session.scalars(select(Notice).order_by(Notice.id))]
    store.release()
    return found


def row(connection: Connection) -> Connection:
    """The connection as it is stored."""
    found = store.get(Connection, connection.id)
    store.release()
    return found


@pytest.mark.parametrize(
    ("days", "words", "near"),
    [
        (None, "secret expiry not known", False),
        (31, "secret expires 05 Apr 2026, in 31 days", False),
        (30, "secret expires 04 Apr 2026, in 30 days", True),
        (1, "secret expires 06 Mar 2026, in 1 day", True),
        (0, "secret expires today, 05 Mar 2026", True),
        (-1, "secret expired 1 day ago, on 04 Mar 2026", True),
        (-400, "secret expired 400 days ago, on 29 Jan 2025", True),
    ],
)
def test_the_countdown_in_words(days: int | None, words: str, near: bool) -> None:
    day = None if days is None else on(days)
    assert (expiry.words(day, TODAY), expiry.is_near(day, TODAY)) == (words, near)


def test_people_are_told_at_thirty_seven_one_and_no_days_once_each(connected: Connection) -> None:
    set_date(connected, on(40))
    for days in range(44):
        for _ in range(2):
            expiry.watch(SYSTEM, today=on(days))
    assert told() == [
        ("warning", f"{NAME}: secret expires 14 Apr 2026, in 30 days"),
        ("warning", f"{NAME}: secret expires 14 Apr 2026, in 7 days"),
        ("warning", f"{NAME}: secret expires 14 Apr 2026, in 1 day"),
        ("problem", f"{NAME}: secret expires today, 14 Apr 2026"),
    ]
    notice = db.session.scalars(select(Notice)).first()
    assert notice is not None
    assert notice.link == f"/settings/organization/integrations/connections/{connected.id}"
    assert (notice.audience, notice.user_id) == ("admin", None)


@pytest.mark.parametrize(("days", "stages"), [(31, 0), (30, 1), (29, 1), (8, 1), (7, 1), (2, 1), (1, 1), (-3, 1)])
def test_who_comes_late_is_told_once_not_of_every_day_that_passed(
    connected: Connection, days: int, stages: int
) -> None:
    set_date(connected, on(days))
    for _ in range(2):
        expiry.watch(SYSTEM, today=TODAY)
    assert len(told()) == stages


def test_a_changed_date_starts_anew(connected: Connection) -> None:
    for day in (on(5), on(6), on(90), on(5)):
        set_date(connected, day)
        expiry.watch(SYSTEM, today=TODAY)
    assert [title.rpartition(", ")[2] for _, title in told()] == ["in 5 days", "in 6 days"]


def test_a_connection_without_a_date_is_told_of_nothing(connected: Connection) -> None:
    assert expiry.watch(SYSTEM, today=TODAY) == "0 asked, 0 warnings"
    assert told() == []


def test_one_that_is_switched_off_is_warned_of_too_and_makes_no_call(jira: Site, connected: Connection) -> None:
    connections.switch(COMMAND_LINE, connected, on=False)
    set_date(connected, on(1))
    jira.standin.calls.clear()
    assert expiry.watch(SYSTEM, everything=True, today=TODAY) == "0 asked, 1 warnings"
    assert "switched off at present" in db.session.scalars(select(Notice.text)).one()
    assert jira.standin.calls == []


# -- consent ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(admin: PatchpanelClient, jira: Site, allow: Callable[..., None]) -> Connection:
    """A connection made by consent."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    Vendor(jira).install(admin)
    return db.session.scalars(select(Connection)).one()


def test_consent_not_used_for_sixty_days_is_told_once_per_use(installed: Connection) -> None:
    used = dt.datetime(2026, 1, 4, 12, tzinfo=dt.UTC)
    set_date(installed, None, settings={**installed.settings, RENEWED_AT: used.isoformat()})
    expiry.watch(SYSTEM, today=used.date() + dt.timedelta(days=60))
    assert told() == []
    for days in (61, 62, 80):
        expiry.watch(SYSTEM, today=used.date() + dt.timedelta(days=days))
    assert [level for level, _ in told()] == ["warning"]
    assert told()[0][1].endswith("consent not used for 61 days")
    assert "Atlassian ends consent" in db.session.scalars(select(Notice.text)).one()
    again = used + dt.timedelta(days=81)
    set_date(installed, None, settings={**installed.settings, RENEWED_AT: again.isoformat()})
    expiry.watch(SYSTEM, today=again.date() + dt.timedelta(days=61))
    assert len(told()) == 2


# -- providers that tell ----------------------------------------------------------------------------------------------


class TellingClient(ChalkClient, TellsExpiry):
    """Reads the day from who it is."""

    def credential_expires_on(self) -> dt.date | None:
        """The day in the answer, if there is one."""
        day = self._call("GET", "/me").get("ends")
        return dt.date.fromisoformat(day) if day else None


class TellingBoard(Chalkboard):
    """Tells when the caller's key ends."""

    ends: str = ""
    asked: int = 0
    broken: bool = False

    def _say(self, data: Any, status: int = 200) -> Any:
        if not isinstance(data, dict) or data.get("id") != "e1":
            return super()._say(data, status)
        self.asked += 1
        if self.broken:
            return super()._say({"problem": "out of chalk"}, 503)
        return super()._say({**data, "ends": self.ends}, status)


@dataclass
class Wall:
    """The provider that tells, and a connection to it."""

    board: TellingBoard
    connection: Connection

    def watch(self, **arguments: Any) -> str:
        """One run; forgets the calls before it."""
        self.board.asked = 0
        return expiry.watch(SYSTEM, today=TODAY, **arguments)


@pytest.fixture
def wall(app: Flask, allow: Callable[..., None]) -> Iterator[Wall]:
    """The provider, registered, and a server for it. Both are gone afterwards."""
    board = TellingBoard()
    provider = replace(PROVIDER, client=TellingClient)
    providers.register(provider)
    try:
        with serve(board.application()) as server:
            allow(server.url)
            typed = connections.Typed("key", {"board_url": server.url}, {"key": KEY}, expires_on=on(200))
            yield Wall(board, connections.create(COMMAND_LINE, provider, typed))
    finally:
        providers.unregister(PROVIDER.key)


def test_a_told_date_replaces_the_typed_one_and_is_warned_of(wall: Wall) -> None:
    wall.board.ends = on(7).isoformat()
    assert wall.watch() == "1 asked, 1 warnings"
    assert row(wall.connection).credential_expires_on == on(7)
    event = db.session.scalars(select(Event).where(Event.action == "connection.expiry_told")).one()
    assert event.details == {"credential_expires_on": on(7).isoformat()}
    assert wall.board.asked == 1


def test_a_provider_that_does_not_say_leaves_the_typed_date(wall: Wall) -> None:
    assert wall.watch() == "1 asked, 0 warnings"
    assert row(wall.connection).credential_expires_on == on(200)


def test_it_is_asked_once_a_day_and_at_once_when_everything_is_wanted(wall: Wall) -> None:
    asked = []
    for arguments in ({}, {}, {"everything": True}):
        wall.watch(**arguments)
        asked.append(wall.board.asked)
    assert asked == [1, 0, 1]
    with store.write() as session:
        session.execute(update(Lease).values(until=utcnow() - dt.timedelta(seconds=1)))
    wall.watch()
    assert wall.board.asked == 1


def test_an_answer_that_failed_is_asked_for_again_at_the_next_run(wall: Wall) -> None:
    wall.board.broken = True
    wall.watch()
    lease = db.session.scalars(select(Lease)).one()
    assert lease.until - utcnow() < dt.timedelta(hours=1)
    assert row(wall.connection).status == ConnectionStatus.WORKS
    assert row(wall.connection).failures == 0


def test_refused_credentials_are_noted_on_the_way(wall: Wall) -> None:
    wall.board.locked = True
    wall.watch()
    assert row(wall.connection).status == ConnectionStatus.NEEDS_ATTENTION
    assert told() == [("problem", f"Chalkboard: {expected_name(wall)} needs attention")]


def expected_name(wall: Wall) -> str:
    """The board's address, as it has no description."""
    return str(wall.connection.settings["board_url"]).partition("://")[2]


def test_one_that_is_switched_off_is_not_asked(wall: Wall) -> None:
    connections.switch(COMMAND_LINE, wall.connection, on=False)
    assert wall.watch(everything=True) == "0 asked, 0 warnings"
    assert wall.board.asked == 0
