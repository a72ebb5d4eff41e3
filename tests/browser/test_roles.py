"""What each role sees, and what an address typed by hand answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from models import Incident, IntegrationUser, Ticket
from tests.browser.support import INTEGRATIONS, PEOPLE, Guest, Watch, press, status, ticket_fields, ticket_link
from tests.conftest import Site

pytestmark = pytest.mark.browser
SETTINGS = (
    "/settings",
    "/settings/system",
    INTEGRATIONS,
    f"{INTEGRATIONS}/jira/api_token/new",
    "/settings/users",
    "/settings/activity",
    "/settings/audit",
)


def forbidden(page: Page, path: str) -> None:
    """The address answers a page that says so."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 403, path
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
    expect(page.get_by_role("main")).to_contain_text("Ask an administrator for the role you need.")
    expect(page.get_by_role("link", name="Go to Incidents", exact=True)).to_be_visible()


def test_a_responder_creates_tickets_and_sees_no_settings(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident, watch: Watch
) -> None:
    watch.expect("status of 403")
    page = enter("responder").open(f"/incidents/{incident.id}")
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link")).to_have_text(["Incidents", "Integration Users"])
    expect(navigation).not_to_contain_text("Settings")
    press(ticket_fields(page, "Task"), "Create Ticket")
    status(page, "Ticket OPS-1 created")
    expect(ticket_link(page)).to_be_visible()
    page.goto(PEOPLE)
    expect(page.get_by_role("row").filter(has_text="Dana Reyes")).to_be_visible()
    expect(page.get_by_role("link", name="Add More")).to_have_count(0)
    expect(page.get_by_role("link", name="Remove")).to_have_count(0)
    for path in (*SETTINGS, f"{PEOPLE}/new", f"{PEOPLE}/{person.id}/remove"):
        forbidden(page, path)


def test_a_member_reads_and_has_no_buttons(enter: Callable[..., Guest], ticket: Ticket, watch: Watch) -> None:
    watch.expect("status of 403")
    one = f"/incidents/{ticket.incident_id}"
    page = enter("member").open("/incidents")
    main = page.get_by_role("main")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_text(["Incidents"])
    expect(main.get_by_role("link", name="New incident")).to_have_count(0)
    page.goto(one)
    expect(ticket_link(page)).to_be_visible()
    expect(main.get_by_role("button")).to_have_count(0)
    expect(main.locator("a.button")).to_have_count(0)
    expect(main.get_by_role("textbox")).to_have_count(0)
    own = (f"{one}/edit", f"{one}/tickets/new", f"{one}/tickets/link", f"{one}/tickets/{ticket.id}/unlink")
    for path in (*SETTINGS, PEOPLE, "/incidents/new", *own):
        forbidden(page, path)


def test_an_address_of_nothing_says_so(enter: Callable[..., Guest], watch: Watch) -> None:
    watch.expect("status of 404")
    page = enter("member").open("/incidents/999999")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    expect(page.get_by_role("main")).to_contain_text("It may have been removed, or you may not see it.")
