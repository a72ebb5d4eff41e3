"""Fixtures: the application on both databases, signed-in clients of each role."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

import providers
from app import create_app
from config import load_settings
from extensions import db
from models import Connection, Incident, IntegrationUser, Role, User
from providers.base import utcnow
from services import (
    background,
    breakers,
    connections,
    destinations,
    incidents,
    integration_users,
    outbound,
    runtime,
    schedule,
    waking,
)
from services import users as users_service
from services.actors import COMMAND_LINE
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from tests.support_postgres import shared_postgres

PASSWORD = "violet kettle drums under slate 41"
DATABASES = ("sqlite", "postgresql")


# Minutes of waiting with little to do: begun first, they pass beside everything else.
LONGEST = ("tests/test_killed_server.py", "tests/test_hanging.py", "tests/test_worker.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that wait longest first."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def database_urls(tmp_path_factory: pytest.TempPathFactory, worker: str) -> dict[str, Callable[[], str]]:
    """For each kind of database, how to get an empty one for this test process."""
    folder = tmp_path_factory.mktemp("databases")

    def sqlite() -> str:
        return f"sqlite:///{folder / 'patchpanel.sqlite3'}"

    def postgres() -> str:
        server = shared_postgres()
        return server.create_database(f"patchpanel_{worker}_{os.getpid()}")

    return {"sqlite": sqlite, "postgresql": postgres}


@pytest.fixture(scope="session")
def worker() -> str:
    """Name of this test process."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def application_of(
    database_urls: dict[str, Callable[[], str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Flask]]:
    """The application on this kind of database, made once per test process."""
    made: dict[str, Flask] = {}

    def get(kind: str) -> Flask:
        if kind not in made:
            made[kind] = _make(database_urls[kind](), tmp_path_factory.mktemp(f"keys-{kind}"))
        return made[kind]

    yield get
    for application in made.values():
        application.extensions[waking.NAME].close()
        with application.app_context():
            db.engine.dispose()


