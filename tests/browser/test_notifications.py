"""The bell in a browser: by keyboard, with and without JavaScript, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import Connection
from services import connection_watch
from services.actors import SYSTEM
from tests.browser.support import Guest, press, status
from tests.browser.test_keyboard import enter_at
from tests.conftest import Site

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def broken(ready: Site, connected: Connection) -> Connection:
    """A connection whose token was revoked, as the last check showed."""
    ready.standin.revoke_token()
    connection_watch.check_due(SYSTEM, everything=True)
    return connected


def test_from_the_bell_to_what_broke_by_keyboard_alone(broken: Connection, enter: Callable[..., Guest]) -> None:
    page = enter().open("/incidents")
    enter_at(page, page.get_by_role("link", name="Notifications 1 unread", exact=True))
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_visible()
    enter_at(page, page.get_by_role("button", name="Mark all as read", exact=True))
    status(page, "All notifications are marked as read")
    expect(page.get_by_role("link", name="Notifications", exact=True)).to_be_visible()
    enter_at(page, page.get_by_role("link", name="Jira: Operations Jira needs attention", exact=True))
    expect(page.get_by_role("dialog")).to_contain_text("Needs attention")


def test_without_javascript_on_a_phone(broken: Connection, enter: Callable[..., Guest]) -> None:
    page = enter(java_script_enabled=False, viewport=PHONE).open("/incidents")
    page.get_by_role("link", name="Notifications 1 unread", exact=True).click()
    press(page, "Mark all as read")
    status(page, "All notifications are marked as read")
    expect(page.get_by_role("link", name="Notifications", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
