"""A stored secret is nowhere a browser could find it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import Connection
from standins.jira import API_TOKEN
from tests.browser.support import INTEGRATIONS, Guest, Recorder, dialog, field_of, follow, press, status
from tests.conftest import Site

pytestmark = pytest.mark.browser
STORES = (
    "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), history.state, document.cookie])"
)
WRONG = "wrong-token-4711"


def test_a_typed_token_never_comes_back(enter: Callable[..., Guest], jira: Site, recorder: Recorder) -> None:
    guest = enter()
    page = guest.open(INTEGRATIONS)
    follow(page.locator("[data-provider=jira]"), "Setup")
    box = dialog(page)
    for name, value in jira.typed(api_token=WRONG).items():
        box.locator(f"[name={name}]").fill(value)
    press(box, "Save")
    expect(box.get_by_role("alert")).to_contain_text("Invalid API Token")
    assert field_of(box, "API Token").get_attribute("type") == "password"
    field_of(box, "API Token").fill(API_TOKEN)
    press(box, "Test connection")
    box.get_by_role("status").wait_for()
    press(box, "Save")
    status(page, "Jira is connected and active")
    for token in (WRONG, API_TOKEN):
        assert token not in page.content()
        assert token not in page.evaluate(STORES)
        assert [path for path, answer in recorder.answers if token in answer] == []
    assert "Invalid API Token" in str(recorder.answers)


def test_every_page_and_dialog_is_quiet_and_holds_no_stored_token(
    enter: Callable[..., Guest], pages: list[str], connected: Connection, recorder: Recorder
) -> None:
    page = enter().open("/incidents")
    for path in pages:
        page.goto(path)
        assert page.evaluate("document.documentElement.classList.contains('js')"), path
        assert API_TOKEN not in page.content(), path
        assert API_TOKEN not in page.evaluate(STORES), path
    page.goto(f"{INTEGRATIONS}/connections/{connected.id}/edit")
    expect(field_of(page, "API Token")).to_have_value("")
    expect(dialog(page)).to_contain_text("leave blank to keep")
    press(page, "Update")
    status(page, "Connection updated")
    assert len(recorder.answers) > len(pages)
    assert [path for path, answer in recorder.answers if API_TOKEN in answer] == []


def test_pages_are_not_kept_by_the_browser(enter: Callable[..., Guest], recorder: Recorder) -> None:
    enter().open(INTEGRATIONS)
    assert "('Cache-Control', 'no-store')" in recorder.answers[-1][1]
