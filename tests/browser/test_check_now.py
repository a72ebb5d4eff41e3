"""Check now in a real browser: the list opens where the button stands, and the focus stays there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import Connection
from tests.browser.support import INTEGRATIONS, Guest, Watch, dialog, follow, press, status
from tests.conftest import Site

pytestmark = pytest.mark.browser


def test_on_the_card_the_list_opens_and_the_focus_stays(
    enter: Callable[..., Guest], connected: Connection, jira: Site
) -> None:
    jira.standin.deny("ASSIGN_ISSUES")
    page = enter().open(INTEGRATIONS)
    card = page.locator("[data-provider=jira]")
    expect(card.get_by_text("Assign issues: yes")).to_be_hidden()
    press(card, "Check now")
    status(page, "Signed in as Alex Morgan")
    expect(card.get_by_text("Assign issues: no")).to_be_visible()
    expect(card.get_by_text("Missing permission: Assign issues.")).to_be_visible()
    expect(card.get_by_role("button", name="Check now", exact=True)).to_be_focused()


def test_in_the_dialog_success_and_failure_show_in_the_dialog(
    enter: Callable[..., Guest], connected: Connection, jira: Site, watch: Watch
) -> None:
    for line in ("status of 502", "Response Status Error Code 502"):  # the browser and htmx note failed answers
        watch.expect(line)
    page = enter().open(INTEGRATIONS)
    follow(page, "Operations Jira")
    press(dialog(page), "Check now")
    expect(dialog(page).get_by_role("status")).to_be_focused()
    expect(dialog(page).get_by_text("Create issues: yes")).to_be_visible()
    jira.standin.revoke_token(jira.typed()["user_email"])
    press(dialog(page), "Check now")
    expect(dialog(page).get_by_role("alert").filter(has_text="Invalid API Token")).to_be_visible()
    expect(dialog(page).get_by_text("Needs attention")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Operations Jira")).to_be_focused()
    expect(page.locator("[data-provider=jira]").get_by_text("Needs attention")).to_be_visible()
