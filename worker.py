"""The worker: runs what is due. Huey carries the messages; rows with a due time in the database are the truth.

`make worker` runs this file, and `make serve` starts it beside the web server. Every task is one line that calls a
service and may run twice without harm. Messages are JSON and hold a task's name and a row's number, nothing else.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask
from huey import Huey, PostgresHuey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy.engine import make_url

from config import Settings
from providers.base import utcnow
from services import schedule, system, ticket_comments, ticket_settling, ticket_sync, waking
from services.actors import SYSTEM
from supervise import arguments, guarded

THREADS = 4
PULSE_SECONDS = 1.0
SEEN_EVERY = 5  # pulses
STOP_SECONDS = 12
log = logging.getLogger("patchpanel.worker")


class JsonMessages(Serializer):  # type: ignore[misc]  # huey has no types
    """Messages as JSON: what lies in the queue can be read, and reading it can run nothing."""

    def _serialize(self, data: Any) -> bytes:
        if not isinstance(data, Message):
            return json.dumps(data).encode()
        fields = {"id": data.id, "name": data.name, "args": list(data.args)}
        if data.eta is not None:
            fields["eta"] = data.eta.isoformat()
        return json.dumps(fields).encode()

    def _deserialize(self, data: bytes) -> Any:
        found = json.loads(bytes(data))
        if not isinstance(found, dict):
            return found
        eta = dt.datetime.fromisoformat(found["eta"]) if "eta" in found else None
        return Message(
            found["id"], found["name"], eta=eta, retries=0, retry_delay=0, args=tuple(found["args"]), kwargs={}
        )


def queue_for(settings: Settings) -> Huey:
    """The queue these settings ask for: Redis, else inside PostgreSQL, else a file beside the SQLite database."""
    common: dict[str, Any] = {"results": False, "serializer": JsonMessages()}
    if settings.redis_url:
        return RedisHuey("patchpanel", url=settings.redis_url, **common)
    url = make_url(settings.database_url)
    if url.get_backend_name() == "postgresql":
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return PostgresHuey("patchpanel", dsn=dsn, table_prefix="queue", **common)
    return SqliteHuey("patchpanel", filename=f"{url.database}.queue", fsync=False, **common)


def tasks_of(queue: Huey, app: Flask) -> dict[str, Any]:
    """The tasks, by the name they are asked for."""

    @queue.task()  # type: ignore[untyped-decorator]  # huey has no types
    def periodic(name: str) -> None:
        with app.app_context():
            schedule.run(name)

    @queue.task()  # type: ignore[untyped-decorator]  # huey has no types
    def settle(ticket_id: int) -> None:
        with app.app_context():
            ticket_settling.step(SYSTEM, ticket_id)

    @queue.task()  # type: ignore[untyped-decorator]  # huey has no types
    def read_back(connection_id: int) -> None:
        with app.app_context():
            ticket_sync.sync_connection(SYSTEM, connection_id)

    @queue.task()  # type: ignore[untyped-decorator]  # huey has no types
    def comment(comment_id: int) -> None:
        with app.app_context():
            ticket_comments.step(SYSTEM, comment_id)

    return {"periodic": periodic, "settle": settle, "read_back": read_back, "comment": comment}


class LazyQueue:
    """The queue of one application, opened when it is first needed: most processes never do."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._lock = threading.Lock()
        self._opened: tuple[Huey, dict[str, Any]] | None = None

    def open(self) -> tuple[Huey, dict[str, Any]]:
        """The queue and its tasks."""
        with self._lock:
            if self._opened is None:
                queue = queue_for(self._settings)
                self._opened = queue, tasks_of(queue, self._app)
            return self._opened

    def close(self) -> None:
        """Give the queue's own connection back."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].storage.close()
                self._opened = None

    def ask(self, task: str, row_id: int | str, *, seconds: float = 0.0) -> None:
        """Have a worker run this task for this row after so many seconds. Raises whatever the queue raises."""
        _, tasks = self.open()
        tasks[task].schedule((row_id,), delay=seconds) if seconds else tasks[task](row_id)

    def length(self) -> int:
        """Messages nobody has taken yet, those for later included."""
        queue, _ = self.open()
        return int(queue.pending_count() + queue.scheduled_count())

    def place(self) -> str:
        """Where the queue lies, for people; no password."""
        if self._settings.redis_url:
            return "Redis"
        url = make_url(self._settings.database_url)
        return "PostgreSQL" if url.get_backend_name() == "postgresql" else f"{Path(url.database or '').name}.queue"


def install(app: Flask, settings: Settings) -> None:
    """Let this application wake the worker."""
    app.extensions[waking.NAME] = LazyQueue(app, settings)


class Pulse(threading.Thread):
    """Once a second: puts what is due into the queue, and every few seconds says that this worker is alive."""

    def __init__(self, app: Flask, queue: LazyQueue) -> None:
        super().__init__(name="pulse", daemon=True)
        self.stop = threading.Event()
        self._app, self._queue = app, queue
        self._worker, self._since = f"{platform.node()}:{os.getpid()}", utcnow()

    def run(self) -> None:
        """Beat until stopped. Nothing that goes wrong in one beat ends it."""
        beats = 0
        while not self.stop.is_set():
            try:
                with self._app.app_context():
                    self._beat(beats)
            except Exception:
                log.exception("a pulse failed")
            beats += 1
            self.stop.wait(PULSE_SECONDS)
        with self._app.app_context():
            schedule.gone(self._worker)

    def _beat(self, beats: int) -> None:
        if beats == 0:
            schedule.prepare()
        if beats % SEEN_EVERY == 0:
            schedule.seen(self._worker, self._since)
        for name in schedule.due():
            try:
                self._queue.ask("periodic", name)
            except Exception as error:
                # A queue that is out of reach stops nothing; it goes on more slowly.
                log.warning("the queue cannot be reached", extra={"reason": type(error).__name__})
                schedule.run(name)


class _Consumer(Consumer):  # type: ignore[misc]  # huey has no types
    """Finishes what it is doing at the first signal, whichever it is."""

    def _set_signal_handlers(self) -> None:
        self._signal_actions = {signal.SIGTERM: (False, True), signal.SIGINT: (False, True)}
        super()._set_signal_handlers()


def _wait_for_schema(app: Flask) -> None:
    """Another process brings the database up to date; nothing can be done before."""
    while True:
        with app.app_context():
            problems = system.readiness()
        if not problems:
            return
        log.warning("waiting for the database", extra={"reason": problems[0]})
        time.sleep(2)


def main() -> None:
    """Run a worker until it is told to stop; what it is doing then is finished first."""
    from app import create_app

    app = create_app()
    queue: LazyQueue = app.extensions[waking.NAME]
    _wait_for_schema(app)
    huey, _ = queue.open()
    logging.getLogger("huey").setLevel(logging.WARNING)
    consumer = _Consumer(
        huey, workers=THREADS, periodic=False, max_delay=0.5, shutdown_timeout=STOP_SECONDS, graceful_signal="TERM"
    )
    pulse = Pulse(app, queue)
    pulse.start()
    try:
        consumer.run()
    finally:
        pulse.stop.set()
        pulse.join(PULSE_SECONDS * 3)


if __name__ == "__main__":
    arguments()
    sys.exit(guarded(main))
