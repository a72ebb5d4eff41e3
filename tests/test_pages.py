"""Every page for every role: status, valid HTML, headings, security headers, and how often it asks the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from blueprints import errors
from extensions import db
from models import Connection, Incident, IntegrationUser, Ticket, User
from services import destinations, routing, tickets
from services.actors import COMMAND_LINE

ROLES = ("admin", "responder", "member")
MOST_QUERIES = 12
# Address -> status for admin, responder, member and visitor.
EVERYBODY, SIGNED_IN, RESPONDERS, ADMINS = (
    (200, 200, 200, 200),
    (200, 200, 200, 303),
    (200, 200, 403, 303),
    (200, 403, 403, 303),
)
PAGES = {
    "/": (302, 302, 302, 303),
    "/account/password": SIGNED_IN,
    "/incidents": SIGNED_IN,
    "/incidents/new": RESPONDERS,
    "/livez": EVERYBODY,
    "/notifications": SIGNED_IN,
    "/readyz": EVERYBODY,
    "/settings": ADMINS,
    "/settings/activity": ADMINS,
    "/settings/audit": ADMINS,
    "/settings/organization/integrations": ADMINS,
    "/settings/system": ADMINS,
    "/settings/users": ADMINS,
    "/settings/users/new": ADMINS,
    "/setup/integration-users": RESPONDERS,
    "/setup/integration-users/look-up": (303, 403, 403, 303),
    "/setup/integration-users/new": ADMINS,
    "/sign-in": (303, 303, 303, 200),
}
SECURE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Words the database is told besides queries.
NO_QUERY = re.compile(r"(BEGIN|SAVEPOINT|RELEASE|ROLLBACK|COMMIT|PRAGMA)\b", re.IGNORECASE)


@contextmanager
def queries() -> Iterator[list[str]]:
    """The statements sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not NO_QUERY.match(statement.lstrip()):
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def check_headers(answer: TestResponse, where: str, *, cached: bool = False) -> None:
    """The headers every answer carries."""
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy, where
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy, where
    for name, value in SECURE.items():
        assert answer.headers[name] == value, f"{where}: {name}"
    assert (answer.headers["Cache-Control"] == "no-store") is not cached, where
    assert answer.headers["X-Request-Id"], where
    assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"], where


def check_page(answer: TestResponse, where: str) -> None:
    """A whole HTML page: valid, with a title, one <main> and one <h1>."""
    text = answer.get_data(as_text=True)
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    found = [f"{where}:{position} {code} {details}" for position, code, details in parser.errors]
    assert found == []
    assert (tree.findtext("head/title") or "").strip(" ·").removesuffix("Patchpanel").strip(" ·"), where
    assert tree.find("html") is None
    assert len(tree.findall(".//main")) == 1, where
    headings = ["".join(heading.itertext()).strip() for heading in tree.findall(".//main//h1")]
    assert len(headings) == 1, f"{where}: {headings}"
    assert headings[0], where
    ids = [node.get("id") for node in tree.iter() if node.get("id") is not None]
    assert sorted(ids) == sorted(set(ids)), f"{where}: an id occurs twice"
    assert len(tree.findall(".//dialog[@open]")) <= 1, where


def check(answer: TestResponse, where: str) -> None:
    """Headers, and the page if it is one."""
    check_headers(answer, where)
    if answer.mimetype == "text/html" and answer.status_code not in (302, 303):
        check_page(answer, where)


@pytest.fixture
def ticket(connected: Connection, person: IntegrationUser, incident: Incident) -> Ticket:
    """A ticket that was created."""
    projects = destinations.choices(COMMAND_LINE, connected, "project", {})
    project = next(choice.value for choice in projects if "(OPS)" in choice.label)
    kinds = destinations.choices(COMMAND_LINE, connected, "issue_type", {"project": project})
    kind = next(choice.value for choice in kinds if choice.label == "Task")
    wanted = tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connected.id,
        integration_user_id=person.id,
        summary=incident.title,
        description=incident.description,
        destination={"project": project, "issue_type": kind},
        values={},
    )
    return tickets.create(COMMAND_LINE, incident.id, wanted)


@pytest.fixture
def filled(ticket: Ticket, connected: Connection, person: IntegrationUser) -> dict[str, tuple[int, ...]]:
    """Addresses of rows that exist, and their statuses as in PAGES; it holds one of everything."""
    draft = routing.Draft({"source": ["A"]}, {"project": "10000", "issue_type": "10001"}, {"project": "OPS"})
    rule = routing.save(COMMAND_LINE, connected, draft)
    one, link = f"/incidents/{ticket.incident_id}", f"/settings/organization/integrations/connections/{connected.id}"
    return {
        one: SIGNED_IN,
        f"{one}/edit": RESPONDERS,
        f"{one}/tickets": (303, 303, 303, 303),
        f"{one}/tickets/link": RESPONDERS,
        f"{one}/tickets/new": RESPONDERS,
        f"{one}/tickets/{ticket.id}/assign": RESPONDERS,
        f"{one}/tickets/{ticket.id}/unlink": RESPONDERS,
        f"/settings/activity/{ticket.attempt_id}": ADMINS,
        f"/settings/organization/integrations/{connected.provider_key}/{connected.auth_method}/new": ADMINS,
        link: ADMINS,
        f"{link}/configure": ADMINS,
        f"{link}/configure/rules/new": ADMINS,
        f"{link}/configure/rules/{rule.id}": ADMINS,
        f"{link}/disconnect": ADMINS,
        f"{link}/edit": ADMINS,
        f"{link}/webhook": ADMINS,
        f"/setup/integration-users/{person.id}/remove": ADMINS,
        f"/setup/integration-users/{person.id}/tickets": RESPONDERS,
    }


