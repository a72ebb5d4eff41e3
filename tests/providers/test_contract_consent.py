"""The provider contract for connecting by consent: Install, the choice of a site, Reconnect, Check now.

Consent is given on the stand-in's own page; then one of the vendor's addresses (tokens, list of sites, site) fails in
one way, and the answer must be as in `test_contract.py`. Nothing can be typed and tried, so there is no Test
connection: that it is neither offered nor answered is checked here, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

import providers
from extensions import db
from models import Connection, OAuthFlow
from providers.base import utcnow
from providers.oauth import EXPIRES_AT
from services import store
from standins.jira_oauth import CLOUD_ID
from tests.conftest import PatchpanelClient, Site
from tests.providers.contract_checks import (
    check_attempts,
    check_noted,
    check_silent,
    check_told,
    hurry,
    in_time,
    newest_attempt,
    snapshot,
)
from tests.providers.contract_consent import (
    CERTAIN,
    CHECK,
    CHOOSE,
    INSTALL,
    METHOD,
    PROVIDER,
    RECONNECT,
    SENTENCES,
    TABLE,
    ConsentCase,
    Telling,
)
from tests.providers.contract_world import World
from tests.support_consent import APP, INTEGRATIONS, Vendor, path_of, query_of
from tests.support_consent import INSTALL as INSTALL_PAGE

# The database decides nothing here.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short deadline for what people wait for."""
    hurry(monkeypatch)


@dataclass
class Way:
    """One browser, one vendor, one connection made when all was well, and what is wrong now."""

    browser: PatchpanelClient
    vendor: Vendor
    case: ConsentCase
    stored: int
    code: str = ""

    def lead_to(self, address: str) -> None:
        """Let the stored connection have been made at this address, with tokens that are over where that matters."""
        hop = self.case.hop
        with store.write() as session:
            row = store.locked(session, Connection, self.stored)
            kept = row.for_client().credentials
            over = {EXPIRES_AT: (utcnow() - dt.timedelta(seconds=1)).isoformat()} if hop.expired else {}
            row.settings = {**row.settings, hop.stored: address, **over}
            row.seal(dict(kept), origin=providers.get(PROVIDER).origin(row.settings))

    def go(self, verb: str) -> list[TestResponse]:
        """Press the button and follow it to the page that says how it ended."""
        if verb == CHECK:
            self.case.arm(self.vendor.standin, self.case.hop.route)
            return [self.browser.post_form(f"{INTEGRATIONS}/connections/{self.stored}/check")]
        if verb == RECONNECT:
            leaving = self.browser.get(f"/connect/connections/{self.stored}/reconnect")
        else:
            leaving = self.browser.post_form(INSTALL_PAGE, APP)
        return self._come_back(verb, leaving)

    def _come_back(self, verb: str, leaving: TestResponse) -> list[TestResponse]:
        standin = self.vendor.standin
        self.case.before(standin)
        if verb == CHOOSE:
            standin.offer_sites(2)
        # The consent page is the vendor's own, also where the address of the tokens is another in this case.
        asked = self.vendor.site.url + path_of(leaving.headers["Location"])
        sites = list(self.case.sites) if self.case.sites is not None else None
        back = self.vendor.decide(asked, self.case.decision, sites)
        self.code = query_of(back).get("code", "")
        if verb == CHOOSE:
            choosing = self.browser.get(path_of(back)).headers["Location"]
            self.case.arm(standin, self.case.hop.route)
            answer = self.browser.post_form(choosing, {"site": CLOUD_ID})
        else:
            self.case.arm(standin, self.case.hop.route)
            answer = self.browser.get(path_of(back))
        assert (answer.status_code, answer.headers["Location"]) == (303, INTEGRATIONS)
        return [answer, self.browser.get(INTEGRATIONS)]

    def well_again(self) -> None:
        """Take back what was spoiled, for the next verb; tokens stay as they are."""
        standin = self.vendor.standin
        standin.faults.clear()
        standin.set(redirect_to="")
        standin.offer_sites(1)

    def secrets(self) -> Iterable[str]:
        """Everything that must not be seen."""
        oauth = self.vendor.standin.oauth
        return [APP["client_secret"], self.code, *oauth.access, *oauth.refresh]


def check_answer(way: Way, verb: str, telling: Telling, answers: list[TestResponse], newest: int) -> None:
    """What the person reads, what they do not, and what the ledger keeps."""
    assert answers[-1].status_code == (502 if verb == CHECK else 200), verb
    # A call that went well has nothing to show: what is wrong is what it was for.
    linked = telling.outcome not in ("", "ok")
    page = answers[-1].get_data(as_text=True)
    check_told(verb, page, SENTENCES[telling.kind], telling.cause, linked=linked)
    check_silent(verb, answers, way.secrets())
    if telling.outcome:
        check_attempts(verb, newest, telling.outcome)
    else:
        assert newest_attempt() == newest, verb


@pytest.mark.parametrize("case", TABLE, ids=[case.name for case in TABLE])
@pytest.mark.usefixtures("quick")
def test_every_failure_of_a_consent_is_told_in_the_agreed_words(
    app: Flask, admin: PatchpanelClient, jira: Site, allow: Callable[..., None], tmp_path: Path, case: ConsentCase
) -> None:
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    vendor = Vendor(jira)
    vendor.install(admin)
    admin.get(INTEGRATIONS)
    way = Way(admin, vendor, case, db.session.scalars(select(Connection.id)).one())
    with ExitStack() as stack:
        address = case.world(World(tmp_path, allow, stack)) if case.world else jira.url
        allow(**{case.hop.address: address})
        way.lead_to(address)
        for verb in case.verbs:
            before, newest, telling = snapshot(), newest_attempt(), case.told(verb)
            with in_time(verb):
                answers = way.go(verb)
            check_answer(way, verb, telling, answers, newest)
            if verb == CHECK:
                check_noted(way.stored, telling.cause, certain=telling.kind in CERTAIN)
            else:
                assert snapshot() == before, verb
                assert db.session.scalars(select(OAuthFlow)).all() == [], verb
            way.well_again()


def test_a_connection_by_consent_offers_no_test_of_typed_values(
    admin: PatchpanelClient, jira: Site, allow: Callable[..., None], database_kind: str
) -> None:
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    Vendor(jira).install(admin)
    stored = db.session.scalars(select(Connection.id)).one()
    shown = f"{INTEGRATIONS}/connections/{stored}"
    before, calls = snapshot(), len(jira.standin.calls)
    for page in (f"{INSTALL_PAGE}?another=1", shown, f"/connect/connections/{stored}/edit"):
        assert "Test connection" not in admin.get(page).get_data(as_text=True), page
    for url in (f"{INTEGRATIONS}/{PROVIDER}/{METHOD}/test", f"{shown}/test"):
        assert admin.post_form(url, APP).status_code == 404, url
    assert (snapshot(), len(jira.standin.calls)) == (before, calls)


def test_every_consent_has_a_contract(database_kind: str) -> None:
    by_consent = {(provider.key, method.key) for provider in providers.all_providers()
                  for method in provider.auth_methods if method.consent is not None}  # fmt: skip
    assert by_consent == {(PROVIDER, METHOD)}
    assert len({case.name for case in TABLE}) == len(TABLE)
    assert {verb for case in TABLE for verb in case.verbs} == {INSTALL, CHOOSE, RECONNECT, CHECK}
