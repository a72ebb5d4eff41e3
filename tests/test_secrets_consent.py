"""Secrets of a connection by consent come out nowhere, before and after its tokens were renewed.

Client secret, code, access and refresh tokens are planted; the sandbox Atlassian gives back what it was sent in every
kind of failure of every hop. Then everything that came out is searched, as in `test_secrets.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from sqlalchemy import delete, select

from extensions import db
from models import Connection, Lease
from providers.base import utcnow
from providers.oauth import ACCESS_TOKEN, EXPIRES_AT, REFRESH_TOKEN
from services import outbound, store
from services.actors import COMMAND_LINE
from services.tokens import REFUSED, REFUSED_AT
from standins.jira_oauth import CLIENT_ID, CLOUD_ID, JIRA_SCOPES, Grant, Issued, OfferedSite
from tests.conftest import PatchpanelClient, Site
from tests.support_canaries import CONSENT, CONSENT_FORMS, consent_echoes, forms_of, hits
from tests.support_consent import INSTALL, INTEGRATIONS, Vendor, query_of
from tests.support_leaks import Heard, addresses, stored_text

pytest_plugins = ("tests.leak_fixtures",)
TOKENS, SITES, MYSELF = "/oauth/token", "/oauth/token/accessible-resources", "/rest/api/3/myself"
# What decides about the way an error answer is read.
STATUSES = {TOKENS: (400, 401, 403), SITES: (401, 500), MYSELF: (401, 400)}
SCOPES = (*JIRA_SCOPES, "offline_access")
APP = {"client_id": CLIENT_ID, "client_secret": CONSENT.client_secret}
FIRST, SECOND = (CONSENT.access, CONSENT.refresh), (CONSENT.next_access, CONSENT.next_refresh)


@dataclass
class Trap:
    """An administrator's browser, and a vendor that hands out the planted secrets and gives them back."""

    browser: PatchpanelClient
    vendor: Vendor

    def plant(self) -> None:
        """Make the planted secrets good ones."""
        standin = self.vendor.standin
        standin.change_client_secret(CONSENT.client_secret)
        grant = Grant(CLIENT_ID, set(SCOPES), [OfferedSite(CLOUD_ID, "sandbox")], "")
        now = standin.now()
        for access, refresh in (FIRST, SECOND):
            standin.oauth.access[access] = Issued(grant, now)
            standin.oauth.refresh[refresh] = Issued(grant, now)

    def hands_out(self, pair: tuple[str, str]) -> None:
        """The next request for tokens is answered with this pair."""
        answer = {"access_token": pair[0], "refresh_token": pair[1], "expires_in": 3600, "scope": " ".join(SCOPES)}
        self.vendor.standin.fail_next(200, route=TOKENS, body=answer)

    def gives_back(self, route: str, *secrets: str, first: tuple[str, str] | None = None) -> Iterator[None]:
        """One failure of the route after the other, each with the secrets in it."""
        standin = self.vendor.standin
        shapes: list[tuple[int, Any, dict[str, str]]] = [
            (status, body, {}) for status in STATUSES[route] for body in consent_echoes(*secrets)
        ]
        shapes.append((200, f"<html>{' '.join(secrets)}</html>", {}))
        shapes += [(200, body, {}) for body in ({"error": secrets[0]}, [*secrets], {"access_token": [*secrets]})]
        for secret in secrets:
            shapes.append((302, None, {"Location": f"https://elsewhere.example/{quote(secret)}?token={quote(secret)}"}))
        for status, body, headers in shapes:
            if first is not None:
                self.hands_out(first)
            standin.fail_next(status, times=None, route=route, body=body, headers=headers)
            yield
            standin.faults.clear()

    def come_back(self, leaving: Any) -> None:
        """Come back from the consent page with the planted code."""
        state = query_of(leaving.headers["Location"])["state"]
        self.browser.get(f"/connect/jira/callback?{urlencode({'state': state, 'code': CONSENT.code})}")
        self.browser.get(INTEGRATIONS)

    def install(self) -> None:
        """Install; the vendor's page is left out."""
        self.come_back(self.browser.post_form(INSTALL, APP))

    def reconnect(self, connection_id: int) -> None:
        """Reconnect in place."""
        self.come_back(self.browser.get(f"/connect/connections/{connection_id}/reconnect"))

    def check(self, connection_id: int, *, expired: bool) -> None:
        """Check now, as if nobody had been refused a moment ago."""
        with store.write() as session:
            session.execute(delete(Lease))
            row = store.locked(session, Connection, connection_id)
            kept = {name: value for name, value in row.settings.items() if name not in (REFUSED, REFUSED_AT)}
            ends = utcnow() + (dt.timedelta(seconds=-1) if expired else dt.timedelta(hours=1))
            row.settings = {**kept, EXPIRES_AT: ends.isoformat()}
        self.browser.post_htmx(f"{INTEGRATIONS}/connections/{connection_id}/check")