def test_the_table_of_pages_is_complete(application_of: Callable[[str], Flask]) -> None:
    rules = application_of("sqlite").url_map.iter_rules()
    assert {rule.rule for rule in rules if "GET" in (rule.methods or set()) and "<" not in rule.rule} == set(PAGES)


def test_the_addresses_of_rows_are_complete(app: Flask, filled: dict[str, tuple[int, ...]]) -> None:
    adapter = app.url_map.bind("localhost")
    seen = {adapter.match(address, method="GET")[0] for address in filled}
    with_row = {
        rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set()) and "<" in rule.rule
    }
    # People have a page of their own (below); links that work once and static files have their own tests.
    others = {"settings.user", "sign_in.reset", "sign_in.welcome", "sign_in.sandbox", "static_files.send"}
    # So have the steps of a consent, which lead to the vendor and back.
    others |= {f"connect.{name}" for name in ("callback", "edit", "install", "reconnect", "sites")}
    assert seen == with_row - others


@pytest.mark.parametrize("role", ROLES)
def test_every_page_answers_as_it_should(sign_in: Callable[..., FlaskClient], role: str) -> None:
    browser = sign_in(role)
    for address, statuses in PAGES.items():
        answer = browser.get(address)
        assert answer.status_code == statuses[ROLES.index(role)], address
        check(answer, f"{address} as {role}")


@pytest.mark.parametrize("role", ROLES)
def test_every_page_with_rows_answers_as_it_should(
    sign_in: Callable[..., FlaskClient], filled: dict[str, tuple[int, ...]], role: str
) -> None:
    browser = sign_in(role)
    own = db.session.scalars(select(User.id).where(User.role == role)).one()
    for address, statuses in {**PAGES, **filled, f"/settings/users/{own}": ADMINS}.items():
        answer = browser.get(address)
        assert answer.status_code == statuses[ROLES.index(role)], address
        check(answer, f"{address} as {role}")


def test_every_page_sends_visitors_to_sign_in(client: FlaskClient, filled: dict[str, tuple[int, ...]]) -> None:
    for address, statuses in {**PAGES, **filled}.items():
        answer = client.get(address)
        assert answer.status_code == statuses[-1], address
        check(answer, f"{address} signed out")


@pytest.mark.parametrize("role", ROLES)
def test_every_page_asks_the_database_at_most_twelve_times(
    sign_in: Callable[..., FlaskClient], filled: dict[str, tuple[int, ...]], role: str
) -> None:
    browser = sign_in(role)
    own = db.session.scalars(select(User.id).where(User.role == role)).one()
    many = {}
    for address in (*PAGES, *filled, f"/settings/users/{own}"):
        browser.get(address)  # whatever is kept in memory is there now
        db.session.remove()
        with queries() as sent:
            browser.get(address)
        if len(sent) > MOST_QUERIES:
            many[address] = [len(sent), *sent]
    assert many == {}


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/nothing", 404), ("POST", "/sign-in", 400), ("POST", "/livez", 405), ("GET", "/static/nothing.css", 404)],
)
def test_errors_carry_the_headers_and_are_pages(client: FlaskClient, method: str, address: str, status: int) -> None:
    answer = client.open(address, method=method)
    assert answer.status_code == status
    check(answer, address)


def test_an_unforeseen_error_is_a_page_without_a_trace(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("a detail nobody outside shall see")

    monkeypatch.setitem(app.view_functions, "sign_in.sign_in", broken)
    answer = client.get("/sign-in")
    assert answer.status_code == 500
    check(answer, "500")
    page = answer.get_data(as_text=True)
    assert "nobody outside" not in page
    assert "Traceback" not in page
    assert answer.headers["X-Request-Id"] in page


def test_addresses_of_the_api_answer_with_problem_json(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/api/nothing")
    assert answer.status_code == 404
    check_headers(answer, "/api/nothing")
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None
    assert {"type", "title", "status", "detail", "request_id"} <= set(answer.json)
    for status in (400, 403, 500):
        with app.test_request_context("/api/v1/anything"):
            problem = errors.answer(status)
        assert (problem.status_code, problem.content_type) == (status, "application/problem+json")


def test_static_files_carry_the_headers_and_may_be_kept(client: FlaskClient) -> None:
    answer = client.get("/static/app.css")
    assert answer.status_code == 200
    check_headers(answer, "/static/app.css", cached=True)


def test_broken_html_is_seen(app: Flask) -> None:
    with app.test_request_context("/"):
        for body in ("<title>A</title><main><h1>A</h1></p></main>", "<title>A</title><main><h2>A</h2></main>"):
            with pytest.raises(AssertionError):
                check_page(app.response_class(f"<!doctype html><html lang=en>{body}"), "sample")  # type: ignore[arg-type]
