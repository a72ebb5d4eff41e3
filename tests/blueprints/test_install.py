"""Install: from the card to the vendor's consent page and back to a working connection."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from extensions import db
from models import Attempt, Connection, ConnectionStatus, Event, OAuthFlow
from providers.oauth import REFRESH_TOKEN
from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET, CLOUD_ID, SECOND_CLOUD_ID
from tests.conftest import PatchpanelClient, Site
from tests.support_consent import APP, INSTALL, INTEGRATIONS, Vendor, path_of, query_of, seen


@pytest.fixture
def vendor(jira: Site, allow: Callable[..., None]) -> Vendor:
    """The stand-in as the vendor of consents."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    return Vendor(jira)


def stored() -> list[Connection]:
    """All connections, as they are now."""
    db.session.rollback()
    return list(db.session.scalars(select(Connection).execution_options(populate_existing=True)))


def test_the_card_offers_both_ways(admin: PatchpanelClient) -> None:
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert re.search(rf'href="{INSTALL}"[^>]*>Install<', page)
    assert ">Setup<" in page


def test_the_dialog_shows_the_call_back_url_before_anything_is_typed(admin: PatchpanelClient, vendor: Vendor) -> None:
    answer = admin.get(INSTALL)
    page = answer.get_data(as_text=True)
    assert "<dialog open" in page
    assert "http://127.0.0.1:8000/connect/jira/callback" in page
    assert 'data-copy="#redirect-uri"' in page
    for label in ("Client ID", "Client Secret", "Description"):
        assert re.search(rf"<label[^>]*>{label}</label>", page), label
    for scope in ("read:jira-work", "write:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access"):
        assert scope in page
    assert f"form-action 'self' {vendor.site.url}" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_a_missing_value_is_marked_and_nobody_is_sent_away(
    admin: PatchpanelClient, vendor: Vendor, missing: str
) -> None:
    answer = admin.post_form(INSTALL, {**APP, missing: ""})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    assert db.session.scalars(select(OAuthFlow)).all() == []


def test_install_leads_to_the_vendor_with_all_it_asks_for(admin: PatchpanelClient, vendor: Vendor) -> None:
    answer = admin.post_form(INSTALL, APP)
    assert answer.status_code == 303
    asked = query_of(vendor.sent_to(answer))
    state = asked.pop("state")
    assert asked == {
        "audience": "api.atlassian.com",
        "client_id": CLIENT_ID,
        "scope": "read:jira-work write:jira-work read:jira-user manage:jira-webhook offline_access",
        "redirect_uri": "http://127.0.0.1:8000/connect/jira/callback",
        "response_type": "code",
        "prompt": "consent",
    }
    flow = db.session.scalars(select(OAuthFlow)).one()
    assert len(state) >= 43
    assert state not in repr(vars(flow))
    assert CLIENT_SECRET not in repr(vars(flow))


def test_htmx_is_told_to_leave_with_the_whole_window(admin: PatchpanelClient, vendor: Vendor) -> None:
    answer = admin.post_htmx(INSTALL, APP)
    assert answer.status_code == 204
    vendor.sent_to(answer)


def test_one_site_is_connected_at_once(admin: PatchpanelClient, vendor: Vendor) -> None:
    answer = vendor.install(admin, description="Operations")
    assert answer.status_code == 303
    assert answer.headers["Location"] == INTEGRATIONS
    page = seen(admin)
    assert "Jira is connected and active" in page
    assert "Tickets are reported as Alex Morgan" in page
    [connection] = stored()
    assert connection.status == ConnectionStatus.WORKS
    assert connection.description == "Operations"
    assert connection.settings["cloud_id"] == CLOUD_ID
    assert connection.settings["site_url"] == vendor.site.url
    assert sorted(connection.credentials) == ["access_token", "client_secret", "refresh_token"]
    assert connection.external_account["site_url"] == vendor.site.url
    assert db.session.scalars(select(OAuthFlow)).all() == []
    assert db.session.scalars(select(Event.action).where(Event.action == "connection.created")).one()
    purposes = set(db.session.scalars(select(Attempt.purpose)))
    assert {"exchange consent for tokens", "list sites", "check"} <= purposes


