"""Check now: on the card and in the read-only dialog, with htmx and without."""

from __future__ import annotations

import re

import pytest

from models import Connection, ConnectionStatus
from services import connection_health, routing, store
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient, Site
from tests.support_html import visible_text

INTEGRATIONS = "/settings/organization/integrations"
WORKS = "Jira is connected and active Signed in as Alex Morgan"


@pytest.fixture
def url(connected: Connection) -> str:
    """Where Check now posts to, for a connection whose tickets go to a known place."""
    draft = routing.Draft({}, {"project": "10000", "issue_type": "10001"}, {"project": "Operations (OPS)"})
    routing.save(COMMAND_LINE, connected, draft)
    return f"{INTEGRATIONS}/connections/{connected.id}/check"


def assert_told(text: str, *, create: str = "yes") -> None:
    """Who it is signed in as, and each permission in the chosen project."""
    assert WORKS in text
    assert "Permissions in Operations (OPS)" in text
    for line in (f"Create issues: {create}", "Browse projects: yes", "Assign issues: yes", "Find people"):
        assert line in text, line


def test_without_javascript_the_card_lists_it(admin: PatchpanelClient, url: str) -> None:
    answer = admin.post_form(url)
    assert answer.status_code == 303
    page = admin.get(answer.location).get_data(as_text=True)
    assert_told(visible_text(page))
    assert re.search(r'<details class="more" open><summary>Permissions in Operations', page)
    again = admin.get(INTEGRATIONS).get_data(as_text=True)
    assert '<details class="more"><summary>Permissions in Operations' in again, "closed when nobody just asked"


def test_htmx_gets_the_card_with_the_list_open(admin: PatchpanelClient, url: str) -> None:
    answer = admin.post_htmx(url)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "HX-Request" in answer.vary
    assert_told(visible_text(body))
    assert 'id="card-jira" data-provider="jira" hx-swap-oob="true"' in body
    assert '<details class="more" open>' in body
    assert 'role="status"' in body
    assert "<dialog" not in body


def test_in_the_dialog_htmx_gets_the_dialog_and_the_card(admin: PatchpanelClient, url: str) -> None:
    body = admin.post_htmx(url, {"from": "dialog"}).get_data(as_text=True)
    dialog = body[: body.index("</dialog>")]
    assert_told(visible_text(dialog))
    assert 'role="status"' in dialog
    assert 'id="card-jira" data-provider="jira" hx-swap-oob="true"' in body


def test_in_the_dialog_without_javascript_the_dialog_is_shown_again(admin: PatchpanelClient, url: str) -> None:
    answer = admin.post_form(url, {"from": "dialog"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert_told(visible_text(page[page.index("<dialog") : page.index("</dialog>")]))
    assert "<main" in page


@pytest.mark.parametrize("place", ["", "dialog"])
def test_a_missing_permission_is_said_plainly_and_the_badge_stays(
    admin: PatchpanelClient, url: str, jira: Site, connected: Connection, place: str
) -> None:
    jira.standin.deny("CREATE_ISSUES")
    text = visible_text(admin.post_htmx(url, {"from": place}).get_data(as_text=True))
    assert_told(text, create="no")
    assert "Missing permission in Operations (OPS): Create issues." in text
    assert store.get(Connection, connected.id).status == ConnectionStatus.WORKS
    card = visible_text(admin.get(INTEGRATIONS).get_data(as_text=True))
    assert "Missing permission in Operations (OPS): Create issues." in card


def test_a_permission_that_cannot_be_told_is_not_called_missing(admin: PatchpanelClient, url: str, jira: Site) -> None:
    jira.standin.fail_next(500, times=None, route="/rest/api/3/mypermissions")
    text = visible_text(admin.post_htmx(url).get_data(as_text=True))
    assert "Create issues: not known" in text
    assert "Missing permission" not in text


@pytest.mark.parametrize("htmx", [True, False])
def test_a_failure_in_the_dialog_is_told_there(
    admin: PatchpanelClient, url: str, jira: Site, connected: Connection, htmx: bool
) -> None:
    jira.standin.revoke_token(jira.typed()["user_email"])
    press = admin.post_htmx if htmx else admin.post_form
    answer = press(url, {"from": "dialog"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 502
    state = body[body.index('id="connection-state"') :]
    assert "Needs attention" in state
    assert "Invalid API Token" in body
    assert 'role="alert"' in (body if htmx else state), "said inside the dialog, which covers the page"
    assert ('hx-swap-oob="true"' in body) is htmx


def test_the_dialog_of_a_connection_that_is_off_offers_no_check(admin: PatchpanelClient, connected: Connection) -> None:
    address = f"{INTEGRATIONS}/connections/{connected.id}"
    assert "Check now" in admin.get(address, headers={"HX-Request": "true"}).get_data(as_text=True)
    admin.post_form(f"{address}/switch", {"on": "0"})
    assert "Check now" not in admin.get(address, headers={"HX-Request": "true"}).get_data(as_text=True)


def test_saving_tells_the_permissions_on_the_card_too(admin: PatchpanelClient, jira: Site) -> None:
    jira.standin.deny("ASSIGN_ISSUES")
    admin.post_form(f"{INTEGRATIONS}/jira/api_token/new", jira.typed())
    card = visible_text(admin.get(INTEGRATIONS).get_data(as_text=True))
    assert "Missing permission: Assign issues." in card
    assert "Permissions (no destination is chosen yet)" in card


def test_the_list_says_of_which_place_and_when(connected: Connection, url: str) -> None:
    told = connection_health.check(COMMAND_LINE, connected, permissions=True).told
    assert told
    assert told.title == "Permissions in Operations (OPS)"
    assert told == connection_health.last_told(store.get(Connection, connected.id))
