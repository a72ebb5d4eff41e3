"""Ten thousand tickets: the number of calls, flat memory, and a worker that is killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, select

from extensions import db
from models import Connection, Ticket
from services import ticket_sync
from services.actors import SYSTEM
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from tests import support_sync
from tests.conftest import Site
from tests.support_postgres import shared_postgres
from tests.support_server import ROOT, Product, kill_group, wait_until
from worker import THREADS

BULK = "/rest/api/3/issue/bulkfetch"
ADMIN = "ada@patchpanel.example"
INTEGRATIONS = "/settings/organization/integrations"


def resident_kilobytes() -> int:
    """Memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def batches(standin: JiraStandin) -> list[list[str]]:
    """The ids each call for many asked for."""
    return [call.body["issueIdsOrKeys"] for call in standin.calls if call.path == BULK]


def run(jira: Site, connection: Connection, count: int) -> None:
    """Follow so many tickets and read all of them back in one run, each once."""
    issues = support_sync.make_issues(jira.standin, count)
    support_sync.follow(db.engine, connection.id, issues)
    for issue in issues[:: count // 50]:
        jira.standin.set_status(issue.key, "Done")
    jira.standin.calls.clear()
    held = resident_kilobytes()
    report = ticket_sync.sync_connection(SYSTEM, connection.id)
    grown = resident_kilobytes() - held
    assert report.read == count
    assert len(jira.standin.calls) == count // 100
    assert Counter(each for ids in batches(jira.standin) for each in ids) == Counter(issue.id for issue in issues)
    # What grows is mostly the sandbox's own record of these calls, in this process too.
    assert grown < 30_000, f"{grown} kB more after {count} tickets"
    left = select(func.count()).where(Ticket.synced_at.is_(None), Ticket.connection_id == connection.id)
    assert db.session.scalar(left) == 0


def test_a_thousand_tickets_are_read_back_with_ten_calls(jira: Site, connected: Connection) -> None:
    run(jira, connected, 1_000)


@pytest.mark.long
def test_ten_thousand_tickets_are_read_back_with_a_hundred_calls_and_flat_memory(
    jira: Site, connected: Connection
) -> None:
    run(jira, connected, 10_000)


@contextlib.contextmanager
def a_worker(product: Product) -> Iterator[subprocess.Popen[bytes]]:
    """A worker beside the product, as `make worker` starts it."""
    with (product.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "worker.py"],
            cwd=ROOT,
            env=product.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)


def connect(product: Product, url: str) -> int:
    """Connect the sandbox Jira through the page. Returns the connection's number."""
    product.add_user(ADMIN)
    browser = product.browser(ADMIN)
    typed = {"service_url": url, "user_email": ADMIN_EMAIL, "api_token": API_TOKEN}
    answer = browser.submit(f"{INTEGRATIONS}/jira/api_token/new", typed)
    assert answer.status_code == 303, answer.text
    return 1


def read_so_far(engine: Engine) -> int:
    """Tickets that were read back."""
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).where(Ticket.synced_at.is_not(None))) or 0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_worker_killed_in_the_middle_is_followed_by_one_that_reads_the_rest(
    tmp_path: Path, kind: str, count: int
) -> None:
    standin = JiraStandin()
    url = shared_postgres().create_database("sync") if kind == "postgresql" else ""
    with standin.serve() as server:
        product = Product(tmp_path, allow=server.url, database_url=url, PATCHPANEL_INTERVALS="status=1")
        with product:
            connection_id = connect(product, server.url)
            engine = create_engine(
                product.environment["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
            )
            issues = support_sync.make_issues(standin, count)
            support_sync.follow(engine, connection_id, issues)
            standin.calls.clear()
            standin.set(delay=0.05)
            with a_worker(product) as process:
                wait_until("the first batches are read", lambda: read_so_far(engine) >= count // 5, 60)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            wait_until("the last call is over", lambda: all(call.status for call in standin.calls))
            before, called = read_so_far(engine), {each for ids in batches(standin) for each in ids}
            assert 0 < before < count
            # Only what was under way, a batch for each thread, was read without being written down.
            assert len(called) - before <= THREADS * 100
            release_claims(engine)
            with a_worker(product):
                wait_until("the rest is read", lambda: read_so_far(engine) == count, 120)
            engine.dispose()
    asked = Counter(each for ids in batches(standin) for each in ids)
    assert set(asked) == {issue.id for issue in issues}


def release_claims(engine: Engine) -> None:
    """Let the time pass after which a worker is taken for dead."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        for id_, due in connection.execute(select(Ticket.id, Ticket.sync_due_at).where(Ticket.synced_at.is_(None))):
            moved = Ticket.__table__.update().where(Ticket.id == id_).values(sync_due_at=due - ticket_sync.CLAIM)
            connection.execute(moved)
