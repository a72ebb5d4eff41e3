"""Setting a Jira connection up and looking after it, through the pages."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from extensions import db
from models import Attempt, Connection, ConnectionStatus, Event
from tests.conftest import PatchpanelClient, Site

INTEGRATIONS = "/settings/organization/integrations"
NEW = f"{INTEGRATIONS}/jira/api_token/new"
TEST = f"{INTEGRATIONS}/jira/api_token/test"


def only() -> Connection:
    """The one stored connection, as it is now."""
    db.session.rollback()
    return db.session.scalars(select(Connection).execution_options(populate_existing=True)).one()


def text_of(html: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_page_offers_jira_and_says_that_it_is_not_connected(admin: PatchpanelClient) -> None:
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert 'data-provider="jira"' in page
    assert "Ticket Providers" in page
    assert "Not Connected" in page
    assert ">Setup<" in page


def test_save_checks_stores_and_says_so(admin: PatchpanelClient, jira: Site) -> None:
    answer = admin.post_form(NEW, jira.typed(description="Operations"))
    assert answer.status_code == 303
    page = text_of(admin.get(INTEGRATIONS).get_data(as_text=True))
    assert "Jira is connected and active" in page
    assert "Active" in page
    assert "acts as Alex Morgan" in page
    connection = only()
    assert connection.description == "Operations"
    assert connection.status == ConnectionStatus.WORKS
    assert connection.external_account["name"] == "Alex Morgan"


def test_htmx_gets_the_card_and_the_sentence_and_the_dialog_closes(admin: PatchpanelClient, jira: Site) -> None:
    answer = admin.post_htmx(NEW, jira.typed())
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert '<article class="card" id="card-jira" data-provider="jira" hx-swap-oob="true">' in body
    assert 'role="status"' in body
    assert "<dialog" not in body


def test_a_whole_page_address_is_brought_to_the_site(admin: PatchpanelClient, jira: Site) -> None:
    admin.post_form(NEW, jira.typed(service_url=f"  {jira.url}/jira/your-work?x=1 "))
    assert only().settings["service_url"] == jira.url


@pytest.mark.parametrize(
    ("field", "value"), [("service_url", "not an address"), ("service_url", ""), ("api_token", ""), ("user_email", "")]
)
def test_a_missing_or_malformed_value_is_marked_at_its_field(
    admin: PatchpanelClient, jira: Site, field: str, value: str
) -> None:
    answer = admin.post_form(NEW, jira.typed(**{field: value}))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert re.search(rf'<input[^>]*aria-invalid="true"[^>]*name="{field}"|name="{field}"[^>]*aria-invalid="true"', page)
    assert db.session.scalars(select(Connection)).all() == []


def test_a_wrong_token_is_named_with_cause_and_next_step_and_nothing_is_stored(
    admin: PatchpanelClient, jira: Site
) -> None:
    answer = admin.post_form(NEW, jira.typed(api_token="wrong-token-value"))
    page = text_of(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert "Invalid API Token" in page
    assert "Jira refused this e-mail address and API token." in page
    assert "create a new token" in page
    assert "See what happened" in page
    assert "wrong-token-value" not in answer.get_data(as_text=True)
    assert db.session.scalars(select(Connection)).all() == []


def test_the_alert_links_to_the_attempt(admin: PatchpanelClient, jira: Site) -> None:
    page = admin.post_form(NEW, jira.typed(api_token="wrong")).get_data(as_text=True)
    link = re.search(r'href="(/settings/activity/\d+)"', page)
    assert link
    entry = text_of(admin.get(link.group(1)).get_data(as_text=True))
    assert "Jira" in entry
    assert "401" in entry


def test_connection_test_keeps_what_was_typed_and_saves_nothing(admin: PatchpanelClient, jira: Site) -> None:
    answer = admin.post_form(TEST, jira.typed(description="Typed name"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Connection works" in page
    assert "Signed in as Alex Morgan" in page
    assert "Create issues: yes" in text_of(page)
    assert 'value="Typed name"' in page
    assert f'value="{jira.url}"' in page
    assert db.session.scalars(select(Connection)).all() == []


def test_a_stored_connection_opens_read_only(admin: PatchpanelClient, connected: Connection) -> None:
    page = admin.get(f"{INTEGRATIONS}/connections/{connected.id}").get_data(as_text=True)
    assert "Edit" in page
    assert "Disconnect Provider" in page
    assert 'name="service_url"' not in page


def test_update_with_a_blank_secret_keeps_it(admin: PatchpanelClient, connected: Connection, jira: Site) -> None:
    edit = f"{INTEGRATIONS}/connections/{connected.id}/edit"
    before = connected.for_client().credentials
    assert "leave blank to keep" in admin.get(edit).get_data(as_text=True)
    answer = admin.post_form(edit, jira.typed(api_token="", description="New name"))
    assert answer.status_code == 303
    assert "Connection updated" in admin.get(INTEGRATIONS).get_data(as_text=True)
    assert only().description == "New name"
    assert only().for_client().credentials == before


def test_a_changed_address_demands_the_secret_again_on_save_and_on_test(
    admin: PatchpanelClient, connected: Connection, jira: Site
) -> None:
    base = f"{INTEGRATIONS}/connections/{connected.id}"
    moved = jira.typed(service_url=jira.url.replace("127.0.0.1", "localhost"), api_token="")
    calls = len(jira.standin.calls)
    for verb in ("edit", "test"):
        answer = admin.post_form(f"{base}/{verb}", moved)
        assert answer.status_code == 422
        assert "must be typed again" in answer.get_data(as_text=True)
    assert len(jira.standin.calls) == calls
    assert only().settings["service_url"] == jira.url


def test_a_refused_update_changes_nothing_that_was_stored(
    admin: PatchpanelClient, connected: Connection, jira: Site
) -> None:
    before = (only().credentials_version, only().status, only().description)
    answer = admin.post_form(
        f"{INTEGRATIONS}/connections/{connected.id}/edit", jira.typed(api_token="wrong", description="Other")
    )
    assert answer.status_code == 422
    assert (only().credentials_version, only().status, only().description) == before


def test_a_mask_is_not_taken_for_a_secret(admin: PatchpanelClient, jira: Site) -> None:
    answer = admin.post_form(NEW, jira.typed(api_token="••••••••"))
    assert answer.status_code == 422
    assert "looks like a mask" in answer.get_data(as_text=True)


def test_check_now_turns_the_badge_when_the_token_was_revoked(
    admin: PatchpanelClient, connected: Connection, jira: Site
) -> None:
    jira.standin.revoke_token(jira.typed()["user_email"])
    answer = admin.post_htmx(f"{INTEGRATIONS}/connections/{connected.id}/check")
    body = text_of(answer.get_data(as_text=True))
    assert answer.status_code == 502
    assert "Invalid API Token" in body
    assert "Needs attention" in body
    assert only().status == ConnectionStatus.NEEDS_ATTENTION


def test_an_unreachable_jira_keeps_the_badge_until_the_third_failure(
    admin: PatchpanelClient, connected: Connection, jira: Site
) -> None:
    url = f"{INTEGRATIONS}/connections/{connected.id}/check"
    seen = []
    for _ in range(3):
        jira.standin.fail_next(500, times=1, route="/rest/api/3/myself")
        answer = admin.post_form(url)
        assert answer.status_code == 502
        assert "Unable to connect to the Jira instance" in answer.get_data(as_text=True)
        seen.append((only().status, "Could not check since" in answer.get_data(as_text=True)))
    assert seen == [
        (ConnectionStatus.WORKS, True),
        (ConnectionStatus.WORKS, True),
        (ConnectionStatus.NEEDS_ATTENTION, False),
    ]
    assert admin.post_form(url).status_code == 303
    assert only().status == ConnectionStatus.WORKS
    assert only().failures == 0


def test_a_switched_off_connection_makes_no_call(admin: PatchpanelClient, connected: Connection, jira: Site) -> None:
    base = f"{INTEGRATIONS}/connections/{connected.id}"
    admin.post_form(f"{base}/switch", {"on": "0"})
    page = text_of(admin.get(INTEGRATIONS).get_data(as_text=True))
    assert "Connected" in page
    assert "Switch on" in page
    calls = len(jira.standin.calls)
    assert admin.post_form(f"{base}/check").status_code == 422
    answer = admin.post_form(f"{base}/edit", jira.typed(api_token="", description="While off"))
    assert answer.status_code == 303
    assert "Connection saved" in admin.get(INTEGRATIONS).get_data(as_text=True)
    assert len(jira.standin.calls) == calls


def test_disconnect_asks_says_what_stops_and_stays_and_then_removes(
    admin: PatchpanelClient, connected: Connection
) -> None:
    url = f"{INTEGRATIONS}/connections/{connected.id}/disconnect"
    page = admin.get(url).get_data(as_text=True)
    assert "What stops" in page
    assert "What stays" in page
    assert admin.post_form(url).status_code == 303
    assert "Jira is disconnected" in admin.get(INTEGRATIONS).get_data(as_text=True)
    assert db.session.scalars(select(Connection)).all() == []


def test_two_connections_stand_side_by_side(admin: PatchpanelClient, jira: Site) -> None:
    admin.post_form(NEW, jira.typed(description="First"))
    admin.post_form(NEW, jira.typed(description="Second"))
    page = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert "First" in page
    assert "Second" in page
    assert page.count('data-provider="jira"') == 1


def test_the_expiry_is_counted_down_on_the_card(admin: PatchpanelClient, jira: Site) -> None:
    from providers.base import utcnow

    day = utcnow().date().toordinal() + 6
    import datetime as dt

    admin.post_form(NEW, jira.typed(credential_expires_on=dt.date.fromordinal(day).isoformat()))
    assert re.search(r"expires .* in 6 days", text_of(admin.get(INTEGRATIONS).get_data(as_text=True)))


def test_every_change_leaves_an_event_without_secrets(admin: PatchpanelClient, jira: Site) -> None:
    admin.post_form(NEW, jira.typed())
    base = f"{INTEGRATIONS}/connections/{only().id}"
    admin.post_form(f"{base}/edit", jira.typed(api_token="", description="B"))
    admin.post_form(f"{base}/switch", {"on": "0"})
    admin.post_form(f"{base}/disconnect")
    events = db.session.scalars(select(Event).where(Event.target_kind == "connection").order_by(Event.id)).all()
    assert [event.action for event in events] == [
        "connection.created",
        "connection.updated",
        "connection.switched_off",
        "connection.disconnected",
    ]
    assert all(jira.typed()["api_token"] not in str(event.details) for event in events)


def test_every_call_leaves_an_attempt(admin: PatchpanelClient, jira: Site) -> None:
    admin.post_form(NEW, jira.typed())
    attempts = db.session.scalars(select(Attempt).order_by(Attempt.id)).all()
    assert [attempt.purpose for attempt in attempts] == ["check", "check permissions"]
    assert {attempt.outcome for attempt in attempts} == {"ok"}
    assert all(attempt.duration_ms is not None for attempt in attempts)


def test_members_and_responders_may_not_manage_connections(
    responder: PatchpanelClient, member: PatchpanelClient
) -> None:
    for browser in (responder, member):
        assert browser.get(INTEGRATIONS).status_code == 403
        assert browser.get(NEW).status_code == 403
