"""People kept true, with every ticket provider: renamed, inactive, back and gone; and runs that end in the middle."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from sqlalchemy import select

import providers
from extensions import db
from models import Connection, Event, IntegrationUser, Notice, PeriodicRun
from providers.base import utcnow
from services import connections, integration_users, people_care, people_notices, runtime, schedule, store
from services.actors import COMMAND_LINE, SYSTEM
from services.integration_users import NotAdded
from tests.services.people_world import DANA, INES, FromTheSecondOn, World, age, events, only, populate, told

pytest_plugins = ("tests.services.people_fixtures",)


# -- what changes


def test_nothing_changed_costs_one_call_and_leaves_no_trace_but_the_time(world: World) -> None:
    age()
    report = people_care.recheck(SYSTEM)
    assert (report.read, report.updated, report.inactive, report.gone, report.back) == (3, 0, 0, 0, 0)
    assert (world.reads(), events(), told()) == (1, [], [])
    ages = [utcnow() - checked for checked in db.session.scalars(select(IntegrationUser.checked_at))]
    assert max(ages) < dt.timedelta(minutes=5)


def test_a_new_name_is_taken_over_with_an_event(world: World) -> None:
    world.ways.rename(world.standin, DANA, "Dana Novak")
    report = people_care.recheck(SYSTEM)
    assert (report.read, report.updated) == (3, 1)
    assert world.state() == {"Dana Novak": "active", "Ines Duarte": "active", "Sam Lee": "active"}
    assert events() == [("integration_user.updated", "Dana Novak")]
    event = db.session.scalars(select(Event).where(Event.action == "integration_user.updated")).one()
    assert event.details == {"name": {"before": "Dana Reyes", "after": "Dana Novak"}}
    assert (event.actor, told()) == ("Patchpanel", [])


def test_inactive_and_gone_people_are_marked_told_once_and_left_out_of_pick_lists(world: World) -> None:
    world.ways.switch(world.standin, DANA, on=False)
    world.ways.remove(world.standin, INES)
    for _ in range(2):
        people_care.recheck(SYSTEM)
    assert world.state() == {"Dana Reyes": "inactive", "Ines Duarte": "gone", "Sam Lee": "active"}
    label = providers.get(world.connection.provider_key).label
    words = "Inactive: Dana Reyes. Not found: Ines Duarte. They can no longer be chosen."
    assert told() == [(f"2 people need attention in {label}: Ops", f"{words} Reassign the tickets they still have.")]
    notice = db.session.scalars(select(Notice)).one()
    assert (notice.audience, notice.level) == ("responder", "warning")
    assert notice.link == f"/setup/integration-users?connection={world.connection.id}&status=attention"
    assert events() == [("integration_user.inactive", "Dana Reyes"), ("integration_user.not_found", "Ines Duarte")]
    assert [choice.name for choice in integration_users.choices(world.connection.id)] == ["Sam Lee"]


def test_who_comes_back_can_be_chosen_again_and_is_told_anew_when_leaving_again(world: World) -> None:
    for on in (False, True, False):
        world.ways.switch(world.standin, DANA, on=on)
        report = people_care.recheck(SYSTEM)
        assert (report.inactive, report.back) == ((0, 1) if on else (1, 0))
    assert [action for action, _ in events()] == [
        "integration_user.inactive",
        "integration_user.active_again",
        "integration_user.inactive",
    ]
    assert len(told()) == 2


def test_a_thousand_people_cost_one_call_per_batch(world: World) -> None:
    only(world, "nobody@sandbox.example")
    emails = populate(world.ways, world.standin, world.connection, 1_000)
    world.ways.switch(world.standin, emails[3], on=False)
    world.ways.remove(world.standin, emails[990])
    world.standin.calls.clear()
    report = people_care.recheck(SYSTEM)
    assert len(world.standin.calls) == math.ceil(1_000 / world.ways.batch)
    assert (report.read, report.updated, report.inactive, report.gone) == (1_000, 0, 1, 1)
    label = providers.get(world.connection.provider_key).label
    assert [title for title, _ in told()] == [f"2 people need attention in {label}: Ops"]


# -- what fails


def test_a_provider_that_fails_in_the_middle_loses_nothing_and_goes_on_there_next_time(world: World) -> None:
    only(world, "nobody@sandbox.example")
    size = world.ways.batch
    emails = populate(world.ways, world.standin, world.connection, 2 * size + 5)
    for number in (0, size, 2 * size):
        world.ways.switch(world.standin, emails[number], on=False)
    age()
    world.standin.faults.arm(FromTheSecondOn("fail", f"GET {world.ways.read}", None, status=503))
    first = people_care.recheck(SYSTEM)
    label = providers.get(world.connection.provider_key).label
    assert (first.read, first.inactive, first.no_answer) == (size, 1, [f"{label}: Ops"])
    assert list(world.state().values()).count("inactive") == 1
    world.standin.faults.clear()
    second = people_care.recheck(SYSTEM)
    assert (second.read, second.inactive, second.no_answer) == (2 * size + 5, 2, [])
    assert len(told()) == 2


def test_who_was_not_reached_comes_first_next_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    only(world, "nobody@sandbox.example")
    emails = populate(world.ways, world.standin, world.connection, world.ways.batch + 3)
    ids = list(db.session.scalars(select(IntegrationUser.id).order_by(IntegrationUser.id)))
    age()
    with store.write() as session:
        for number in ids[: world.ways.batch]:
            session.get_one(IntegrationUser, number).checked_at = utcnow()
    world.ways.switch(world.standin, emails[-1], on=False)
    monkeypatch.setattr(people_care, "RUN_SECONDS", 0.0)
    assert str(people_care.recheck(SYSTEM)).endswith("; the rest is read at the next run")
    assert world.state()[f"Person {world.ways.batch + 2:04}"] == "active"
    world.standin.faults.arm(FromTheSecondOn("fail", f"GET {world.ways.read}", None, status=503))
    report = people_care.recheck(SYSTEM, everything=True)
    assert (report.read, report.inactive) == (3, 1)


def test_refused_credentials_are_told_and_mark_nobody(world: World) -> None:
    with store.write() as session:
        row = store.locked(session, Connection, world.connection.id)
        row.seal({name: "wrong-secret-value" for name in row.credentials}, origin=row.origin)
    report = people_care.recheck(SYSTEM)
    assert (report.read, len(report.no_answer), set(world.state().values())) == (0, 1, {"active"})
    assert store.get(Connection, world.connection.id).status == "needs_attention"


def test_connections_that_are_off_or_resting_make_no_call(world: World) -> None:
    world.ways.switch(world.standin, DANA, on=False)
    with store.write() as session:
        store.locked(session, Connection, world.connection.id).rests_until = utcnow() + dt.timedelta(minutes=5)
    assert len(people_care.recheck(SYSTEM).no_answer) == 1
    connections.switch(COMMAND_LINE, store.get(Connection, world.connection.id), on=False)
    assert people_care.recheck(SYSTEM).read == 0
    assert (world.standin.calls, set(world.state().values())) == ([], {"active"})


def test_answers_about_another_site_are_not_written(world: World) -> None:
    """Somebody pointed the connection elsewhere while the provider was asked."""
    world.ways.switch(world.standin, DANA, on=False)
    run = people_care._Run(SYSTEM, world.connection.id, people_care.Report(), None)
    batch = next(people_care._batches(world.connection.id, 10))
    look = people_care._look(run, store.get(Connection, world.connection.id), batch)
    assert look is not None
    with store.write() as session:
        store.locked(session, Connection, world.connection.id).origin = "https://elsewhere.example:443"
    people_care._write(run, look)
    assert set(world.state().values()) == {"active"}


def test_an_older_answer_does_not_overwrite_a_newer_one(world: World) -> None:
    run = people_care._Run(SYSTEM, world.connection.id, people_care.Report(), None)
    batch = next(people_care._batches(world.connection.id, 10))
    older = people_care._look(run, store.get(Connection, world.connection.id), batch)
    assert older is not None
    world.ways.switch(world.standin, DANA, on=False)
    people_care.recheck(SYSTEM)
    people_care._write(run, older)
    assert world.state()["Dana Reyes"] == "inactive"
    assert len(told()) == 1


def test_the_worker_does_it_every_night(world: World) -> None:
    world.ways.switch(world.standin, DANA, on=False)
    schedule.prepare()
    assert "people" in schedule.due()
    schedule.run("people")
    row = db.session.get_one(PeriodicRun, "people", populate_existing=True)
    assert row.started_at is not None
    assert (row.outcome, row.due_at - row.started_at) == ("done", dt.timedelta(days=1))
    assert row.report == "3 read, 0 updated, 1 inactive, 0 not found, 0 active again"
    assert runtime.settings().intervals["people"] == 24 * 3600


def test_an_inactive_person_cannot_be_added_again(world: World) -> None:
    world.ways.switch(world.standin, DANA, on=False)
    people_care.recheck(SYSTEM)
    with pytest.raises(NotAdded):
        integration_users.add(COMMAND_LINE, world.connection.id, DANA)


def test_a_long_list_of_names_is_cut_short() -> None:
    news = [(f"Person {number}", integration_users.PersonStatus.GONE) for number in range(12)]
    words = people_notices._words(news)
    assert words.startswith("Not found: Person 0, ")
    assert "Person 9. And 2 more. They can" in words
