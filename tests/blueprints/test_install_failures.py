"""What can go wrong on the way of an Install: each thing has a sentence of its own, and nothing is connected."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from extensions import db
from models import Attempt, Connection, OAuthFlow, User
from providers.base import utcnow
from services import store
from standins.jira_oauth import CLIENT_ID
from tests.conftest import PatchpanelClient, Site
from tests.support_consent import APP, INSTALL, INTEGRATIONS, Vendor, path_of, query_of, seen

CALLBACK = "/connect/jira/callback"
FOREIGN = "was not begun by you in this browser"


@pytest.fixture
def vendor(jira: Site, allow: Callable[..., None]) -> Vendor:
    """The stand-in as the vendor of consents."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    return Vendor(jira)


def connections() -> list[Connection]:
    """All connections."""
    db.session.rollback()
    return list(db.session.scalars(select(Connection)))


def expect_alert(browser: PatchpanelClient, *words: str) -> None:
    """The Integrations page says this in an alert, and nothing was connected."""
    page = browser.get(INTEGRATIONS).get_data(as_text=True)
    assert 'role="alert"' in page
    for each in words:
        assert each in page.replace("&#39;", "'"), each
    assert connections() == []


def test_a_declined_consent_says_so(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin, decision="deny")
    expect_alert(admin, "Consent was declined", "choose Accept there")


def test_a_wrong_secret_says_so_and_not_that_consent_was_declined(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin, client_secret="a-wrong-secret-4711")
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert "Invalid Client Secret" in page
    assert "refused the Client ID or the Client Secret" in page
    assert "See what happened" in page
    assert "declined" not in page
    assert connections() == []
    rows = repr([tuple(row) for row in db.session.execute(select(Attempt.__table__))])
    assert "a-wrong-secret-4711" not in rows + page


def test_an_unknown_client_ends_on_the_vendors_own_page(admin: PatchpanelClient, vendor: Vendor) -> None:
    leaving = admin.post_form(INSTALL, {**APP, "client_id": "nobody"})
    with pytest.raises(AssertionError, match="unknown client"):
        vendor.decide(vendor.sent_to(leaving))


def test_a_code_that_expired_meanwhile_says_so(admin: PatchpanelClient, vendor: Vendor) -> None:
    back = vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP)))
    vendor.standin.advance(400)
    admin.get(path_of(back))
    expect_alert(admin, "The consent could not be used", "used already or is too old", "Press Install again")


@pytest.mark.parametrize("scope", ["read:jira-work", "write:jira-work", "read:jira-user", "offline_access"])
def test_a_missing_scope_is_named(admin: PatchpanelClient, vendor: Vendor, scope: str) -> None:
    everything = {"read:jira-work", "write:jira-work", "read:jira-user", "offline_access"}
    vendor.standin.set_oauth(consent_scopes=sorted(everything - {scope}))
    vendor.install(admin)
    expect_alert(admin, "Permission missing", f"does not include {scope}", "Permissions")


def test_a_consent_without_a_site_says_so(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.standin.offer_sites(0)
    vendor.install(admin)
    expect_alert(admin, "No site to connect", "covers no Jira site")


@pytest.mark.parametrize("route", ["/oauth/token", "/oauth/token/accessible-resources", "/rest/api/3/myself"])
def test_a_vendor_in_trouble_says_so(admin: PatchpanelClient, vendor: Vendor, route: str) -> None:
    vendor.standin.fail_next(502, times=None, route=route)
    vendor.install(admin)
    expect_alert(admin, "Unable to connect to the Jira instance", "status 502")


def test_an_unreachable_vendor_says_so(admin: PatchpanelClient, vendor: Vendor, allow: Callable[..., None]) -> None:
    back = vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP)))
    flow = db.session.scalars(select(OAuthFlow)).one()
    assert flow.settings["auth_url"] == vendor.site.url
    vendor.standin.set(redirect_to="http://elsewhere.example")
    admin.get(path_of(back))
    expect_alert(admin, "Unable to connect to the Jira instance", "follows no redirects")


@pytest.mark.parametrize("body", [{"token_type": "Bearer"}, {"access_token": ""}, {"access_token": 7}, ["x"], "x"])
def test_an_answer_without_a_token_is_not_taken_for_one(admin: PatchpanelClient, vendor: Vendor, body: Any) -> None:
    vendor.standin.fail_next(200, route="/oauth/token", body=body)
    vendor.install(admin)
    expect_alert(admin, "Unable to connect to the Jira instance")


def test_a_link_that_is_no_web_address_is_no_site(admin: PatchpanelClient, vendor: Vendor) -> None:
    entry = {"id": "1", "name": "x", "url": "javascript:alert(1)", "scopes": ["read:jira-work"]}
    vendor.standin.fail_next(200, route="/oauth/token/accessible-resources", body=[entry])
    vendor.install(admin)
    expect_alert(admin, "No site to connect")


