"""Renewing access tokens from several processes at once, and from one that dies in the middle."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Connection, ConnectionStatus, Lease
from providers.base import utcnow
from providers.oauth import EXPIRES_AT, REFRESH_TOKEN
from services import connection_health, store, tokens
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient, Site, runtime_of
from tests.support_consent import Vendor

TOKEN = "/oauth/token"


@pytest.fixture
def vendor(jira: Site, allow: Callable[..., None]) -> Vendor:
    """The stand-in as the vendor of consents."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    return Vendor(jira)


@pytest.fixture
def installed(admin: PatchpanelClient, vendor: Vendor) -> Connection:
    """A connection made by consent; the calls for it are forgotten."""
    vendor.install(admin)
    vendor.standin.calls.clear()
    return now()


def now() -> Connection:
    """The one connection, as it is stored."""
    db.session.rollback()
    found = db.session.scalars(select(Connection).execution_options(populate_existing=True)).one()
    store.release()
    return found


def age(**settings: str) -> None:
    """Change clear settings of the connection, such as the time its token ends."""
    with store.write() as session:
        connection = session.scalars(select(Connection)).one()
        connection.settings = {**connection.settings, **settings}


def expire(vendor: Vendor) -> None:
    """The access token's hour is over, here and at the vendor."""
    age(**{EXPIRES_AT: (utcnow() - dt.timedelta(seconds=1)).isoformat()})
    vendor.standin.advance(3601)


def paths(vendor: Vendor) -> list[str]:
    """What was called, in order."""
    return [f"{call.method} {call.path}" for call in vendor.standin.calls]


@contextmanager
def process(app: Flask, connection: Connection, threads: int) -> Iterator[subprocess.Popen[str]]:
    """A process whose threads wait for a line before they ask for a token."""
    settings = runtime_of(app).settings
    environ = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "PATCHPANEL_KEYRING_FILE": str(settings.keyring_file),
        "PATCHPANEL_SECRET_KEY_FILE": str(settings.secret_key_file),
        "PATCHPANEL_OUTBOUND_ALLOW": settings.outbound_allow,
    }
    command = [sys.executable, "-m", "tests.refreshing_process", str(connection.id), str(threads)]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        try:
            assert child.stdout is not None
            while (line := child.stdout.readline()) != "ready\n":
                assert line, "the process ended early"
            yield child
        finally:
            child.kill()


def go(child: subprocess.Popen[str]) -> None:
    """Let the threads of a process begin."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def test_twenty_threads_in_four_processes_make_one_call(app: Flask, installed: Connection, vendor: Vendor) -> None:
    expire(vendor)
    vendor.standin.hold(0.2, route=TOKEN)
    with ExitStack() as stack:
        children = [stack.enter_context(process(app, installed, 5)) for _ in range(4)]
        for child in children:
            go(child)
        results = []
        for child in children:
            assert child.stdout is not None
            lines = [line for line in child.stdout.read().splitlines() if not line.startswith("{")]
            results.append(lines[-1])
    assert results == ["5 1"] * 4
    assert paths(vendor) == [f"POST {TOKEN}"]


@contextmanager
def nobody_writes(connection: Connection) -> Iterator[None]:
    """Hold back every write to the connection meanwhile."""
    connection_id = connection.id
    with db.engine.connect().execution_options(write=True) as held, held.begin():
        # FOR UPDATE for PostgreSQL; SQLite has one writer at a time anyway, and this is it.
        held.execute(select(Connection.id).where(Connection.id == connection_id).with_for_update())
        yield


def until(condition: Callable[[], Any]) -> None:
    """Wait until something holds, for 5 seconds at most."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def kill_between_answer_and_commit(app: Flask, connection: Connection, vendor: Vendor) -> None:
    """The vendor changes the refresh token, the process that asked dies before it has stored the new one."""
    expire(vendor)
    done = vendor.standin.oauth.refreshes
    vendor.standin.hold(route=TOKEN)
    with process(app, connection, 1) as child:
        go(child)
        until(lambda: paths(vendor).count(f"POST {TOKEN}"))
        with nobody_writes(connection):
            vendor.standin.release()
            until(lambda: vendor.standin.oauth.refreshes == done + 1)
            time.sleep(0.2)
            child.send_signal(signal.SIGKILL)
            child.wait(5)


def survive(app: Flask, connection: Connection, vendor: Vendor, runs: int) -> None:
    """After each such death, the next process goes on with the former refresh token."""
    for _ in range(runs):
        vendor.standin.calls.clear()
        before = now().for_client().credentials
        kill_between_answer_and_commit(app, connection, vendor)
        assert now().for_client().credentials == before
        with store.write() as session:
            dead = session.scalars(select(Lease)).one()
            assert dead.until - utcnow() <= tokens.LEASE
            dead.until = utcnow()
        connection_health.check(COMMAND_LINE, now())
        assert now().status == ConnectionStatus.WORKS
        assert now().for_client().credentials[REFRESH_TOKEN] != before[REFRESH_TOKEN]


def test_a_death_between_answer_and_commit_loses_no_connection(
    app: Flask, installed: Connection, vendor: Vendor
) -> None:
    survive(app, installed, vendor, 10)


@pytest.mark.long
def test_many_deaths_between_answer_and_commit_lose_no_connection(
    app: Flask, installed: Connection, vendor: Vendor
) -> None:
    survive(app, installed, vendor, 100)


def test_a_renewal_under_way_does_not_overwrite_a_new_consent(
    app: Flask, installed: Connection, admin: PatchpanelClient, vendor: Vendor
) -> None:
    expire(vendor)
    vendor.standin.hold(route=TOKEN, after=True)
    with process(app, installed, 1) as child:
        go(child)
        until(lambda: vendor.standin.oauth.refreshes == 1)
        vendor.reconnect(admin, installed.id)
        fresh = now().for_client().credentials
        vendor.standin.release()
        child.wait(5)
    assert now().for_client().credentials == fresh
    connection_health.check(COMMAND_LINE, now())
