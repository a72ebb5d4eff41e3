"""The main job with JavaScript switched off: whole pages, open dialogs, sentences after redirects."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Connection, User
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.browser.support import Guest, Watch, chosen, count_of, dialog, field_of, follow, press, status, ticket_link
from tests.conftest import PASSWORD, Site

pytestmark = pytest.mark.browser


def test_from_sign_in_to_a_ticket_and_back_without_javascript(
    visitor: Callable[..., Guest], make_user: Callable[..., User], jira: Site, watch: Watch
) -> None:
    watch.allow(jira.url)
    page = visitor(java_script_enabled=False).open("/sign-in")
    field_of(page, "Email").fill(make_user().email)
    field_of(page, "Password").fill(PASSWORD)
    press(page, "Sign in")
    connect(page, jira)
    add_dana(page)
    create_incident(page)
    create_ticket(page, jira)
    refresh_unlink_and_link(page, jira)
    disconnect(page)


def connect(page: Page, jira: Site) -> None:
    follow(page, "Integrations")
    follow(page.locator("[data-provider=jira]"), "Setup")
    box = dialog(page, "Set up Jira")
    expect(box).to_have_attribute("open", "")
    field_of(box, "Service URL").fill(jira.url)
    field_of(box, "API Token").fill("wrong-token")
    field_of(box, "User Email").fill(ADMIN_EMAIL)
    press(box, "Save")
    expect(box.get_by_role("alert")).to_contain_text("Invalid API Token")
    expect(field_of(box, "Service URL")).to_have_value(jira.url)
    expect(field_of(box, "API Token")).to_have_value("")
    expect(box).to_contain_text("type them again")
    field_of(box, "API Token").fill(API_TOKEN)
    press(box, "Test connection")
    expect(box.get_by_role("status")).to_contain_text("Connection works")
    assert count_of(Connection) == 0
    field_of(box, "API Token").fill(API_TOKEN)
    press(box, "Save")
    expect(page).to_have_url(re.compile("/settings/organization/integrations$"))
    status(page, "Jira is connected and active")
    expect(page.locator("[data-provider=jira] .badge")).to_have_text("Active")


def add_dana(page: Page) -> None:
    follow(page, "Integration Users")
    follow(page, "Add More")
    box = dialog(page, "Add User")
    field_of(box, "Email").fill("dana.reyes@sandbox.example")
    press(box, "Look up")
    expect(field_of(box, "Name")).to_have_value("Dana Reyes")
    expect(field_of(box, "Username")).not_to_have_value("")
    expect(field_of(box, "Email")).to_have_value("dana.reyes@sandbox.example")
    press(box, "Add User")
    status(page, "Dana Reyes was added")


def create_incident(page: Page) -> None:
    follow(page, "Incidents")
    follow(page.get_by_role("main").locator(".page-head"), "New incident")
    box = dialog(page, "New incident")
    field_of(box, "Title").fill("Disk almost full")
    field_of(box, "Severity").select_option(label="High")
    press(box, "Create incident")
    expect(page.get_by_role("heading", name="Disk almost full", level=1)).to_be_visible()


def choose(box: Locator, label: str, option: str) -> None:
    field_of(box, label).select_option(label=option)
    press(box, "Continue")
    assert chosen(field_of(box, label)) == option


def create_ticket(page: Page, jira: Site) -> None:
    follow(page, "Create Ticket")
    box = dialog(page, "Create Ticket")
    field_of(box, "Summary").fill("Disk of db-1 almost full")
    expect(box.get_by_role("button", name="Create Ticket", exact=True)).to_have_count(0)
    choose(box, "Project", "Operations (OPS)")
    choose(box, "Issue type", "Incident")
    expect(field_of(box, "Summary")).to_have_value("Disk of db-1 almost full")
    press(box, "Create Ticket")
    expect(box.get_by_role("alert")).to_contain_text("Severity is required.")
    expect(field_of(box, "Severity")).to_have_attribute("aria-invalid", "true")
    field_of(box, "Severity").select_option(label="Low")
    field_of(box, "Impact statement").fill("Nobody can save.")
    press(box, "Create Ticket")
    status(page, "Ticket OPS-1 created")
    expect(ticket_link(page)).to_have_attribute("href", f"{jira.url}/browse/OPS-1")
    expect(page.locator("#incident-tickets")).to_contain_text("Dana Reyes")
    assert jira.standin.creates == 1


def refresh_unlink_and_link(page: Page, jira: Site) -> None:
    jira.standin.set_status("OPS-1", "In Progress")
    press(page, "Refresh")
    status(page, "Ticket OPS-1 is up to date")
    expect(page.locator("#incident-tickets .badge")).to_have_text("In Progress")
    follow(page, "Unlink")
    press(dialog(page, "Unlink OPS-1?"), "Unlink")
    status(page, "Ticket OPS-1 is unlinked")
    follow(page, "Link existing ticket")
    box = dialog(page, "Link existing ticket")
    field_of(box, "Key or link").fill("OPS-999")
    press(box, "Link ticket")
    expect(box.get_by_role("alert")).to_be_visible()
    expect(field_of(box, "Key or link")).to_have_value("OPS-999")
    field_of(box, "Key or link").fill("ops-1")
    press(box, "Link ticket")
    status(page, "Ticket OPS-1 is linked")


def disconnect(page: Page) -> None:
    follow(page, "Integrations")
    page.locator("[data-provider=jira] .card-list strong").click()
    follow(page.get_by_role("dialog"), "Edit")
    follow(dialog(page, "Edit Jira"), "Disconnect Provider")
    follow(dialog(page, "Disconnect Jira?"), "Cancel")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("[data-provider=jira] .card-list strong").click()
    follow(page.get_by_role("dialog"), "Disconnect Provider")
    press(dialog(page, "Disconnect Jira?"), "Disconnect Provider")
    status(page, "Jira is disconnected")
    expect(page.locator("[data-provider=jira]")).to_contain_text("Not Connected")
    press(page, "Sign out")
    expect(page).to_have_url(re.compile("/sign-in$"))
    status(page, "You are signed out.")
