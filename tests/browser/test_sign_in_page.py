"""Signing in and out through the page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import User
from tests.browser.support import Guest, Watch, field_of, press, status
from tests.conftest import PASSWORD

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_said_and_the_address_stays(
    visitor: Callable[..., Guest], make_user: Callable[..., User]
) -> None:
    page = visitor().open("/settings/system")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(field_of(page, "Email")).to_be_focused()
    field_of(page, "Email").fill(make_user().email)
    field_of(page, "Password").fill("not the right one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(field_of(page, "Email")).to_have_value("admin@patchpanel.example")
    expect(field_of(page, "Password")).to_have_value("")
    expect(field_of(page, "Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    # Where the person wanted to go in the first place.
    expect(page.get_by_role("heading", name="System Info", level=1)).to_be_visible()


def test_signing_out_ends_every_tab_and_the_back_button_shows_nothing(enter: Callable[..., Guest]) -> None:
    guest = enter()
    page, other = guest.open("/settings/users"), guest.open("/settings/audit")
    press(page, "Sign out")
    status(page, "You are signed out.")
    other.reload()
    expect(other).to_have_url(re.compile("/sign-in"))
    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_session_that_ended_leads_to_sign_in_from_a_dialog_too(enter: Callable[..., Guest], watch: Watch) -> None:
    watch.expect("status of 401")
    guest = enter()
    guest.open("/incidents")
    page = guest.context.pages[0]
    guest.context.clear_cookies()
    page.get_by_role("main").get_by_role("link", name="New incident").first.click()
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
