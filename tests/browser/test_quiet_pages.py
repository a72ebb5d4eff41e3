"""Pages that cause nothing: no console lines, no errors, no refused content, no requests to elsewhere, few bytes.

What must not happen is collected by the fixture `watch` and compared at the end of every test of this folder;
test_secrets.py visits every page and dialog.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.support import INTEGRATIONS, Guest, Watch

pytestmark = pytest.mark.browser
FIRST_VISIT_BYTES = 50_000
NEXT_VISIT_BYTES = 8_000


def test_visitors_pages_are_quiet(visitor: Callable[..., Guest], watch: Watch) -> None:
    watch.expect("status of 404")
    watch.expect("status of 410")
    page = visitor().open("/sign-in")
    for path in ("/nothing", "/reset/unknown", "/welcome/unknown"):
        page.goto(path)


def test_a_refused_inline_script_would_be_noticed(visitor: Callable[..., Guest], watch: Watch) -> None:
    page = visitor().open("/sign-in")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.x = 1'}))"
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.x") is None
    assert any("policy: script-src" in line for line in watch.complaints)
    watch.complaints.clear()


class Meter:
    """Counts the bytes that come over the wire for a page, headers included."""

    def __init__(self, page: Page) -> None:
        self.total = 0
        self._wire = page.context.new_cdp_session(page)
        self._wire.send("Network.enable")
        self._wire.on("Network.loadingFinished", self._finished)

    def _finished(self, event: dict[str, Any]) -> None:
        self.total += int(event["encodedDataLength"])

    def visit(self, page: Page, path: str) -> int:
        """Bytes of one visit."""
        self.total = 0
        page.goto(path, wait_until="networkidle")
        return self.total


def test_the_first_visit_is_small_and_the_next_much_smaller(enter: Callable[..., Guest]) -> None:
    page = enter().context.new_page()
    meter = Meter(page)
    first = meter.visit(page, INTEGRATIONS)
    again = meter.visit(page, INTEGRATIONS)
    # Less than this would mean that nothing was counted.
    assert 20_000 < first <= FIRST_VISIT_BYTES, first
    assert 1_000 < again <= NEXT_VISIT_BYTES, again