@pytest.fixture
def trap(admin: PatchpanelClient, jira: Site, allow: Callable[..., None]) -> Trap:
    """Everything planted, nothing connected."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    made = Trap(admin, Vendor(jira))
    made.plant()
    return made


def connected(trap: Trap) -> int:
    """Install with the first pair. Returns the number of the connection."""
    trap.hands_out(FIRST)
    trap.install()
    row = db.session.scalars(select(Connection).execution_options(populate_existing=True)).one()
    assert row.for_client().credentials[ACCESS_TOKEN] == CONSENT.access
    number = row.id
    store.release()
    return number


def pair_of(connection_id: int) -> tuple[str, str]:
    """The stored tokens."""
    db.session.rollback()
    found = store.get(Connection, connection_id).for_client().credentials
    store.release()
    return found[ACCESS_TOKEN], found[REFRESH_TOKEN]


def before_it_is_connected(trap: Trap) -> None:
    """Install fails in every way at each hop."""
    for _ in trap.gives_back(TOKENS, CONSENT.client_secret, CONSENT.code):
        trap.install()
    for route in (SITES, MYSELF):
        for _ in trap.gives_back(route, CONSENT.access, first=FIRST):
            trap.install()
    assert db.session.scalars(select(Connection)).all() == []


def with_tokens(trap: Trap, stored: int, pair: tuple[str, str]) -> None:
    """A stored connection whose checks and renewals fail in every way."""
    assert pair_of(stored) == pair
    for _ in trap.gives_back(TOKENS, CONSENT.client_secret, *pair):
        trap.check(stored, expired=True)
    assert pair_of(stored) == pair
    for _ in trap.gives_back(MYSELF, pair[0], first=pair):
        trap.check(stored, expired=False)
    for _ in trap.gives_back(SITES, pair[0], first=pair):
        trap.reconnect(stored)
    assert pair_of(stored) == pair


def renew(trap: Trap, stored: int) -> None:
    """The first pair is over, the vendor hands out the second."""
    trap.hands_out(SECOND)
    trap.check(stored, expired=True)
    assert pair_of(stored) == SECOND


def test_secrets_of_a_consent_come_out_nowhere(
    app: Flask,
    trap: Trap,
    heard: Heard,
    written_logs: Callable[[], str],
    sign_in: Callable[..., PatchpanelClient],
) -> None:
    before_it_is_connected(trap)
    stored = connected(trap)
    with_tokens(trap, stored, FIRST)
    renew(trap, stored)
    with_tokens(trap, stored, SECOND)
    browsers = [trap.browser, sign_in("responder"), sign_in("member"), app.test_client()]
    seen = addresses(app, "oauth")
    for browser in browsers:
        for address in seen:
            browser.get(address)
    out = {"answers": "\n".join(heard.answers), "logs": written_logs(), "database": stored_text(app)}
    assert "•••" in out["answers"], "the echoes did arrive"
    assert len(out["logs"]) > 1000
    found = [f"{name}: {hit!r}" for name, text in out.items() for hit in hits(text, CONSENT_FORMS)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("secret", sorted(vars(CONSENT).values()))
def test_the_search_finds_each_form_of_a_planted_secret(secret: str) -> None:
    for form in forms_of(secret):
        assert hits(f"before {form} after", CONSENT_FORMS), form
    assert hits("canary", CONSENT_FORMS) == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_no_object_shows_a_secret_of_a_consent(app: Flask, trap: Trap) -> None:
    stored = connected(trap)
    for pair in (FIRST, SECOND):
        row = store.get(Connection, stored)
        values = row.for_client()
        client = outbound.client_for(row, COMMAND_LINE)
        assert client.values.credentials[ACCESS_TOKEN] == pair[0]
        shown = [row, values, vars(row), client, client.values, client.door]
        for each in shown:
            assert hits(f"{each!r} {each!s}", CONSENT_FORMS) == [], type(each)
        store.release()
        if pair == FIRST:
            renew(trap, stored)
