"""The keyboard alone: Tab, Enter, letters and arrows, Escape."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Incident, IntegrationUser, User
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.browser.support import INTEGRATIONS, Guest, chosen, dialog, field_of, status, ticket_fields, ticket_link
from tests.conftest import PASSWORD, Site

pytestmark = pytest.mark.browser
MOST_TABS = 60


def go_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    expect(target).to_be_visible()
    for _ in range(MOST_TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            assert target.evaluate("(element) => element.matches(':focus-visible')")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by {MOST_TABS} times Tab")


def enter_at(page: Page, target: Locator) -> None:
    go_to(page, target)
    page.keyboard.press("Enter")


def link(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("link", name=name, exact=True)


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def type_into(page: Page, target: Locator, text: str) -> None:
    go_to(page, target)
    page.keyboard.type(text)


def test_up_to_the_created_ticket(visitor: Callable[..., Guest], make_user: Callable[..., User], jira: Site) -> None:
    page = visitor().open("/sign-in")
    type_into(page, field_of(page, "Email"), make_user().email)
    type_into(page, field_of(page, "Password"), PASSWORD)
    page.keyboard.press("Enter")
    connect(page, jira)
    add_dana(page)
    create_incident(page)
    create_ticket(page)
    assert jira.standin.creates == 1


def connect(page: Page, jira: Site) -> None:
    enter_at(page, link(page, "Integrations"))
    enter_at(page, link(page.locator("[data-provider=jira]"), "Setup"))
    box = dialog(page, "Set up Jira")
    expect(field_of(box, "Description")).to_be_focused()
    type_into(page, field_of(box, "Service URL"), jira.url)
    type_into(page, field_of(box, "API Token"), API_TOKEN)
    type_into(page, field_of(box, "User Email"), ADMIN_EMAIL)
    page.keyboard.press("Enter")
    status(page, "Jira is connected and active")
    expect(link(page.locator("[data-provider=jira]"), "Setup")).to_be_focused()


def add_dana(page: Page) -> None:
    enter_at(page, link(page, "Integration Users"))
    enter_at(page, link(page, "Add More"))
    box = dialog(page, "Add User")
    type_into(page, field_of(box, "Email"), "dana.reyes@sandbox.example")
    expect(field_of(box, "Name")).to_have_value("Dana Reyes")
    enter_at(page, button(box, "Add User"))
    status(page, "Dana Reyes was added")


def create_incident(page: Page) -> None:
    enter_at(page, link(page, "Incidents"))
    enter_at(page, link(page.locator(".page-head"), "New incident"))
    box = dialog(page, "New incident")
    expect(field_of(box, "Title")).to_be_focused()
    page.keyboard.type("Disk almost full")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Disk almost full", level=1)).to_be_visible()


def choose(page: Page, box: Locator, label: str, letter: str, option: str) -> None:
    go_to(page, field_of(box, label))
    page.keyboard.type(letter)
    expect(field_of(box, label).locator("option:checked")).to_have_text(option)


def create_ticket(page: Page) -> None:
    enter_at(page, link(page, "Create Ticket"))
    box = dialog(page, "Create Ticket")
    choose(page, box, "Project", "O", "Operations (OPS)")
    choose(page, box, "Issue type", "I", "Incident")
    choose(page, box, "Severity", "H", "High")
    type_into(page, field_of(box, "Impact statement"), "Nobody can save.")
    enter_at(page, button(box, "Create Ticket"))
    status(page, "Ticket OPS-1 created")
    go_to(page, ticket_link(page))


def test_escape_closes_every_dialog_and_gives_the_focus_back(
    enter: Callable[..., Guest], ready: Site, incident: Incident
) -> None:
    guest = enter()
    openers = [
        ("/incidents", ".page-head", "New incident"),
        (f"/incidents/{incident.id}", ".page-head", "Edit"),
        (f"/incidents/{incident.id}", "#incident-tickets", "Create Ticket"),
        (f"/incidents/{incident.id}", "#incident-tickets", "Link existing ticket"),
        ("/setup/integration-users", ".page-head", "Add More"),
        ("/setup/integration-users", "#people", "Remove Dana Reyes"),
        (INTEGRATIONS, "[data-provider=jira] .card-foot", "Setup"),
        (INTEGRATIONS, "[data-provider=jira] .card-list", "Operations Jira"),
        ("/settings/users", ".page-head", "Add user"),
        ("/settings/users", "#users", "Admin Example"),
    ]
    page = guest.open("/incidents")
    for path, place, name in openers:
        page.goto(path)
        opener = link(page.locator(place), name)
        opener.focus()
        page.keyboard.press("Enter")
        expect(dialog(page)).to_be_visible()
        assert page.evaluate("document.activeElement.closest('dialog') !== null"), name
        page.keyboard.press("Escape")
        expect(dialog(page)).to_have_count(0)
        expect(opener).to_be_focused()


def test_escape_in_a_dialog_that_came_with_the_page_leads_to_the_page_behind(enter: Callable[..., Guest]) -> None:
    page = enter().open(f"{INTEGRATIONS}/jira/api_token/new")
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{page.url.split(INTEGRATIONS)[0]}{INTEGRATIONS}")
    expect(dialog(page)).to_have_count(0)


def test_the_focus_cannot_leave_an_open_dialog(enter: Callable[..., Guest]) -> None:
    page = enter().open("/incidents")
    page.get_by_role("main").get_by_role("link", name="New incident").first.click()
    expect(dialog(page)).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        # Between the last and the first element the browser's own buttons have the focus; then it is on the body.
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")


def test_a_refused_form_puts_the_focus_on_the_alert(enter: Callable[..., Guest], jira: Site) -> None:
    page = enter().open(INTEGRATIONS)
    link(page.locator("[data-provider=jira]"), "Setup").click()
    box = dialog(page)
    button(box, "Save").click()
    expect(box.get_by_role("alert")).to_be_focused()
    expect(box.get_by_role("alert")).to_contain_text("Please check the marked fields")
    go_to(page, link(box.get_by_role("alert"), "Service URL"))
    page.keyboard.press("Enter")
    expect(field_of(box, "Service URL")).to_be_focused()
    expect(field_of(box, "Service URL")).to_have_attribute("aria-invalid", "true")


def test_the_focus_stays_on_the_field_whose_change_redraws_the_dialog(
    enter: Callable[..., Guest], ready: Site, incident: Incident
) -> None:
    page = enter().open(f"/incidents/{incident.id}")
    box = ticket_fields(page, "Incident")
    for label, letter, option in (("Issue type", "T", "Task"), ("Project", "H", "Human Resources (HR)")):
        field_of(box, label).focus()
        with page.expect_response("**/tickets/new"):
            page.keyboard.type(letter)
        expect(field_of(box, label).locator("option:checked")).to_have_text(option)
        expect(field_of(box, label)).to_be_focused()


def test_what_is_typed_while_the_dialog_is_being_redrawn_stays(
    enter: Callable[..., Guest], ready: Site, incident: Incident
) -> None:
    page = enter().open(f"/incidents/{incident.id}")
    link(page.locator("#incident-tickets"), "Create Ticket").click()
    box = dialog(page)
    ready.standin.hold(None, "GET /rest/api/3/issue/createmeta/*/issuetypes")
    field_of(box, "Project").select_option(label="Operations (OPS)")
    field_of(box, "Summary").fill("Typed meanwhile")
    field_of(box, "Description").focus()
    ready.standin.release()
    expect(field_of(box, "Issue type")).to_be_visible()
    expect(field_of(box, "Summary")).to_have_value("Typed meanwhile")
    expect(field_of(box, "Description")).to_be_focused()
    assert chosen(field_of(box, "Project")) == "Operations (OPS)"


def test_deciding_who_gets_the_ticket_needs_no_mouse(
    enter: Callable[..., Guest], ready: Site, incident: Incident, person: IntegrationUser
) -> None:
    page = enter("responder").open(f"/incidents/{incident.id}")
    enter_at(page, link(page, "Create Ticket"))
    box = dialog(page)
    go_to(page, field_of(box, "Integration User"))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert chosen(field_of(box, "Integration User")) == f"{person.name} ({person.email})"
