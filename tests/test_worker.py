"""The worker as a process of its own: it does what is due, survives the loss of its queue, and says when it is gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huey.registry import Message

import worker
from config import TASKS as INTERVALS
from config import load_settings
from tests.support_postgres import shared_postgres
from tests.support_server import ROOT, Browser, Product, free_port, kill_group, wait_until

ADMIN = "ada@patchpanel.example"
KINDS = ["sqlite", "postgresql", "redis"]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server that keeps nothing."""
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(params=KINDS)
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Product:
    """A product without a worker, with its queue in each place."""
    url = shared_postgres().create_database("worker") if request.param == "postgresql" else ""
    queue = {"REDIS_URL": request.getfixturevalue("redis")} if request.param == "redis" else {}
    intervals = "settle=1,check=1"
    return Product(tmp_path, allow="", database_url=url, PATCHPANEL_INTERVALS=intervals, WORKER="0", **queue)


@contextlib.contextmanager
def running(product: Product) -> Iterator[subprocess.Popen[bytes]]:
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


def place_of_queue(product: Product) -> str:
    """What System Info calls the place of the queue."""
    if "REDIS_URL" in product.environment:
        return "Redis"
    return "PostgreSQL" if "postgresql" in product.environment["DATABASE_URL"] else "patchpanel.sqlite3.queue"


def waiting(browser: Browser) -> int:
    """How many tasks have never run, as System Info shows it."""
    page = browser.get("/settings/system").text
    part = page[page.index('id="background"') :]
    return part[: part.index("</section>")].count(">never<")


def test_a_worker_of_its_own_runs_what_is_due_and_stops_in_order(product: Product) -> None:
    with product:
        product.add_user(ADMIN)
        browser = product.browser(ADMIN)
        assert waiting(browser) == len(INTERVALS)
        assert f"{place_of_queue(product)}: 0 waiting" in browser.get("/settings/system").text
        with running(product) as process:
            wait_until("the worker is seen", lambda: "Running" in browser.get("/settings/system").text)
            wait_until("every task ran", lambda: waiting(browser) == 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        after = browser.get("/settings/system").text
    assert "Running" not in after
    assert (product.folder / "worker.log").read_text().count("Traceback") == 0


def test_an_emptied_or_vanished_queue_loses_nothing(tmp_path: Path) -> None:
    product = Product(tmp_path, allow="", PATCHPANEL_INTERVALS="settle=1", WORKER="0")
    queue = tmp_path / "patchpanel.sqlite3.queue"

    def runs() -> str:
        with contextlib.closing(sqlite3.connect(tmp_path / "patchpanel.sqlite3", timeout=10)) as database:
            found = database.execute("SELECT finished_at FROM periodic_runs WHERE name = 'settle'").fetchone()
        return str(found[0]) if found and found[0] else ""

    with product:
        with running(product):
            wait_until("a task ran", runs)
        first = runs()
        with contextlib.closing(sqlite3.connect(queue, timeout=10)) as database:
            database.execute("DELETE FROM task")
            database.execute("DELETE FROM schedule")
            database.commit()
        with running(product):
            wait_until("it runs again", lambda: runs() != first)
        second = runs()
        for file in tmp_path.glob("*.queue*"):
            file.unlink()
        with running(product):
            wait_until("and again", lambda: runs() != second)


def test_a_queue_that_is_out_of_reach_stops_nothing(tmp_path: Path) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    product = Product(tmp_path, allow="", PATCHPANEL_INTERVALS="settle=1,check=1", WORKER="0", REDIS_URL=nowhere)
    with product:
        product.add_user(ADMIN)
        browser = product.browser(ADMIN)
        assert "cannot be reached" in browser.get("/settings/system").text
        with running(product):
            wait_until("every task ran", lambda: waiting(browser) == 0)


def test_a_worker_that_is_killed_in_the_middle_is_replaced(tmp_path: Path) -> None:
    with Product(tmp_path, allow="", PATCHPANEL_INTERVALS="settle=1", WORKER="1") as product:
        product.add_user(ADMIN)
        browser = product.browser(ADMIN)
        wait_until("the worker is seen", lambda: "Running" in browser.get("/settings/system").text)
        first = _worker_of(product)
        os.kill(first, signal.SIGKILL)
        wait_until("another one runs", lambda: _worker_of(product) not in (0, first))


def _worker_of(product: Product) -> int:
    """Process number of the newest worker in the product's database."""
    with contextlib.closing(sqlite3.connect(product.folder / "patchpanel.sqlite3", timeout=10)) as database:
        found = database.execute("SELECT name FROM worker_processes ORDER BY started_at DESC LIMIT 1").fetchone()
    return int(found[0].rsplit(":", 1)[1]) if found else 0


def test_messages_are_json_and_hold_a_name_and_a_number_only() -> None:
    messages = worker.JsonMessages()
    written = messages.serialize(Message("id-1", "worker.settle", args=(7,), kwargs={}))
    assert json.loads(written) == {"id": "id-1", "name": "worker.settle", "args": [7]}
    read = messages.deserialize(written)
    assert (read.name, read.args, read.kwargs, read.eta) == ("worker.settle", (7,), {}, None)


@pytest.mark.parametrize("message", [b"\x80\x04K\x01.", b"cos\nsystem\n(S'true'\ntR.", b"[]", b"{}", b'{"id": 1}'])
def test_a_message_of_another_kind_runs_nothing(message: bytes) -> None:
    messages = worker.JsonMessages()
    try:
        read = messages.deserialize(message)
    except (ValueError, KeyError):
        return
    assert not isinstance(read, Message)


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, "patchpanel.sqlite3.queue"),
        ({"DATABASE_URL": "postgresql://someone:secret@db.example/patchpanel"}, "PostgreSQL"),
        ({"REDIS_URL": "redis://:secret@redis.example:6379/0"}, "Redis"),
    ],
)
def test_the_queue_lies_where_the_settings_say(environment: dict[str, str], place: str) -> None:
    queue = worker.LazyQueue(None, load_settings(environment))  # type: ignore[arg-type]  # no task is run
    assert queue.place() == place
