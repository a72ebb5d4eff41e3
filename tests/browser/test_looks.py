"""Light and dark, times, and the menu of a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from models import Ticket
from tests.browser.support import INTEGRATIONS, Guest

pytestmark = pytest.mark.browser
EXACT = re.compile(r"^\d{1,2} [A-Z][a-z]{2} \d{4}, \d{2}:\d{2}:\d{2} UTC$")


def brightness(page: Page, selector: str, name: str) -> float:
    """How bright a colour of the element is, from 0 to 255."""
    colour: str = page.locator(selector).first.evaluate(f"(e) => getComputedStyle(e).{name}")
    red, green, blue = (float(number) for number in re.findall(r"[\d.]+", colour)[:3])
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_dark_is_dark_and_light_is_light(enter: Callable[..., Guest]) -> None:
    for scheme, dark in (("light", False), ("dark", True)):
        page = enter(color_scheme=scheme).open(INTEGRATIONS)
        assert (brightness(page, "html", "backgroundColor") < 90) is dark, scheme
        assert (brightness(page, "h1", "color") > 160) is dark, scheme
        assert (brightness(page, ".card", "backgroundColor") < 110) is dark, scheme


def test_relative_times_say_the_exact_time_on_hover(enter: Callable[..., Guest], ticket: Ticket) -> None:
    page = enter().open("/incidents")
    for path in (
        "/incidents",
        f"/incidents/{ticket.incident_id}",
        INTEGRATIONS,
        "/settings/activity",
        "/settings/audit",
    ):
        page.goto(path)
        times = page.locator("time")
        assert times.count() > 0, path
        for title in times.evaluate_all("(all) => all.map((time) => time.title)"):
            assert EXACT.match(title), f"{path}: {title!r}"


def test_relative_times_go_on_while_the_page_stands(enter: Callable[..., Guest], ticket: Ticket) -> None:
    guest = enter()
    guest.context.clock.install()
    page = guest.open(f"/incidents/{ticket.incident_id}")
    shown = page.locator("#incident-timeline time").first
    expect(shown).to_have_text("just now")
    guest.context.clock.fast_forward("02:05")
    expect(shown).to_have_text("2 min ago")


def test_a_phone_opens_the_menu_with_one_press(enter: Callable[..., Guest]) -> None:
    page = enter(viewport={"width": 390, "height": 844}, java_script_enabled=False).open("/incidents")
    entry = page.get_by_role("navigation", name="Main").get_by_role("link", name="Integrations", exact=True)
    expect(entry).to_be_hidden()
    page.locator(".nav-switch summary").click()
    expect(entry).to_be_visible()
    entry.click()
    expect(page.get_by_role("heading", name="Integrations", level=1)).to_be_visible()
