"""Planted secrets come out nowhere: not in pages, headers, logs, ledgers, timelines, or the database.

Canary tokens go in through every door (setup, test, edit; good ones and wrong ones) while the sandbox Jira echoes them
back in every kind of failure. Then every page is opened as every role and everything that came out is searched for
every form a text can take on the way.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

import providers
from extensions import db
from models import Connection
from services import connections, outbound, store
from services.actors import COMMAND_LINE
from standins.jira import ADMIN_EMAIL
from tests.conftest import PatchpanelClient, Site
from tests.support_canaries import ACCEPTED, CANARIES, PLAIN, echoes, forms_of, hits
from tests.support_leaks import Heard, addresses, stored_text

pytest_plugins = ("tests.leak_fixtures",)
PAGE = "/settings/organization/integrations"
NEW, TEST = f"{PAGE}/jira/api_token/new", f"{PAGE}/jira/api_token/test"
MYSELF, CREATE = "/rest/api/3/myself", "POST /rest/api/3/issue"


@pytest.mark.parametrize("secret", CANARIES)
def test_the_search_finds_each_form(secret: str) -> None:
    for form in forms_of(secret):
        assert hits(f"before {form} after"), form
    for offset in range(3):
        pair = base64.b64encode(b"x" * offset + secret.encode() + b":tail").decode()
        assert hits(pair), offset
    assert hits("nothing of that kind, ATATT3 alone is none") == []


STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 503)


def spoil(jira: Site, secret: str, statuses: tuple[int, ...] = (401, 500)) -> Iterator[str]:
    """Arm one failure of the proving call after the other; each is used by one click."""
    for status in statuses:
        for name, body in echoes(secret).items():
            jira.standin.fail_next(status, times=None, route=MYSELF, body=body)
            yield f"{status} {name}"
            jira.standin.faults.clear()
    jira.standin.fail_next(200, times=None, route=MYSELF, body=f"<html>{secret}</html>")
    yield "a page instead of data"
    jira.standin.faults.clear()
    jira.standin.fail_next(
        302,
        times=None,
        route=MYSELF,
        headers={"Location": f"https://elsewhere.example/{quote(secret)}?token={quote(secret)}"},
    )
    yield "a redirect"
    jira.standin.faults.clear()
    for odd in (f"https://{quote(secret)}.example/", f"//[{quote(secret)}", quote(secret)):
        jira.standin.fail_next(301, times=None, route=MYSELF, headers={"Location": odd})
        yield "an odd redirect"
        jira.standin.faults.clear()


def press(
    browser: PatchpanelClient, url: str, data: dict[str, Any] | None = None, *, htmx: bool = False
) -> TestResponse:
    """Send a form; its token is fetched once per browser only."""
    if not hasattr(browser, "kept_token"):
        browser.kept_token = browser.token()
    headers = {"HX-Request": "true"} if htmx else {}
    return browser.post(url, data={**(data or {}), "csrf_token": browser.kept_token}, headers=headers)


def through_the_doors(admin: PatchpanelClient, jira: Site, secret: str) -> None:
    """Setup, Test connection, Edit and Check now with one secret: refused, failing in every way, then accepted."""
    stored = f"{PAGE}/connections/{only().id}"
    for url in (NEW, TEST, f"{stored}/edit", f"{stored}/test"):
        press(admin, url, jira.typed(api_token=secret))
        press(admin, url, jira.typed(api_token=secret, service_url="http://127.0.0.1:9"), htmx=True)
        press(admin, url, jira.typed(api_token=secret, user_email="not an address", service_url="x"))
    for _ in spoil(jira, secret, STATUSES if secret is PLAIN else (401, 400)):
        press(admin, TEST, jira.typed(api_token=secret))
    if secret not in ACCEPTED:
        return
    jira.standin.add_token(ADMIN_EMAIL, secret)
    assert admin.post_form(f"{stored}/edit", jira.typed(api_token=secret)).status_code == 303
    for _ in spoil(jira, secret):
        press(admin, f"{stored}/check", htmx=True)
    for _ in spoil(jira, secret):
        press(admin, f"{stored}/test", jira.typed(api_token=""))
    assert admin.post_form(f"{stored}/check").status_code == 303


def only() -> Connection:
    """The first connection, as it is now."""
    db.session.rollback()
    return db.session.scalars(select(Connection).order_by(Connection.id).limit(1)).one()


def with_tickets(admin: PatchpanelClient, jira: Site, secret: str) -> None:
    """People and tickets over a connection whose provider echoes its secret whatever it is asked."""
    person = {"connection_id": str(only().id), "email": "dana.reyes@sandbox.example"}
    look_up = "/setup/integration-users/look-up"
    for status in (400, 401):
        for body in echoes(secret).values():
            jira.standin.fail_next(status, times=None, route="/rest/api/3/user/search", body=body)
            press(admin, look_up, person)
            jira.standin.faults.clear()
    assert admin.post_form("/setup/integration-users/new", person).status_code in (303, 422)  # added, or known
    for number, status in enumerate((400, 401, 500)):
        for body in echoes(secret).values():
            jira.standin.fail_next(status, times=1, route=CREATE, body=body)
            ask_for_ticket(admin, f"Incident {number}")
    jira.standin.set(assignee_not_on_create_screen=True)
    jira.standin.fail_next(400, times=1, route="PUT /rest/api/3/issue/*", body=echoes(secret)["as JSON"])
    ask_for_ticket(admin, "Half assigned")


def ask_for_ticket(admin: PatchpanelClient, title: str) -> None:
    """A new incident, and Create Ticket in OPS."""
    made = press(admin, "/incidents/new", {"title": title, "severity": "high"})
    incident = re.findall(r"/incidents/(\d+)", made.headers["Location"])[-1]
    dialog = admin.get(f"/incidents/{incident}/tickets/new?project=10000&issue_type=10001").get_data(as_text=True)
    key = re.search(r'name="form_key"[^>]*value="([^"]+)"', dialog)
    people = re.search(r'<option[^>]*value="(\d+)"[^>]*>Dana', dialog)
    assert key
    assert people
    typed = {"form_key": key.group(1), "connection": str(only().id), "integration_user": people.group(1)}
    where = {"summary": title, "project": "10000", "issue_type": "10001"}
    press(admin, f"/incidents/{incident}/tickets", {**typed, **where})


def test_planted_secrets_come_out_nowhere(
    app: Flask,
    jira: Site,
    connected: Connection,
    heard: Heard,
    written_logs: Callable[[], str],
    sign_in: Callable[..., PatchpanelClient],
    allow: Callable[..., None],
) -> None:
    allow("http://127.0.0.1:9")
    browsers = {role: sign_in(role) for role in ("admin", "responder", "member")}
    for secret in CANARIES:
        through_the_doors(browsers["admin"], jira, secret)
        if secret in ACCEPTED:
            with_tickets(browsers["admin"], jira, secret)
    tamper()
    browsers["admin"].post_form(f"{PAGE}/connections/{only().id}/check")
    seen = addresses(app, "api_token")
    for browser in [*browsers.values(), app.test_client()]:
        for address in seen:
            browser.get(address)
    out = {"answers": "\n".join(heard.answers), "logs": written_logs(), "database": stored_text(app)}
    assert len(heard.answers) > 300
    assert "Refused" in out["answers"] or "•••" in out["answers"], "the echoes did arrive"
    assert len(out["logs"]) > 1000
    found = [f"{name}: {hit!r}" for name, text in out.items() for hit in hits(text)]
    assert found == [], "\n".join(found)


def tamper() -> None:
    """Make the stored secret unreadable, as after a damaged restore."""
    with store.write() as session:
        row = store.locked(session, Connection, only().id)
        row.credentials = {name: {**sealed, "ciphertext": "AAAA"} for name, sealed in row.credentials.items()}


@pytest.mark.parametrize("secret", CANARIES[:3])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_no_object_shows_its_secret(app: Flask, jira: Site, connected: Connection, secret: str) -> None:
    provider = providers.get("jira")
    settings = {"service_url": jira.url, "user_email": ADMIN_EMAIL}
    with store.write() as session:
        row = store.locked(session, Connection, connected.id)
        row.seal({"api_token": secret}, origin=provider.origin(settings))
    client = outbound.client_for(row, COMMAND_LINE)
    typed = connections.Typed("api_token", settings, {"api_token": secret})
    shown = [row, row.for_client(), client, client.values, client.door, typed, row.credentials, vars(row)]
    assert client.values.credentials["api_token"] == secret
    for each in shown:
        assert hits(f"{each!r} {each!s}") == [], type(each)