def tampered() -> list[tuple[str, Callable[[dict[str, str]], dict[str, str]]]]:
    """Call-backs that differ from the true one."""
    return [
        ("no state", lambda q: {"code": q["code"]}),
        ("empty state", lambda q: {**q, "state": ""}),
        ("other state", lambda q: {**q, "state": "x" * 43}),
        ("cut state", lambda q: {**q, "state": q["state"][:-1]}),
        ("longer state", lambda q: {**q, "state": q["state"] + "A"}),
        ("other case", lambda q: {**q, "state": q["state"].swapcase()}),
        ("null byte", lambda q: {**q, "state": q["state"] + "\0"}),
        ("wildcard", lambda q: {**q, "state": "%"}),
        ("error with a foreign state", lambda q: {"error": "access_denied", "state": "y" * 43}),
        ("nothing", lambda q: {}),
    ]


@pytest.mark.parametrize(("name", "change"), tampered(), ids=[name for name, _ in tampered()])
def test_a_tampered_call_back_does_nothing(
    admin: PatchpanelClient, vendor: Vendor, name: str, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    back = vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP)))
    calls = len(vendor.standin.calls)
    assert admin.get(CALLBACK, query_string=change(query_of(back))).status_code == 303
    expect_alert(admin, "Nothing was connected", FOREIGN)
    assert len(vendor.standin.calls) == calls
    # The true one still works: nobody can use up somebody else's consent.
    admin.get(path_of(back))
    assert "Jira is connected and active" in seen(admin)


@pytest.mark.parametrize("change", [{"code": "another-code"}, {"code": ""}])
def test_a_true_state_with_another_code_is_used_up(
    admin: PatchpanelClient, vendor: Vendor, change: dict[str, str]
) -> None:
    back = vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP)))
    admin.get(CALLBACK, query_string={**query_of(back), **change})
    expect_alert(admin, "The consent could not be used")
    admin.get(path_of(back))
    expect_alert(admin, FOREIGN)


def test_a_call_back_works_once(admin: PatchpanelClient, vendor: Vendor) -> None:
    back = path_of(vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP))))
    admin.get(back)
    admin.get(back)
    assert FOREIGN in seen(admin)
    assert len(connections()) == 1


def test_of_many_call_backs_at_once_one_works(app: Flask, admin: PatchpanelClient, vendor: Vendor) -> None:
    back = path_of(vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP))))
    cookie = admin.get_cookie("pp")
    assert cookie is not None
    store.release()

    def call() -> None:
        browser = app.test_client()
        browser.set_cookie("pp", cookie.value)
        browser.get(back)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(connections()) == 1
    tokens = [call for call in vendor.standin.calls if call.path == "/oauth/token"]
    assert len(tokens) == 1


def test_a_call_back_in_another_session_or_of_another_person_does_nothing(
    app: Flask, admin: PatchpanelClient, vendor: Vendor, sign_in: Callable[..., PatchpanelClient]
) -> None:
    back = path_of(vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP))))
    other = sign_in("admin", email="other@patchpanel.example")
    other.get(back)
    expect_alert(other, FOREIGN)
    second = app.test_client()
    second.post_form(
        "/sign-in", {"email": "admin@patchpanel.example", "password": "violet kettle drums under slate 41"}
    )
    second.get(back)
    expect_alert(second, FOREIGN)
    visitor = app.test_client()
    assert visitor.get(back).headers["Location"].startswith("/sign-in")
    assert connections() == []


def test_somebody_who_lost_the_right_cannot_finish(admin: PatchpanelClient, vendor: Vendor) -> None:
    back = path_of(vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP))))
    with store.write() as session:
        session.execute(update(User).values(role="responder"))
    assert admin.get(back).status_code == 403
    assert connections() == []


def test_a_consent_that_took_too_long_says_so(admin: PatchpanelClient, vendor: Vendor) -> None:
    back = path_of(vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP))))
    with store.write() as session:
        session.execute(update(OAuthFlow).values(expires_at=utcnow() - dt.timedelta(seconds=1)))
    admin.get(back)
    expect_alert(admin, "took longer than 10 minutes")


def test_another_providers_call_back_takes_no_state_of_this_one(admin: PatchpanelClient, vendor: Vendor) -> None:
    back = vendor.decide(vendor.sent_to(admin.post_form(INSTALL, APP)))
    for provider in ("servicenow", "nobody"):
        answer = admin.get(f"/connect/{provider}/callback", query_string=query_of(back))
        assert answer.status_code == 404
    assert connections() == []


def test_two_tabs_do_not_disturb_each_other(admin: PatchpanelClient, vendor: Vendor) -> None:
    addresses = [vendor.sent_to(admin.post_form(INSTALL, {**APP, "description": name})) for name in ("one", "two")]
    for address in reversed(addresses):
        admin.get(path_of(vendor.decide(address)))
    assert [c.description for c in connections()] == ["two", "one"]
    assert {c.settings["client_id"] for c in connections()} == {CLIENT_ID}


def test_typed_values_cannot_be_stored_or_tried_without_consent(admin: PatchpanelClient, vendor: Vendor) -> None:
    answer = admin.post_form(f"{INTEGRATIONS}/jira/oauth/new", APP)
    assert answer.headers["Location"] == INSTALL
    assert admin.post_form(f"{INTEGRATIONS}/jira/oauth/test", APP).status_code == 404
    assert connections() == []
