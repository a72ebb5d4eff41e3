"""The main job from sign-in to a ticket and back, with JavaScript, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Connection, User
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.browser.support import (
    Guest,
    Watch,
    chosen,
    count_of,
    dialog,
    field_of,
    follow,
    press,
    status,
    ticket_link,
)
from tests.conftest import DATABASES, PASSWORD, Site

pytestmark = pytest.mark.browser
WRONG = "wrong-token-4711"


@pytest.mark.parametrize("database_kind", DATABASES)
def test_from_sign_in_to_a_ticket_and_back(
    visitor: Callable[..., Guest], make_user: Callable[..., User], jira: Site, watch: Watch
) -> None:
    watch.allow(jira.url)
    page = visitor().open("/")
    sign_in(page, make_user().email)
    connect(page, jira)
    add_dana(page)
    create_incident(page)
    create_ticket(page, jira)
    see_it_there_and_move_it(page, jira)
    unlink_and_link(page, jira)
    disconnect(page)


def sign_in(page: Page, email: str) -> None:
    expect(page).to_have_url(re.compile("/sign-in$"))
    field_of(page, "Email").fill(email)
    field_of(page, "Password").fill(PASSWORD)
    press(page, "Sign in")
    expect(page).to_have_url(re.compile("/incidents$"))


def connect(page: Page, jira: Site) -> None:
    follow(page, "Integrations")
    expect(page.get_by_role("heading", name="Integrations", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Ticket Providers", exact=True)).to_be_visible()
    card = page.locator("[data-provider=jira]")
    expect(card).to_contain_text("Not Connected")
    follow(card, "Setup")
    box = dialog(page, "Set up Jira")
    field_of(box, "Description").fill("Operations Jira")
    field_of(box, "Service URL").fill(jira.url)
    field_of(box, "API Token").fill(WRONG)
    field_of(box, "User Email").fill(ADMIN_EMAIL)
    expect(field_of(box, "Secret expires on")).to_be_visible()
    refused_token(box, jira)
    token_works(box)
    press(box, "Save")
    status(page, "Jira is connected and active")
    expect(box).to_have_count(0)
    expect(card.locator(".badge")).to_have_text("Active")
    expect(card.get_by_role("link", name="Setup", exact=True)).to_be_focused()


def refused_token(box: Locator, jira: Site) -> None:
    press(box, "Save")
    expect(box.get_by_role("alert")).to_contain_text("Invalid API Token")
    expect(field_of(box, "Service URL")).to_have_value(jira.url)
    expect(field_of(box, "User Email")).to_have_value(ADMIN_EMAIL)
    expect(field_of(box, "Description")).to_have_value("Operations Jira")
    # The server never sends a secret back; the browser kept what was typed.
    expect(field_of(box, "API Token")).to_have_value(WRONG)
    assert count_of(Connection) == 0


def token_works(box: Locator) -> None:
    field_of(box, "API Token").fill(API_TOKEN)
    press(box, "Test connection")
    expect(box.get_by_role("status")).to_contain_text("Connection works")
    expect(box.get_by_role("alert")).to_have_count(0)
    expect(field_of(box, "API Token")).to_have_value(API_TOKEN)
    assert count_of(Connection) == 0


def add_dana(page: Page) -> None:
    follow(page, "Integration Users")
    follow(page, "Add More")
    box = dialog(page, "Add User")
    expect(field_of(box, "Integration")).to_be_visible()
    field_of(box, "Email").press_sequentially("dana.reyes@sandbox.example")
    expect(field_of(box, "Name")).to_have_value("Dana Reyes")
    expect(field_of(box, "Username")).not_to_have_value("")
    press(box, "Add User")
    status(page, "Dana Reyes was added")
    row = page.get_by_role("row").filter(has_text="dana.reyes@sandbox.example")
    expect(row).to_contain_text("JiraCloud")
    expect(row).to_contain_text("Active")


def create_incident(page: Page) -> None:
    follow(page, "Incidents")
    follow(page.get_by_role("main").locator(".page-head"), "New incident")
    box = dialog(page, "New incident")
    field_of(box, "Title").fill("Disk almost full")
    field_of(box, "Description").fill("On db-1.")
    field_of(box, "Severity").select_option(label="High")
    field_of(box, "Source").fill("Prometheus")
    field_of(box, "Labels").fill("database, production")
    press(box, "Create incident")
    expect(page.get_by_role("heading", name="Disk almost full", level=1)).to_be_visible()
    for name in ("Overview", "Ticket", "Timeline"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def create_ticket(page: Page, jira: Site) -> None:
    follow(page, "Create Ticket")
    box = dialog(page, "Create Ticket")
    expect(field_of(box, "Summary")).to_have_value("Disk almost full")
    expect(field_of(box, "Description")).to_have_value("On db-1.")
    assert "Dana Reyes" in chosen(field_of(box, "Integration User"))
    field_of(box, "Project").select_option(label="Operations (OPS)")
    field_of(box, "Issue type").select_option(label="Incident")
    expect(field_of(box, "Severity")).to_be_visible()
    field_of(box, "Severity").select_option(label="High")
    field_of(box, "Impact statement").fill("Nobody can save.")
    press(box, "Create Ticket")
    status(page, "Ticket OPS-1 created")
    expect(box).to_have_count(0)
    expect(ticket_link(page)).to_have_attribute("href", f"{jira.url}/browse/OPS-1")
    ticket = page.locator("#incident-tickets article")
    # Read by the page itself, without anybody asking for it.
    expect(ticket).to_contain_text("To Do")
    expect(ticket).to_contain_text("as of just now")
    expect(ticket).to_contain_text("Dana Reyes")
    expect(page.locator("#incident-timeline")).to_contain_text("Ticket OPS-1 created in Jira for Dana Reyes")
    assert jira.standin.creates == 1


def see_it_there_and_move_it(page: Page, jira: Site) -> None:
    with page.expect_popup() as opened:
        ticket_link(page).click()
    there = opened.value
    expect(there).to_have_url(f"{jira.url}/browse/OPS-1")
    expect(there.get_by_role("heading", name="Disk almost full")).to_be_visible()
    assert there.evaluate("window.opener") is None
    press(there, "In Progress")
    expect(there.locator(".status")).to_have_text("In Progress")
    there.close()
    press(page, "Refresh")
    status(page, "Ticket OPS-1 is up to date")
    expect(page.locator("#incident-tickets article .badge")).to_have_text("In Progress")


def unlink_and_link(page: Page, jira: Site) -> None:
    follow(page, "Unlink")
    box = dialog(page, "Unlink OPS-1?")
    expect(box).to_contain_text("OPS-1 itself stays where it is")
    press(box, "Unlink")
    status(page, "Ticket OPS-1 is unlinked")
    expect(page.locator("#incident-tickets")).to_contain_text("No ticket yet.")
    assert "OPS-1" in jira.standin.issues
    follow(page, "Link existing ticket")
    box = dialog(page, "Link existing ticket")
    field_of(box, "Key or link").fill(f"{jira.url}/browse/OPS-1")
    press(box, "Link ticket")
    status(page, "Ticket OPS-1 is linked")
    expect(ticket_link(page)).to_have_attribute("href", f"{jira.url}/browse/OPS-1")
    assert jira.standin.creates == 1


def disconnect(page: Page) -> None:
    follow(page, "Integrations")
    card = page.locator("[data-provider=jira]")
    follow(card, "Operations Jira")
    follow(dialog(page, "Jira: Operations Jira"), "Disconnect Provider")
    box = dialog(page, "Disconnect Jira?")
    for words in ("What stops:", "What stays:", "1 integration user is removed", "the link to 1 ticket"):
        expect(box).to_contain_text(words)
    press(box, "Disconnect Provider")
    status(page, "Jira is disconnected")
    expect(card).to_contain_text("Not Connected")
    assert count_of(Connection) == 0
