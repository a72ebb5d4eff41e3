"""From the bell to the tickets of somebody who left, and to Reassign: by keyboard, without JavaScript, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from models import Connection, IntegrationUser, Role, Ticket
from services import integration_users, people_care, store
from services.actors import COMMAND_LINE, SYSTEM
from tests.browser.support import PEOPLE, Guest, dialog, field_of, press, status
from tests.browser.test_accessibility import STILL, inspect
from tests.browser.test_keyboard import enter_at
from tests.conftest import Site

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
NOTICE = "1 person needs attention in Jira: Operations Jira"


@pytest.fixture
def left(ready: Site, connected: Connection, person: IntegrationUser, ticket: Ticket) -> Ticket:
    """Dana's ticket; Dana was found to be inactive, and Ines can take over."""
    integration_users.add(COMMAND_LINE, connected.id, "ines.duarte@sandbox.example")
    ready.standin.set_active("dana.reyes@sandbox.example", False)
    people_care.recheck(SYSTEM)
    return ticket


def open_tickets(page: Page) -> None:
    """The page shows the dialog with Dana's tickets."""
    expect(dialog(page, "Open tickets of Dana Reyes")).to_be_visible()


def test_from_the_bell_to_reassign_by_keyboard_alone(left: Ticket, enter: Callable[..., Guest]) -> None:
    page = enter(Role.RESPONDER).open("/incidents")
    enter_at(page, page.get_by_role("link", name="Notifications 1 unread", exact=True))
    enter_at(page, page.get_by_role("link", name=NOTICE, exact=True))
    expect(field_of(page, "Status")).to_have_value("attention")
    link = page.get_by_role("link", name="1 open ticket of Dana Reyes", exact=True)
    enter_at(page, link)
    open_tickets(page)
    page.keyboard.press("Escape")
    expect(link).to_be_focused()
    enter_at(page, link)
    open_tickets(page)
    field_of(page, "Give them to").select_option(label="Ines Duarte (Ines.Duarte@Sandbox.Example)")
    enter_at(page, page.get_by_role("button", name="Reassign", exact=True))
    status(page, f"{left.external_key} was reassigned to Ines Duarte")
    expect(dialog(page)).to_have_count(0)
    expect(link).to_have_count(0)
    expect(page.get_by_role("row", name="Dana Reyes")).to_contain_text("Inactive")


def test_a_refusal_stands_below_its_ticket_and_in_the_dialog(
    left: Ticket, ready: Site, enter: Callable[..., Guest]
) -> None:
    page = enter().open(f"{PEOPLE}/{left.integration_user_id}/tickets")
    body = {"errorMessages": ["Ines is on leave"], "errors": {}}
    ready.standin.fail_next(400, times=2, route=f"PUT /rest/api/3/issue/{left.external_id}/assignee", body=body)
    field_of(page, "Give them to").select_option(index=1)
    for _ in range(2):
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            press(page, "Reassign")
        expect(dialog(page).get_by_role("alert")).to_contain_text("1 ticket was not reassigned")
        expect(dialog(page).locator(f"#ticket-{left.id}-reason")).to_contain_text("Ines is on leave")
    press(page, "Reassign")
    status(page, f"{left.external_key} was reassigned to Ines Duarte")


def test_the_dialog_of_a_refusal_reads_well_for_everybody(
    left: Ticket, ready: Site, enter: Callable[..., Guest]
) -> None:
    page = enter(**STILL).open(f"{PEOPLE}/{left.integration_user_id}/tickets")
    ready.standin.fail_next(400, route=f"PUT /rest/api/3/issue/{left.external_id}/assignee", body={})
    field_of(page, "Give them to").select_option(index=1)
    press(page, "Reassign")
    dialog(page).locator(f"#ticket-{left.id}-reason").wait_for()
    assert inspect(page, "Reassign, refused") == []


def test_without_javascript_on_a_phone(left: Ticket, enter: Callable[..., Guest]) -> None:
    page = enter(java_script_enabled=False, viewport=PHONE).open(f"{PEOPLE}?status=attention")
    page.get_by_role("link", name="1 open ticket of Dana Reyes", exact=True).click()
    open_tickets(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
    field_of(page, "Give them to").select_option(index=1)
    press(page, "Reassign")
    status(page, f"{left.external_key} was reassigned to Ines Duarte")
    with store.write() as session:
        current = store.locked(session, Ticket, left.id)
        assert current.assignee == "Ines Duarte"


def test_the_filter_by_status_works_while_choosing(left: Ticket, enter: Callable[..., Guest]) -> None:
    page = enter().open(PEOPLE)
    expect(page.get_by_role("row")).to_have_count(3)
    field_of(page, "Status").select_option("attention")
    expect(page.get_by_role("row")).to_have_count(2)
    field_of(page, "Status").select_option("gone")
    expect(page.get_by_text("Nobody found")).to_be_visible()