def test_a_site_listed_once_per_product_is_one_site(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.standin.set_oauth(double_listing=True)
    vendor.install(admin)
    assert [c.settings["cloud_id"] for c in stored()] == [CLOUD_ID]


def test_of_several_sites_the_person_chooses(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.standin.offer_sites(2)
    answer = vendor.install(admin, description="Second one")
    choosing = answer.headers["Location"]
    assert choosing.startswith("/connect/jira/sites/")
    page = admin.get(choosing).get_data(as_text=True)
    assert "sandbox (" in page
    assert "second (https://second.sandbox.example)" in page
    assert "checked" not in page.partition("<dialog")[2]
    assert stored() == []
    refused = admin.post_form(choosing, {})
    assert refused.status_code == 422
    assert "Choose one of the sites." in refused.get_data(as_text=True)
    assert admin.post_form(choosing, {"site": "another"}).status_code == 422
    assert admin.post_form(choosing, {"site": SECOND_CLOUD_ID}).status_code == 303
    assert "Jira is connected and active" in seen(admin)
    [connection] = stored()
    assert (connection.settings["cloud_id"], connection.description) == (SECOND_CLOUD_ID, "Second one")
    assert admin.post_form(choosing, {"site": CLOUD_ID}).status_code == 404
    assert len(stored()) == 1


def test_the_choice_is_for_the_same_person_in_the_same_browser(
    admin: PatchpanelClient, vendor: Vendor, sign_in: Callable[..., PatchpanelClient]
) -> None:
    vendor.standin.offer_sites(2)
    choosing = vendor.install(admin).headers["Location"]
    other = sign_in("admin", email="other@patchpanel.example")
    assert other.get(choosing).status_code == 404
    assert other.post_form(choosing, {"site": CLOUD_ID}).status_code == 404
    assert stored() == []


def test_a_known_app_is_not_asked_for_again(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin)
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert f'href="{INSTALL}?another=1"' in page
    leaving = admin.get(INSTALL)
    assert leaving.status_code == 303
    admin.get(path_of(vendor.decide(vendor.sent_to(leaving))))
    assert len(stored()) == 2
    assert "<dialog" in admin.get(f"{INSTALL}?another=1").get_data(as_text=True)


def test_another_sites_page_cannot_press_install(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin)
    answer = admin.get(INSTALL, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "<dialog" in answer.get_data(as_text=True)


def test_a_secret_entered_for_other_addresses_is_not_reused(
    admin: PatchpanelClient, vendor: Vendor, allow: Callable[..., None]
) -> None:
    vendor.install(admin)
    allow(atlassian_auth_url="https://auth.elsewhere.example")
    answer = admin.get(INSTALL)
    assert answer.status_code == 200
    assert "<dialog" in answer.get_data(as_text=True)


def test_the_dialog_of_the_connection_shows_what_it_is_and_no_secret(
    admin: PatchpanelClient, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.install(admin)
    [connection] = stored()
    secrets = connection.for_client().credentials
    page = admin.get(f"{INTEGRATIONS}/connections/{connection.id}").get_data(as_text=True)
    for words in ("Reconnect", "Disconnect Provider", CLIENT_ID, "Tickets are reported as Alex Morgan"):
        assert words in page
    edit = admin.get(f"{INTEGRATIONS}/connections/{connection.id}/edit", follow_redirects=True)
    assert "leave blank to keep" in edit.get_data(as_text=True)
    pages = [page, edit.get_data(as_text=True), seen(admin), seen(admin, "/settings/audit")]
    pages += [seen(admin, f"/settings/activity/{n}") for n in db.session.scalars(select(Attempt.id))]
    for text in pages:
        assert not [name for name, value in secrets.items() if value in text]
    rows = [repr(row) for table in (Attempt, Event) for row in db.session.execute(select(table.__table__))]
    rows += [repr(vars(record)) for record in caplog.records if record.name.split(".")[0] != "werkzeug"]
    assert not [name for name, value in secrets.items() if any(value in row for row in rows)]


def test_edit_changes_the_description_without_a_new_consent(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin)
    [connection] = stored()
    before = connection.for_client().credentials
    answer = admin.post_form(
        f"/connect/connections/{connection.id}/edit", {"description": "New name", "client_id": CLIENT_ID}
    )
    assert answer.headers["Location"] == INTEGRATIONS
    [connection] = stored()
    assert connection.description == "New name"
    assert connection.for_client().credentials == before


def test_update_with_another_secret_asks_for_the_consent_again(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin)
    [connection] = stored()
    vendor.standin.change_client_secret("rotated-secret")
    answer = admin.post_form(
        f"/connect/connections/{connection.id}/edit", {"client_id": CLIENT_ID, "client_secret": "rotated-secret"}
    )
    admin.get(path_of(vendor.decide(vendor.sent_to(answer))))
    [after] = stored()
    assert after.id == connection.id
    assert after.for_client().credentials["client_secret"] == "rotated-secret"


def test_reconnect_keeps_the_connection_and_what_hangs_on_it(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin, description="Operations")
    [connection] = stored()
    before = connection.for_client().credentials[REFRESH_TOKEN]
    vendor.standin.revoke_consents()
    check = f"{INTEGRATIONS}/connections/{connection.id}/check"
    refused = admin.post_form(check)
    assert refused.status_code == 502
    assert "Reconnect needed" in refused.get_data(as_text=True)
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert "Needs attention" in page
    assert f'href="/connect/connections/{connection.id}/reconnect"' in page
    vendor.reconnect(admin, connection.id)
    assert "Jira is connected and active" in seen(admin)
    [after] = stored()
    assert (after.id, after.description, after.status) == (connection.id, "Operations", ConnectionStatus.WORKS)
    assert after.for_client().credentials[REFRESH_TOKEN] != before
    assert admin.post_form(check).status_code == 303


def test_reconnect_with_another_site_is_refused(admin: PatchpanelClient, vendor: Vendor) -> None:
    vendor.install(admin)
    [connection] = stored()
    vendor.standin.offer_sites(2)
    leaving = admin.get(f"/connect/connections/{connection.id}/reconnect")
    back = vendor.decide(vendor.sent_to(leaving), sites=[SECOND_CLOUD_ID])
    admin.get(path_of(back))
    assert "the site of this connection" in seen(admin)
    assert stored()[0].settings["cloud_id"] == CLOUD_ID
