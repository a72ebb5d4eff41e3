"""Watched connections: checked in time, each for itself, and not at all when switched off."""

from __future__ import annotations

import threading
import time
from contextvars import Context

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Attempt, Connection, ConnectionStatus, IntegrationUser
from providers.base import utcnow
from providers.errors import Busy
from services import (
    breakers,
    connection_health,
    connection_watch,
    connections,
    store,
)
from services.actors import COMMAND_LINE, SYSTEM
from tests.conftest import Site
from tests.support_watched import an_interval_later, another, change, row, told
from tests.test_pages import queries

CHECK = "GET /rest/api/3/myself"


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    """What other tests taught the circuit breakers of this process does not count."""
    breakers.forget_all()


def test_what_nobody_foresaw_in_one_check_leaves_the_others_alone(jira: Site, connected: Connection) -> None:
    other = another(jira)
    change(connected, auth_method="none of ours", last_checked_at=None)
    before = row(other).last_checked_at
    assert connection_watch.check_due(SYSTEM, everything=True) == "1 work, 1 failed"
    after = row(other).last_checked_at
    assert before is not None
    assert after is not None
    assert after > before


def test_only_what_was_not_checked_lately_is_due(jira: Site, connected: Connection) -> None:
    assert connection_watch.check_due(SYSTEM) == "none was due"
    an_interval_later(connected)
    before = len(jira.standin.calls)
    assert connection_watch.check_due(SYSTEM) == "1 work, 0 failed"
    assert connection_watch.check_due(SYSTEM) == "none was due"
    assert [f"{call.method} {call.path}" for call in jira.standin.calls[before:]] == [CHECK]
    assert connection_watch.check_due(SYSTEM, everything=True) == "1 work, 0 failed"


def test_a_connection_that_is_switched_off_makes_no_call_in_a_whole_sync(
    app: Flask, jira: Site, connected: Connection, person: IntegrationUser
) -> None:
    connections.switch(COMMAND_LINE, connected, on=False)
    change(connected, last_checked_at=None, credential_expires_on=utcnow().date())
    jira.standin.calls.clear()
    attempts = len(db.session.scalars(select(Attempt.id)).all())
    store.release()
    result = Context().run(app.test_cli_runner().invoke, args=["sync"])
    assert result.exit_code == 0, result.output
    assert "Check connections: none was due" in result.output
    assert jira.standin.calls == []
    assert len(db.session.scalars(select(Attempt.id)).all()) == attempts
    with pytest.raises(Exception, match="switched off"):
        connection_health.check(COMMAND_LINE, row(connected))


def test_a_sync_checks_what_is_on_and_the_command_stays(app: Flask, jira: Site, connected: Connection) -> None:
    jira.standin.revoke_token()
    result = Context().run(app.test_cli_runner().invoke, args=["sync"])
    assert "Check connections: 0 work, 1 failed" in result.output
    single = Context().run(app.test_cli_runner().invoke, args=["connections", "check"])
    assert single.exit_code == 1
    assert len(told()) == 1


def test_one_that_hangs_holds_up_none_of_the_others(app: Flask, jira: Site, connected: Connection) -> None:
    every = [connected, *(another(jira) for _ in range(5))]
    began = utcnow()
    jira.standin.hang(route=CHECK)  # whichever call comes first
    running = threading.Thread(target=lambda: Context().run(in_context, app))
    running.start()
    waiting = every
    while len(waiting) > 1:
        waiting = [each for each in waiting if row(each).last_checked_at < began]  # type: ignore[operator]  # they were checked
        # The one that hangs is given up after 30 seconds: by then the others must be through.
        assert all(row(each).failures == 0 for each in every), "the others wait"
        time.sleep(0.05)
    jira.standin.release()
    running.join(20)
    assert [row(each).failures for each in every] == [int(each is waiting[0]) for each in every]
    assert all(row(each).status == ConnectionStatus.WORKS for each in every)


def in_context(app: Flask) -> None:
    """A worker's run."""
    with app.app_context():
        connection_watch.check_due(SYSTEM, everything=True)


def test_finding_out_what_is_due_costs_one_query_however_many_there_are(jira: Site, connected: Connection) -> None:
    for _ in range(3):
        another(jira)
    with queries() as sent:
        assert connection_watch.check_due(SYSTEM) == "none was due"
    assert len(sent) == 1
    with queries() as sent:
        connection_watch.check_due(SYSTEM, everything=True)
    assert (len(sent) - 1) % 4 == 0
    assert (len(sent) - 1) // 4 <= 6


def test_calls_we_hold_back_ourselves_say_nothing_about_the_connection(jira: Site, connected: Connection) -> None:
    before = row(connected).last_checked_at

    connection_health.note(connected.id, connected.credentials_version, Busy())
    after = row(connected)
    assert (after.failures, after.last_error, after.last_checked_at) == (0, "", before)
