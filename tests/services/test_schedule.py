"""Periodic work: due by its row, done by one, noted, and never lost with the queue."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from config import TASKS as INTERVALS
from extensions import db
from models import PeriodicRun
from providers.base import utcnow
from services import runtime, schedule, store
from services.actors import COMMAND_LINE, Actor

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def runs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The only task there is counts its runs (True: everything was wanted)."""
    seen: list[bool] = []

    def run(actor: Actor, everything: bool) -> str:
        seen.append(everything)
        return f"{len(seen)} done"

    monkeypatch.setattr(schedule, "TASKS", {"settle": schedule.Task("Count", run)})
    schedule.prepare()
    return seen


def row() -> PeriodicRun:
    """The task's row as it is now."""
    found: PeriodicRun = db.session.get(PeriodicRun, "settle", populate_existing=True)  # type: ignore[assignment]  # made by prepare
    store.release()
    return found


def change(**values: object) -> None:
    """Set columns of the task's row."""
    with store.write() as session:
        found = session.get(PeriodicRun, "settle")
        for name, value in values.items():
            setattr(found, name, value)


def test_every_setting_has_its_task_and_the_other_way_round() -> None:
    assert set(schedule.TASKS) == set(INTERVALS)


def test_a_task_is_due_at_once_runs_once_and_is_due_again_after_its_interval(runs: list[bool]) -> None:
    assert list(schedule.due()) == ["settle"]
    schedule.run("settle")
    schedule.run("settle")
    assert runs == [False]
    after = row()
    assert (after.outcome, after.report, after.lease_until) == ("done", "1 done", None)
    assert after.started_at is not None
    assert after.due_at - after.started_at == dt.timedelta(seconds=INTERVALS["settle"])
    assert list(schedule.due()) == []


def test_a_due_task_is_named_once_and_again_when_its_message_was_lost(runs: list[bool]) -> None:
    assert list(schedule.due()) == ["settle"]
    assert list(schedule.due()) == []
    change(queued_at=utcnow() - schedule.LOST - dt.timedelta(seconds=1))
    assert list(schedule.due()) == ["settle"]


def test_a_task_somebody_runs_is_left_to_them_until_their_lease_ends(runs: list[bool]) -> None:
    change(holder="another", lease_until=utcnow() + HOUR)
    schedule.run("settle")
    assert (runs, list(schedule.due())) == ([], [])
    change(lease_until=utcnow() - dt.timedelta(seconds=1))
    assert list(schedule.due()) == ["settle"]
    schedule.run("settle")
    assert runs == [False]


def test_workers_that_start_a_task_at_the_same_moment_run_it_once(app: Flask, runs: list[bool]) -> None:
    barrier = threading.Barrier(4)

    def work() -> None:
        with app.app_context():
            barrier.wait()
            schedule.run("settle")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs == [False]


def test_a_task_that_fails_is_noted_and_tried_again_later(runs: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(actor: Actor, everything: bool) -> str:
        raise ValueError("password=hunter2")

    monkeypatch.setattr(schedule, "TASKS", {"settle": schedule.Task("Count", fail)})
    schedule.run("settle")
    after = row()
    assert after.outcome == "failed"
    assert "ValueError" in after.report
    assert "hunter2" not in after.report
    assert after.due_at > utcnow()


def test_everything_at_once_runs_what_is_not_due_and_what_somebody_holds(runs: list[bool]) -> None:
    schedule.run("settle")
    change(holder="another", lease_until=utcnow() + HOUR)
    assert schedule.run_all(COMMAND_LINE) == {"settle": (True, "2 done")}
    assert runs == [False, True]


def test_the_end_of_a_run_that_lost_its_lease_is_not_written(runs: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(actor: Actor, everything: bool) -> str:
        change(holder="another", lease_until=utcnow() + HOUR)
        return "too late"

    monkeypatch.setattr(schedule, "TASKS", {"settle": schedule.Task("Count", overtaken)})
    schedule.run("settle")
    assert (row().holder, row().report) == ("another", "")


def test_a_shorter_interval_counts_at_the_next_start(app: Flask, runs: list[bool], allow: Callable[..., None]) -> None:
    change(due_at=utcnow() + HOUR)
    now = runtime.settings()
    allow(intervals={**now.intervals, "settle": 7})
    schedule.prepare()
    assert row().due_at <= utcnow() + dt.timedelta(seconds=7)
    assert replace(now).intervals["settle"] == INTERVALS["settle"]


def test_a_worker_is_known_while_it_is_seen_and_forgotten_when_it_goes(app: Flask) -> None:
    schedule.seen("host:1", utcnow())
    schedule.seen("host:1", utcnow())
    assert [worker.name for worker in schedule.workers()] == ["host:1", "test"]
    schedule.gone("host:1")
    assert [worker.name for worker in schedule.workers()] == ["test"]
