"""Fixtures: the application on a real socket, a real browser, and a watch over everything the browser does.

The application is the one of the fixture `app` (same process, same database), served by threads. SQLite is enough
for what a browser shows; the test of the whole job names both databases itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from models import Connection, Incident, IntegrationUser, Role, Ticket, User
from services import destinations, sessions, store, tickets
from services.actors import COMMAND_LINE
from standins.server import RunningServer, serve
from tests.browser.support import INTEGRATIONS, PEOPLE, Guest, Recorder, Watch
from tests.conftest import Site
from tests.support_browser import launch

TIMEOUT_MS = 10_000
DESKTOP = {"width": 1280, "height": 860}


@pytest.fixture
def database_kind() -> str:
    """SQLite; a test that wants another one parametrises this name."""
    return "sqlite"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver, started once per test process."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The machine's Chromium, started once per test process."""
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def served(application_of: Callable[[str], Flask]) -> Iterator[Callable[[str], tuple[Recorder, RunningServer]]]:
    """The application on this kind of database behind a socket, started once per test process."""
    running: dict[str, tuple[Recorder, RunningServer]] = {}

    def get(kind: str) -> tuple[Recorder, RunningServer]:
        if kind not in running:
            recorder = Recorder(application_of(kind))
            running[kind] = (recorder, serve(recorder))
        return running[kind]

    yield get
    for _, server in running.values():
        server.stop()


@pytest.fixture
def recorder(app: Flask, database_kind: str, served: Callable[[str], tuple[Recorder, RunningServer]]) -> Recorder:
    """Everything the server answers during this test."""
    found = served(database_kind)[0]
    found.answers.clear()
    return found


@pytest.fixture
def address(
    app: Flask,
    database_kind: str,
    recorder: Recorder,
    served: Callable[[str], tuple[Recorder, RunningServer]],
    allow: Callable[..., None],
) -> str:
    """Where the application answers; it is its public address too."""
    url = served(database_kind)[1].url
    allow(base_url=url)
    return url


@pytest.fixture
def watch(address: str) -> Iterator[Watch]:
    """Collects what no page may cause: console lines, errors, refused content, requests to elsewhere."""
    found = Watch(address)
    yield found
    assert found.complaints == []


@pytest.fixture
def visitor(chromium: Browser, address: str, watch: Watch) -> Iterator[Callable[..., Guest]]:
    """A new signed-out browser: visitor(java_script_enabled=False, color_scheme="dark")."""
    guests: list[Guest] = []

    def make(**options: Any) -> Guest:
        context = chromium.new_context(base_url=address, **{"viewport": DESKTOP, "locale": "en-GB", **options})
        context.set_default_timeout(TIMEOUT_MS)
        watch.over(context)
        guests.append(Guest(context))
        return guests[-1]

    yield make
    for guest in guests:
        guest.context.close()


@pytest.fixture
def enter(visitor: Callable[..., Guest], address: str, make_user: Callable[..., User]) -> Callable[..., Guest]:
    """A new browser that is signed in already: enter("responder"). The page of signing in has its own tests."""
    users: dict[str, User] = {}

    def do(role: str = Role.ADMIN, **options: Any) -> Guest:
        if role not in users:
            users[role] = make_user(role=role)
        with store.write() as session:
            started = sessions.start(session, session.merge(users[role]), sessions.Browser("127.0.0.1", "Test browser"))
        guest = visitor(**options)
        cookie = {"name": "pp", "value": started.token, "url": address, "httpOnly": True, "sameSite": "Lax"}
        guest.context.add_cookies([cookie])  # type: ignore[list-item]  # the driver's own shape
        return guest

    return do


@pytest.fixture
def ready(jira: Site, person: IntegrationUser, watch: Watch) -> Site:
    """A connected Jira with Dana in it, whose own pages may be visited."""
    watch.allow(jira.url)
    return jira


@pytest.fixture
def ticket(ready: Site, connected: Connection, person: IntegrationUser, incident: Incident) -> Ticket:
    """A ticket of type Task that exists."""
    found: dict[str, str] = {}
    for step, wanted in (("project", "Operations (OPS)"), ("issue_type", "Task")):
        choices = destinations.choices(COMMAND_LINE, connected, step, dict(found))
        found[step] = next(choice.value for choice in choices if choice.label == wanted)
    wanted = tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connected.id,
        integration_user_id=person.id,
        summary=incident.title,
        description=incident.description,
        destination=found,
        values={},
    )
    return tickets.create(COMMAND_LINE, incident.id, wanted)


# Pages that need no row.
FIXED = (
    "/incidents",
    "/incidents?q=nothing-like-this",
    "/incidents/new",
    "/notifications",
    "/settings/system",
    "/settings/users",
    "/settings/users/new",
    "/settings/activity",
    "/settings/activity?outcome=failed",
    "/settings/audit",
    "/account/password",
)


@pytest.fixture
def pages(ticket: Ticket, connected: Connection, person: IntegrationUser, make_user: Callable[..., User]) -> list[str]:
    """Addresses of every page and dialog an administrator can open, with something on each."""
    one, link = f"/incidents/{ticket.incident_id}", f"{INTEGRATIONS}/connections/{connected.id}"
    other = make_user(role=Role.MEMBER, email="max@patchpanel.example")
    return [
        *FIXED,
        one,
        f"{one}/edit",
        f"{one}/tickets/new",
        f"{one}/tickets/link",
        f"{one}/tickets/{ticket.id}/assign",
        f"{one}/tickets/{ticket.id}/unlink",
        PEOPLE,
        f"{PEOPLE}/new",
        f"{PEOPLE}/{person.id}/remove",
        f"{PEOPLE}/{person.id}/tickets",
        INTEGRATIONS,
        f"{INTEGRATIONS}/jira/api_token/new",
        link,
        f"{link}/edit",
        f"{link}/disconnect",
        f"{link}/webhook",
        f"{link}/configure",
        f"{link}/configure/rules/new",
        f"{INTEGRATIONS}/jira/oauth/new",
        f"{INTEGRATIONS}/servicenow/api_key/new",
        f"/settings/users/{other.id}",
        f"/settings/activity/{ticket.attempt_id}",
    ]
