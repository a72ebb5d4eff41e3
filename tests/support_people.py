"""Connections for tests of integration users: the sandbox Jira on a socket, and a provider made up on the spot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any, ClassVar

from flask import Flask

import providers
from models import Connection, IntegrationUser
from providers.base import AuthMethod, Client, FindsPeople, Group, Provider, Sentences, utcnow
from providers.errors import ProviderError
from providers.values import Person
from services import runtime, store
from services.actors import Actor, permissions_of
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin

PAGE = "/setup/integration-users"
NEW = PAGE + "/new"
LOOK_UP = PAGE + "/look-up"
TYPING = {"HX-Target": "person"}
ADMIN = Actor(id=None, name="Ada Admin", permissions=permissions_of("admin"), address="127.0.0.1", request_id="req-1")
MEMBER = Actor(id=None, name="Max Member", permissions=permissions_of("member"))
BOOK_TENANT = "book.example"


class PhoneBook(Client, FindsPeople):
    """A provider nobody wrote a line for outside this class: people by address, or the error to raise."""

    entries: ClassVar[dict[str, Sequence[Person] | ProviderError]] = {}
    asked: ClassVar[list[str]] = []

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """The site."""
        return f"https://{settings['site']}:443"

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """The site."""
        return settings["site"]

    def find_people(self, email: str) -> Sequence[Person]:
        """What the book says."""
        self.asked.append(email)
        found = self.entries.get(email, ())
        if isinstance(found, ProviderError):
            raise found
        return found


PROVIDER = Provider(
    key="phone_book",
    label="Phone Book",
    group=Group.TICKETS,
    purpose="Knows people.",
    auth_methods=(AuthMethod("none", "None", ()),),
    client=PhoneBook,
    sentences=Sentences(unreachable="The book does not open"),
    integration_type="PhoneBook",
)


@contextmanager
def phone_book() -> Iterator[type[PhoneBook]]:
    """The made-up provider, registered for the time of a test."""
    providers.register(PROVIDER)
    PhoneBook.entries.clear()
    PhoneBook.asked.clear()
    try:
        yield PhoneBook
    finally:
        providers.unregister(PROVIDER.key)


@contextmanager
def sandbox_jira(app: Flask) -> Iterator[tuple[JiraStandin, str]]:
    """The sandbox Jira on a socket this application may call, and its address."""
    jira = JiraStandin()
    server = jira.serve()
    runtime.install(app, replace(runtime.settings(), outbound_allow=server.url))
    try:
        yield jira, server.url
    finally:
        jira.release()
        server.stop()


def book_connection(site: str = BOOK_TENANT, *, description: str = "", enabled: bool = True) -> Connection:
    """A connection of the made-up provider."""
    return _connection("phone_book", "none", {"site": site}, {}, description=description, enabled=enabled)


def jira_connection(url: str, *, token: str = API_TOKEN, enabled: bool = True) -> Connection:
    """A connection to the sandbox Jira."""
    settings = {"service_url": url, "user_email": ADMIN_EMAIL}
    return _connection("jira", "api_token", settings, {"api_token": token}, description="", enabled=enabled)


def _connection(
    key: str, method: str, settings: dict[str, str], secrets: dict[str, str], *, description: str, enabled: bool
) -> Connection:
    now = utcnow()
    connection = Connection(
        provider_key=key,
        slug=f"{key}-{now.timestamp()}",
        uid=f"{now.timestamp():.6f}".replace(".", "")[-32:],
        auth_method=method,
        settings=settings,
        description=description,
        enabled=enabled,
        credentials_version=0,
        created_at=now,
        updated_at=now,
    )
    with store.write() as session:
        connection.seal(secrets, origin=providers.get(key).origin(settings))
        session.add(connection)
    return connection


def person(
    name: str = "Dana Reyes", email: str = "dana@book.example", external_id: str = "d-1", **more: bool
) -> Person:
    """Somebody in the phone book."""
    return Person(external_id=external_id, name=name, username=f"user-{external_id}", email=email, **more)


def fill(connection: Connection, count: int, *, status: str = "active") -> None:
    """Put many people on the list at once: Person 00000, Person 00001, …"""
    now = utcnow()
    with store.write() as session:
        session.add_all(_row(connection, number, status, now) for number in range(count))


def _row(connection: Connection, number: int, status: str, now: dt.datetime) -> IntegrationUser:
    return IntegrationUser(
        connection_id=connection.id,
        email=f"person{number:05}@fill.example",
        name=f"Person {number:05}",
        external_username=f"p{number:05}",
        external_id=f"fill-{status}-{number}",
        status=status,
        checked_at=now,
        created_at=now,
    )


class Controls(HTMLParser):
    """Every control of a page with its label, and every id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.controls: list[dict[str, str | None]] = []
        self.labels: dict[str, str] = {}
        self._for: str | None = None
        self._within = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag == "label":
            self._within, self._for = True, found.get("for")
        if tag in ("input", "select") and found.get("type") != "hidden":
            self.controls.append({**found, "labelled": "yes" if self._within else None})

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._within, self._for = False, None

    def handle_data(self, data: str) -> None:
        if self._for and data.strip():
            self.labels[self._for] = data.strip()

    def value(self, label: str) -> str | None:
        """What the control with this label holds."""
        wanted = next(key for key, text in self.labels.items() if text == label)
        return next(control.get("value") for control in self.controls if control.get("id") == wanted)


def typed(connection: Connection, email: str = "dana@book.example", **more: str) -> dict[str, Any]:
    """What the dialog sends."""
    return {"connection_id": str(connection.id), "email": email, **more}
