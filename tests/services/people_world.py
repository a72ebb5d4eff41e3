"""Each ticket system with people in it, for the tests of their nightly re-check."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

import providers
from extensions import db
from models import Connection, Event, IntegrationUser, Notice
from providers.base import utcnow
from services import connections, store
from services.actors import COMMAND_LINE
from standins.azure_devops_people import Person as AzurePerson
from standins.faults import Fault
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.conftest import Site

DANA, INES, SAM = (f"{name}@sandbox.example" for name in ("dana.reyes", "ines.duarte", "sam.lee"))


@dataclass(frozen=True)
class Ways:
    """How people change at one stand-in; people are named by their e-mail address.

    `read` is the path their ids are read with, `batch` how many go into one call, `empty` an answer with nobody in it.
    """

    batch: int
    read: str
    empty: Any
    add: Callable[[Any, str, str], str]
    name: Callable[[str], str] = lambda email: email

    def rename(self, standin: Any, email: str, name: str) -> None:
        """Give somebody another name."""
        standin.rename_person(self.name(email), name)

    def remove(self, standin: Any, email: str) -> None:
        """Nobody knows this person any more."""
        standin.remove_person(self.name(email))

    def switch(self, standin: Any, email: str, *, on: bool) -> None:
        """Deactivate or reactivate somebody."""
        standin.set_active(self.name(email), on)


def _to_servicenow(standin: Any, name: str, email: str) -> str:
    sys_id = uuid.uuid4().hex
    row = {"sys_id": sys_id, "user_name": email.split("@")[0], "name": name, "email": email, "active": "true"}
    standin.lists["sys_user"].append(row)
    return sys_id


def _to_azure(standin: Any, name: str, email: str) -> str:
    number = str(uuid.uuid4())
    standin.people[number] = AzurePerson(number, name, email, email)
    return number


WAYS = {
    "jira": Ways(
        50,
        "/rest/api/3/user/bulk",
        {"values": [], "total": 0, "isLast": True, "maxResults": 50, "startAt": 0},
        lambda standin, name, email: str(standin.add_person(name, email)),
    ),
    "servicenow": Ways(
        100, "/api/now/table/sys_user", {"result": []}, _to_servicenow, name=lambda email: email.split("@")[0]
    ),
    "azure_devops": Ways(50, "/sandbox/_apis/identities", {"count": 0, "value": []}, _to_azure),
}


def populate(ways: Ways, standin: Any, connection: Connection, count: int) -> list[str]:
    """Put many people into the system and on the list: Person 0000, Person 0001, … Returns their addresses."""
    emails = [f"person{number:04}@sandbox.example" for number in range(count)]
    ids = [ways.add(standin, f"Person {number:04}", email) for number, email in enumerate(emails)]
    now = utcnow()
    with store.write() as session:
        for number, (email, external_id) in enumerate(zip(emails, ids, strict=True)):
            user = IntegrationUser(
                connection_id=connection.id,
                email=email,
                name=f"Person {number:04}",
                external_username=ways.name(email),
                external_id=external_id,
                checked_at=now,
                created_at=now,
            )
            session.add(user)
    return emails


@dataclass
class World:
    """A connected system with Dana, Ines and Sam on the list."""

    standin: Any
    connection: Connection
    ways: Ways

    def state(self) -> dict[str, str]:
        """Everybody's status by name."""
        rows = db.session.execute(select(IntegrationUser.name, IntegrationUser.status).order_by(IntegrationUser.id))
        found = {row.name: row.status for row in rows}
        store.release()
        return found

    def reads(self) -> int:
        """How many calls read people by their ids since the last look."""
        made = len([call for call in self.standin.calls if call.path == self.ways.read])
        self.standin.calls.clear()
        return made


@dataclass
class FromTheSecondOn(Fault):
    """The first request goes through, every one after it fails."""

    seen: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether it is this one's turn."""
        fits = super().matches(method, path)
        self.seen += fits
        return fits and self.seen > 1


def told() -> list[tuple[str, str]]:
    """Title and text of every notice, oldest first."""
    found = [(notice.title, notice.text) for notice in db.session.scalars(select(Notice).order_by(Notice.id))]
    store.release()
    return found


def events() -> list[tuple[str, str]]:
    """Action and person of what was noted after the people were added."""
    query = select(Event).where(Event.target_kind == "integration_user", Event.action != "integration_user.added")
    found = [(event.action, event.target) for event in db.session.scalars(query.order_by(Event.id))]
    store.release()
    return found


def connect(jira: Site) -> Connection:
    """A connection to this Jira, with nobody on the list."""
    settings = {"service_url": jira.url, "user_email": ADMIN_EMAIL}
    typed = connections.Typed("api_token", settings, {"api_token": API_TOKEN}, description="Ops")
    return connections.create(COMMAND_LINE, providers.get("jira"), typed)


def only(world: World, email: str) -> None:
    """Take everybody else off the list."""
    with store.write() as session:
        for user in session.scalars(select(IntegrationUser).where(IntegrationUser.email.ilike(email).is_(False))):
            session.delete(user)


def age(hours: int = 24) -> None:
    """Let everybody's last check be long ago."""
    with store.write() as session:
        for user in session.scalars(select(IntegrationUser)):
            user.checked_at -= dt.timedelta(hours=hours)
