"""`python -m bench.load INCIDENTS USERS TICKETS JIRA_URL`: fill the prepared database of the environment.

Connections and one real person are made by the product's services (credentials are sealed as usual); everything else
by bulk inserts in small batches, with all indexes and search triggers in force. Prints JSON: rows per second.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from sqlalchemy import insert

import providers
from app import create_app
from bench import data
from extensions import db
from models import Connection, Incident, IntegrationUser, Ticket, TimelineEntry
from services import connections, integration_users
from services.actors import COMMAND_LINE
from standins.jira_people import ADMIN_EMAIL, API_TOKEN

BATCH = 1_000
CONNECTIONS = 3
ASSIGNEE = "dana.reyes@sandbox.example"


def main(incidents: int, users: int, tickets: int, jira_url: str) -> dict[str, float]:
    """Fill the database. Returns rows per second of incidents, each with its timeline entry."""
    with create_app().app_context():
        connected = [connect(jira_url, number) for number in range(CONNECTIONS)]
        integration_users.add(COMMAND_LINE, connected[0].id, ASSIGNEE)
        seconds = _fill(incidents, users, tickets, connected)
        _settle()
    return {"incident_rows_per_second": incidents / seconds}


def connect(jira_url: str, number: int) -> Connection:
    typed = connections.Typed(
        "api_token",
        {"service_url": jira_url, "user_email": ADMIN_EMAIL},
        {"api_token": API_TOKEN},
        description=f"Operations {number + 1}",
    )
    return connections.create(COMMAND_LINE, providers.get("jira"), typed)


def _fill(incidents: int, users: int, tickets: int, connected: list[Connection]) -> float:
    """Insert the rows; returns the seconds that incidents and timeline entries took."""
    # The newest incidents have tickets, the others can be given one.
    first_ticket_at = incidents - tickets
    started = time.perf_counter()
    rows = data.incidents(incidents, first_ticket_at)
    numbers = range(1, incidents + 1)
    for batch, ids in zip(batches(rows), batches(numbers), strict=True):
        bulk({Incident: batch, TimelineEntry: list(data.timeline(range(ids[0], ids[-1] + 1)))})
    seconds = time.perf_counter() - started
    with_ticket = range(first_ticket_at + 1, incidents + 1)
    others = chain(
        ((IntegrationUser, batch) for batch in batches(data.people(users, [c.id for c in connected]))),
        ((Ticket, batch) for batch in batches(data.tickets(with_ticket, connected[0].id, connected[0].description))),
    )
    for model, batch in others:
        bulk({model: batch})
    return seconds


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most BATCH rows."""
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield batch


def bulk(rows: dict[Any, list[dict[str, Any]]]) -> None:
    """Insert rows into tables in one transaction."""
    with db.engine.connect().execution_options(write=True) as connection, connection.begin():
        for model, batch in rows.items():
            connection.execute(insert(model.__table__), batch)


def _settle() -> None:
    """What PostgreSQL's own background work does some minutes after a load: statistics, visibility map, index lists."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")


if __name__ == "__main__":
    figures = main(*(int(text) for text in sys.argv[1:4]), sys.argv[4])
    sys.stdout.write(json.dumps(figures) + "\n")
