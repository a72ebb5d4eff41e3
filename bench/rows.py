"""`python -m bench.rows INCIDENTS USERS PEOPLE`: rows for a database that has its connections already.

As `bench.load`, but without tickets, and with the accounts of those who browse (bench.people).
"""

from __future__ import annotations

import sys

from sqlalchemy import select

from app import create_app
from bench import data
from bench.load import batches, bulk
from bench.people import email_of
from bench.processes import PASSWORD
from extensions import db
from models import Connection, Incident, IntegrationUser, Role, TimelineEntry
from services import users as accounts
from services.actors import COMMAND_LINE


def main(incidents: int, users: int, people: int) -> None:
    """Insert the rows."""
    with create_app().app_context():
        connected = list(db.session.scalars(select(Connection.id).order_by(Connection.id)))
        db.session.remove()
        for batch in batches(data.incidents(incidents, incidents)):
            bulk({Incident: batch})
        bulk({TimelineEntry: list(data.timeline(range(1, incidents + 1)))})
        for batch in batches(data.people(users, connected)):
            bulk({IntegrationUser: batch})
        for email in sorted({email_of(number) for number in range(people)}):
            accounts.add(COMMAND_LINE, email=email, name="Bench", role=Role.ADMIN, password=PASSWORD)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:4]))
