"""Routing rules in another order: dragged with the mouse, touched, moved by the keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Connection
from services import routing
from services.actors import COMMAND_LINE
from tests.browser.support import INTEGRATIONS, Guest, status
from tests.browser.test_keyboard import go_to

pytestmark = pytest.mark.browser


@pytest.fixture
def page_of(enter: Callable[..., Guest], connected: Connection) -> Callable[..., Page]:
    """The Configure page of a connection with rules for A, B, C and D and a default."""
    for name in ("", "A", "B", "C", "D"):
        conditions = {"source": [name]} if name else {}
        # B is a tall one: it cannot be used and says why.
        draft = routing.Draft(
            conditions,
            {"project": "10000", "issue_type": "10003" if name == "B" else "10001"},
            {"project": "Operations"},
        )
        routing.save(COMMAND_LINE, connected, draft)
    return lambda **options: enter(**options).open(f"{INTEGRATIONS}/connections/{connected.id}/configure")


def row(page: Page, name: str) -> Locator:
    return page.locator("#rules li").filter(has_text=f"source is “{name}”")


def expect_order(page: Page, *names: str) -> None:
    expect(page.locator("#rules li p.meta:first-of-type")).to_contain_text(
        [*(f"source is “{name}”" for name in names), "every other incident"]
    )


def stored(connected: Connection) -> str:
    return "".join(rule.conditions.get("source", ["-"])[0] for rule in routing.of_connection(connected.id))


def drag(page: Page, name: str, over: Locator, *, share: float) -> None:
    """Press the mouse on a rule's grip and let go over another row, this share of its height down."""
    box = over.bounding_box()
    assert box
    row(page, name).locator(".grip").hover()
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] * share, steps=12)
    page.mouse.up()


def focused_row(page: Page) -> str:
    text: str = page.evaluate("document.activeElement.closest('li')?.textContent || ''")
    return text


def test_a_rule_is_dragged_down_and_up_again(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of()
    expect_order(page, "A", "B", "C", "D")
    drag(page, "A", row(page, "C"), share=0.8)
    status(page, "Moved: now rule 3 of 4")
    expect_order(page, "B", "C", "A", "D")
    assert "“A”" in focused_row(page)
    drag(page, "D", row(page, "B"), share=0.2)
    status(page, "Moved: now rule 1 of 4")
    expect_order(page, "D", "B", "C", "A")
    assert "“D”" in focused_row(page)
    page.reload()
    expect_order(page, "D", "B", "C", "A")
    assert stored(connected) == "DBCA-"


def test_a_rule_dragged_over_the_default_comes_before_it(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of()
    drag(page, "B", page.locator("#rules li").last, share=0.9)
    status(page, "Moved: now rule 4 of 4")
    expect_order(page, "A", "C", "D", "B")
    assert stored(connected) == "ACDB-"


def test_letting_go_where_it_was_changes_nothing(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of()
    row(page, "B").locator(".grip").click()
    expect_order(page, "A", "B", "C", "D")
    assert stored(connected) == "ABCD-"
    page.mouse.move(5, 5)
    page.mouse.move(400, 700, steps=5)
    expect_order(page, "A", "B", "C", "D")


def test_a_finger_drags_too(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of(has_touch=True, viewport={"width": 390, "height": 844})
    row(page, "A").locator(".grip").scroll_into_view_if_needed()
    start, end = row(page, "A").locator(".grip").bounding_box(), row(page, "B").bounding_box()
    assert start
    assert end
    touch = page.context.new_cdp_session(page)
    x, y, to = start["x"] + 8, start["y"] + 8, end["y"] + end["height"] * 0.9
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        point = {"x": x + 20, "y": y + (to - y) * step / 10}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    status(page, "Moved: now rule 2 of 4")
    assert stored(connected) == "BACD-"


def test_the_keyboard_moves_a_rule_and_stays_with_it(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of()
    go_to(page, row(page, "D").get_by_role("button", name="Move up", exact=True))
    for number, order in ((3, "ABDC"), (2, "ADBC"), (1, "DABC")):
        page.keyboard.press("Enter")
        status(page, f"Moved: now rule {number} of 4")
        expect_order(page, *order)
        expect(row(page, "D").get_by_role("button", name="Move up", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    status(page, "Moved: now rule 2 of 4")
    expect(row(page, "D").get_by_role("button", name="Move down", exact=True)).to_be_focused()
    assert stored(connected) == "ADBC-"


def test_without_javascript_the_buttons_do_it(page_of: Callable[..., Page], connected: Connection) -> None:
    page = page_of(java_script_enabled=False)
    expect(row(page, "A").locator(".grip")).to_be_hidden()
    row(page, "A").get_by_role("button", name="Move down", exact=True).click()
    status(page, "Moved: now rule 2 of 4")
    expect_order(page, "B", "A", "C", "D")
    expect(row(page, "A")).to_be_focused()
