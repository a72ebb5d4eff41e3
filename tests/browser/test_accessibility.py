"""axe finds nothing on any page or dialog: light and dark, wide and on a phone; and nothing is wider than a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from models import Incident, IntegrationUser, Ticket, User
from services import links, store
from services.links import Purpose
from tests.browser.support import INTEGRATIONS, PEOPLE, Guest, Watch, dialog, field_of, follow, press, ticket_fields
from tests.conftest import Site

pytestmark = pytest.mark.browser
SCRIPT = Axe().axe_script
RUN = "(options) => axe.run(document, options).then((result) => result.violations)"
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
EVERYTHING = {"resultTypes": ["violations"]}
# Colours are all that changes between light and dark.
COLOURS = {**EVERYTHING, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Colours are compared when they have arrived, not on their way.
STILL = {"reduced_motion": "reduce"}


def inspect(page: Page, where: str) -> list[str]:
    """What axe says about the page as it stands, in both widths and both colour schemes."""
    found: list[str] = []
    page.evaluate(SCRIPT)  # through the debugger, so the page's own policy is not in the way
    for width in (DESKTOP, PHONE):
        page.set_viewport_size(width)  # type: ignore[arg-type]  # the driver's own shape
        for scheme, options in (("light", EVERYTHING), ("dark", COLOURS)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
            case = f"{where} ({width['width']} px, {scheme})"
            found += [f"{case}: {told(violation)}" for violation in page.evaluate(RUN, options)]
        if overflows(page):
            found.append(f"{where} ({width['width']} px): wider than the screen: {overflows(page)}")
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # the driver's own shape
    page.emulate_media(color_scheme="light")
    return found


def told(violation: dict[str, Any]) -> str:
    """A finding of axe in one line, with the first places."""
    places = [f"{node['target']} {node.get('failureSummary', '')}" for node in violation["nodes"]]
    return f"{violation['id']}: {places[:3]}"


def overflows(page: Page) -> list[str]:
    """Elements that make the page or its dialog scroll sideways."""
    found: list[str] = page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll("main, dialog, .dialog-panel, .dialog-body")]
        .filter((e) => e.scrollWidth > e.clientWidth + 1)
        .map((e) => `${e.tagName}.${e.className} ${e.scrollWidth} > ${e.clientWidth}`)"""
    )
    return found


def test_every_page_and_dialog_of_an_administrator(enter: Callable[..., Guest], pages: list[str]) -> None:
    page = enter(**STILL).open("/incidents")
    found = []
    for path in pages:
        page.goto(path)
        found += inspect(page, path)
    assert found == []


def test_pages_of_visitors(visitor: Callable[..., Guest], make_user: Callable[..., User], watch: Watch) -> None:
    watch.expect("status of 404")
    watch.expect("status of 410")
    user = make_user()
    with store.write() as session:
        reset = links.make(session, Purpose.RESET, user.id)
    found = []
    page = visitor(**STILL).open("/sign-in")
    for path in ("/sign-in", "/nothing", "/reset/unknown", reset):
        page.goto(path)
        found += inspect(page, path)
    page.goto("/sign-in")
    press(page, "Sign in")
    assert found + inspect(page, "/sign-in refused") == []


def test_empty_pages(enter: Callable[..., Guest], watch: Watch) -> None:
    watch.expect("status of 404")
    page = enter(**STILL).open("/incidents")
    found = []
    for path in ("/incidents", PEOPLE, f"{PEOPLE}/new", INTEGRATIONS, "/settings/activity", "/incidents/999"):
        page.goto(path)
        found += inspect(page, f"{path} (empty)")
    assert found == []


def test_forms_that_were_refused_and_tested(enter: Callable[..., Guest], jira: Site) -> None:
    page = enter(**STILL).open(INTEGRATIONS)
    follow(page.locator("[data-provider=jira]"), "Setup")
    box = dialog(page)
    press(box, "Save")
    box.get_by_role("alert").wait_for()
    found = inspect(page, "empty form refused")
    for name, value in jira.typed().items():
        box.locator(f"[name={name}]").fill(value)
    press(box, "Test connection")
    box.get_by_role("status").wait_for()
    assert found + inspect(page, "test succeeded") == []


def test_dialogs_in_use(enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident) -> None:
    page = enter(**STILL).open(f"{PEOPLE}/new")
    field_of(page, "Email").fill("tom.becker@sandbox.example")
    page.get_by_role("radio").first.wait_for()
    found = inspect(page, "people to choose from")
    page.goto(f"/incidents/{incident.id}")
    box = ticket_fields(page, "Incident")
    field_of(box, "Severity").wait_for()
    found += inspect(page, "ticket dialog")
    press(box, "Create Ticket")
    box.get_by_role("alert").wait_for()
    assert found + inspect(page, "ticket refused") == []


@pytest.mark.parametrize("role", ["responder", "member"])
def test_pages_of_other_roles(enter: Callable[..., Guest], ticket: Ticket, watch: Watch, role: str) -> None:
    watch.expect("status of 403")
    page = enter(role, **STILL).open("/incidents")
    found = inspect(page, "/incidents")
    for path in (f"/incidents/{ticket.incident_id}", PEOPLE, "/settings"):
        page.goto(path)
        found += inspect(page, path)
    assert found == []


def test_a_ticket_that_is_being_confirmed(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    page = enter(**STILL).open(f"/incidents/{incident.id}")
    box = ticket_fields(page, "Task")
    ready.standin.drop_after_create()
    press(box, "Create Ticket")
    page.get_by_role("button", name="Look now").wait_for()
    assert inspect(page, "being confirmed") == []