def _make(url: str, folder: Path) -> Flask:
    environ = {
        "DATABASE_URL": url,
        "PATCHPANEL_KEYRING_FILE": str(folder / "keyring"),
        "PATCHPANEL_SECRET_KEY_FILE": str(folder / "secret_key"),
    }
    root_handlers = logging.getLogger().handlers[:]
    app = create_app(load_settings(environ))
    logging.getLogger().handlers[:] = root_handlers  # pytest's own capture stays in place
    app.test_client_class = PatchpanelClient
    runner = app.test_cli_runner()
    result = runner.invoke(args=["prepare"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite and PostgreSQL in turn."""
    kind: str = request.param
    return kind


@pytest.fixture
def app(database_kind: str, application_of: Callable[[str], Flask]) -> Iterator[Flask]:
    """The application with an empty, migrated database and an application context."""
    application = application_of(database_kind)
    original = runtime_of(application)
    with application.app_context():
        from services import keys

        keys.load_ring(original.settings.keyring_file)
        empty_tables()
        schedule.seen("test", utcnow())
        breakers.forget_all()
        application.extensions.pop(background.REMEMBERED, None)
        yield application
        db.session.rollback()
        db.session.remove()
    application.extensions[runtime.NAME] = original


def runtime_of(application: Flask) -> runtime.Runtime:
    """The settings in force in an application."""
    found: runtime.Runtime = application.extensions[runtime.NAME]
    return found


def empty_tables() -> None:
    """Remove every row."""
    with db.engine.connect().execution_options(write=True) as connection, connection.begin():
        if db.engine.dialect.name == "postgresql":
            names = ", ".join(f'"{table.name}"' for table in db.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        else:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())


class PatchpanelClient(FlaskClient):
    """A test client that fetches the form token before it posts, as a browser would."""

    def token(self) -> str:
        """The form token of this client's session."""
        page = self.get("/account/password", follow_redirects=True).get_data(as_text=True)
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert found, "no form token on the page"
        return found.group(1)

    def post_form(self, url: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        """Post a form with its token."""
        return self.post(url, data={**(data or {}), "csrf_token": self.token()}, **kwargs)

    def post_htmx(self, url: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        """Post a form as htmx does."""
        headers = {"HX-Request": "true", **kwargs.pop("headers", {})}
        return self.post_form(url, data, headers=headers, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A signed-out browser."""
    return app.test_client()


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    """Make a user: make_user(role="admin", email="a@example.com")."""

    def make(*, role: str = Role.ADMIN, email: str | None = None, name: str = "", password: str = PASSWORD) -> User:
        address = email or f"{role}@patchpanel.example"
        return users_service.add(
            COMMAND_LINE, email=address, name=name or f"{role.title()} Example", role=role, password=password
        )

    return make


@pytest.fixture
def sign_in(app: Flask, make_user: Callable[..., User]) -> Callable[..., FlaskClient]:
    """A client signed in through the page: sign_in("responder")."""

    def do(role: str = Role.ADMIN, **details: Any) -> FlaskClient:
        user = make_user(role=role, **details)
        browser = app.test_client()
        answer = browser.post_form("/sign-in", {"email": user.email, "password": details.get("password", PASSWORD)})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return browser

    return do


@pytest.fixture(scope="session")
def jira_server() -> Iterator[tuple[JiraStandin, str]]:
    """A Jira stand-in on a real socket, one per test process."""
    standin = JiraStandin()
    with standin.serve(0) as server:
        yield standin, server.url


@dataclass
class Site:
    """A fresh Jira stand-in and its address."""

    standin: JiraStandin
    url: str

    def typed(self, **changes: str) -> dict[str, str]:
        """What an admin types into the Jira dialog."""
        values = {"service_url": self.url, "user_email": ADMIN_EMAIL, "api_token": API_TOKEN}
        return {**values, **changes}


@pytest.fixture
def jira(app: Flask, jira_server: tuple[JiraStandin, str], allow: Callable[..., None]) -> Iterator[Site]:
    """A Jira without tickets that the application may call."""
    standin, url = jira_server
    standin.reset()
    destinations.forget_all()
    allow(url)
    yield Site(standin, url)
    standin.release()
    standin.reset()


@pytest.fixture
def allow(app: Flask) -> Callable[..., None]:
    """Let outbound calls reach these addresses besides; other settings may be changed along the way."""

    def do(*entries: str, **changes: Any) -> None:
        now = runtime_of(app).settings
        allowed = ",".join([*filter(None, [now.outbound_allow]), *entries])
        runtime.install(app, replace(now, outbound_allow=allowed, **changes))

    return do


@pytest.fixture
def connected(app: Flask, jira: Site) -> Connection:
    """A working Jira connection."""
    provider = providers.get("jira")
    settings = {"service_url": jira.url, "user_email": ADMIN_EMAIL}
    typed = connections.Typed("api_token", settings, {"api_token": API_TOKEN}, description="Operations Jira")
    return connections.create(COMMAND_LINE, provider, typed)


@pytest.fixture
def person(connected: Connection) -> IntegrationUser:
    """Dana, who can be given tickets."""
    found = outbound.client_for(connected, COMMAND_LINE).find_people("dana.reyes@sandbox.example")[0]
    return integration_users.add(COMMAND_LINE, connected.id, found.email, found.external_id)


@pytest.fixture
def incident(app: Flask) -> Incident:
    """An incident without a ticket."""
    draft = incidents.Draft(
        title="Disk almost full", description="On db-1.\nhttps://example.com/alerts/1", severity="high"
    )
    return incidents.create(COMMAND_LINE, draft)


@pytest.fixture
def admin(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """A signed-in administrator."""
    return sign_in(Role.ADMIN)


@pytest.fixture
def responder(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """A signed-in responder."""
    return sign_in(Role.RESPONDER)


@pytest.fixture
def member(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """A signed-in member."""
    return sign_in(Role.MEMBER)
