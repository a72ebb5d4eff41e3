"""Connections that are watched: their rows, and what was told of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select, update

import providers
from extensions import db
from models import Connection, Notice, PeriodicRun
from providers.base import utcnow
from services import connections, runtime, schedule, store
from services.actors import COMMAND_LINE
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.conftest import Site


def row(connection: Connection) -> Connection:
    """The connection as it is stored."""
    found = store.get(Connection, connection.id)
    store.release()
    return found


def another(jira: Site) -> Connection:
    """One more connection to the same Jira."""
    settings = {"service_url": jira.url, "user_email": ADMIN_EMAIL}
    typed = connections.Typed("api_token", settings, {"api_token": API_TOKEN}, description="Another")
    return connections.create(COMMAND_LINE, providers.get("jira"), typed)


def told() -> list[tuple[str, str]]:
    """Level and title of every notice, oldest first."""
    found = [(n.level, n.title) for n in db.session.scalars(select(Notice).order_by(Notice.id))]
    store.release()
    return found


def change(connection: Connection, **values: Any) -> None:
    """Set columns of the connection."""
    with store.write() as session:
        session.execute(update(Connection).where(Connection.id == connection.id).values(**values))


def an_interval_later(connection: Connection) -> None:
    """Make the next check due, and the task with it."""
    interval = dt.timedelta(seconds=runtime.settings().intervals["check"])
    change(connection, last_checked_at=utcnow() - interval)
    schedule.prepare()
    with store.write() as session:
        session.execute(update(PeriodicRun).where(PeriodicRun.name == "check").values(due_at=utcnow()))
