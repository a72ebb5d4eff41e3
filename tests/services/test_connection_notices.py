"""A connection that breaks and works again: administrators are told once each, whoever noticed."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

import providers
from extensions import db
from models import Connection, ConnectionStatus, Incident, IntegrationUser, Notice
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.errors import ProviderError
from providers.oauth import EXPIRES_AT, RENEWED_AT
from services import (
    breakers,
    connection_health,
    connection_watch,
    connections,
    runtime,
    schedule,
    tickets,
    tokens,
)
from services.actors import COMMAND_LINE, SYSTEM
from standins.azure_devops import AzureDevOpsStandin
from standins.azure_devops_people import PAT
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.conftest import PatchpanelClient, Site
from tests.support_consent import Vendor
from tests.support_watched import an_interval_later, change, row, told

CHECK = "GET /rest/api/3/myself"


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    """What other tests taught the circuit breakers of this process does not count."""
    breakers.forget_all()


@dataclass
class Watched:
    """A connection whose secret the provider can take back and give again."""

    connection: Connection
    revoke: Callable[[], None]
    restore: Callable[[], None]
    title: str


@pytest.fixture(params=["Jira", "Azure DevOps"])
def watched(request: pytest.FixtureRequest, app: Flask, allow: Callable[..., None]) -> Iterator[Watched]:
    """Two providers that revoke tokens in different ways."""
    if request.param == "Jira":
        jira: Site = request.getfixturevalue("jira")
        connection: Connection = request.getfixturevalue("connected")
        restore = lambda: jira.standin.add_token(ADMIN_EMAIL, API_TOKEN)  # noqa: E731 - one line beside the other
        yield Watched(connection, jira.standin.revoke_token, restore, "Jira: Operations Jira")
        return
    standin = AzureDevOpsStandin()
    with standin.serve() as server:
        allow(server.url)
        typed = connections.Typed(
            "pat", {"organization_url": f"{server.url}/sandbox"}, {"personal_access_token": PAT}, description="Boards"
        )
        connection = connections.create(COMMAND_LINE, providers.get("azure_devops"), typed)
        yield Watched(connection, standin.revoke_token, lambda: standin.add_token(PAT), "Azure DevOps: Boards")


def run_when_due() -> None:
    """What a worker does once a second."""
    if "check" in schedule.due():
        schedule.run("check")


def test_a_revoked_token_needs_attention_at_the_next_check_with_one_notice_and_one_more_when_it_works_again(
    watched: Watched,
) -> None:
    watched.revoke()
    for _ in range(3):
        an_interval_later(watched.connection)
        run_when_due()
    broken = row(watched.connection)
    assert (broken.status, broken.enabled) == (ConnectionStatus.NEEDS_ATTENTION, True)
    assert broken.broken_since is not None
    assert told() == [("problem", f"{watched.title} needs attention")]
    notice = db.session.scalars(select(Notice)).one()
    assert notice.text == broken.last_error
    assert notice.link == f"/settings/organization/integrations/connections/{broken.id}"
    watched.restore()
    change(watched.connection, broken_since=utcnow() - dt.timedelta(hours=3))
    for _ in range(2):
        an_interval_later(watched.connection)
        run_when_due()
    assert (row(watched.connection).status, row(watched.connection).broken_since) == (ConnectionStatus.WORKS, None)
    assert told()[1:] == [("good", f"{watched.title} works again")]
    last = db.session.scalars(select(Notice).order_by(Notice.id.desc())).first()
    assert last is not None
    assert last.text.startswith("It was broken for 3 hours, since ")


def test_a_flapping_connection_is_told_at_each_turn(jira: Site, connected: Connection) -> None:
    for _ in range(3):
        jira.standin.revoke_token()
        connection_watch.check_due(SYSTEM, everything=True)
        jira.standin.add_token(ADMIN_EMAIL, API_TOKEN)
        connection_watch.check_due(SYSTEM, everything=True)
    assert [level for level, _ in told()] == ["problem", "good"] * 3


def test_out_of_reach_it_needs_attention_the_third_time_and_is_told_once(jira: Site, connected: Connection) -> None:
    jira.standin.fail_next(503, times=None, route=CHECK)
    seen = []
    for _ in range(5):
        connection_watch.check_due(SYSTEM, everything=True)
        seen.append((row(connected).status, len(told())))
    works, broken = (ConnectionStatus.WORKS, 0), (ConnectionStatus.NEEDS_ATTENTION, 1)
    assert seen == [works, works, broken, broken, broken]
    jira.standin.faults.clear()
    connection_watch.check_due(SYSTEM, everything=True)
    assert [level for level, _ in told()] == ["problem", "good"]


def test_two_failures_that_passed_are_told_to_nobody(jira: Site, connected: Connection) -> None:
    for _ in range(2):
        jira.standin.fail_next(503, times=2, route=CHECK)
        for _ in range(3):
            connection_watch.check_due(SYSTEM, everything=True)
    assert row(connected).status == ConnectionStatus.WORKS
    assert told() == []


def test_two_workers_that_check_at_once_tell_once(app: Flask, jira: Site, connected: Connection) -> None:
    jira.standin.revoke_token()
    together(app, 3)
    assert [level for level, _ in told()] == ["problem"]
    jira.standin.add_token(ADMIN_EMAIL, API_TOKEN)
    together(app, 3)
    assert [level for level, _ in told()] == ["problem", "good"]


def together(app: Flask, count: int) -> None:
    """So many workers check everything at the same moment."""
    barrier = threading.Barrier(count)

    def work() -> None:
        with app.app_context():
            barrier.wait()
            connection_watch.check_due(SYSTEM, everything=True)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_persons_own_check_and_a_repair_are_told_alike(jira: Site, connected: Connection) -> None:
    jira.standin.revoke_token()
    with pytest.raises(ProviderError):
        connection_health.check(COMMAND_LINE, connected)
    jira.standin.add_token(ADMIN_EMAIL, "a-new-token")
    typed = connections.Typed("api_token", dict(connected.settings), {"api_token": "a-new-token"}, "Operations Jira")
    connections.update(COMMAND_LINE, row(connected), typed)
    assert [level for level, _ in told()] == ["problem", "good"]


def test_a_create_that_finds_the_credentials_refused_tells_it(
    jira: Site, connected: Connection, person: IntegrationUser, incident: Incident
) -> None:
    jira.standin.revoke_token()
    destination = {"project": "10000", "issue_type": "10001"}
    wanted = tickets.Wanted(tickets.new_form_key(), connected.id, person.id, "Disk full", "On db-1", destination, {})
    tickets.create(COMMAND_LINE, incident.id, wanted)
    connection_watch.check_due(SYSTEM, everything=True)
    assert [level for level, _ in told()] == ["problem"]


def test_a_withdrawn_consent_is_told_by_whoever_renews_and_a_new_consent_as_well(
    admin: PatchpanelClient, jira: Site, allow: Callable[..., None]
) -> None:
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    vendor = Vendor(jira)
    vendor.install(admin)
    installed = db.session.scalars(select(Connection)).one()
    jira.standin.revoke_consents()
    over = {EXPIRES_AT: utcnow().isoformat(), RENEWED_AT: (utcnow() - dt.timedelta(days=8)).isoformat()}
    change(installed, settings={**installed.settings, **over})
    tokens.keep_alive(SYSTEM)
    assert [level for level, _ in told()] == ["problem"]
    connection_watch.check_due(SYSTEM, everything=True)
    tokens.keep_alive(SYSTEM)
    assert len(told()) == 1
    assert "Reconnect" in db.session.scalars(select(Notice.text)).one()
    vendor.reconnect(admin, installed.id)
    assert [level for level, _ in told()] == ["problem", "good"]


def test_a_secret_that_does_not_open_needs_attention_and_makes_no_call(jira: Site, connected: Connection) -> None:
    change(connected, origin="https://elsewhere.example:443")
    calls = len(jira.standin.calls)
    assert connection_watch.check_due(SYSTEM, everything=True) == "0 work, 1 failed"
    with pytest.raises(CannotOpen):
        connection_health.check(COMMAND_LINE, row(connected))
    assert len(jira.standin.calls) == calls
    assert row(connected).status == ConnectionStatus.NEEDS_ATTENTION
    assert "cannot be opened" in row(connected).last_error
    assert len(told()) == 1


def test_it_takes_no_longer_than_an_interval_and_a_fraction(
    app: Flask, allow: Callable[..., None], watched: Watched
) -> None:
    allow(intervals={**runtime.settings().intervals, "check": 1})
    schedule.prepare()
    run_when_due()
    assert row(watched.connection).status == ConnectionStatus.WORKS
    watched.revoke()
    revoked = time.monotonic()
    while row(watched.connection).status == ConnectionStatus.WORKS:
        assert time.monotonic() - revoked < 10, "nobody noticed"
        run_when_due()
        time.sleep(0.1)
    assert len(told()) == 1
