"""However often and from however many tabs it is pressed: one ticket, and every page shows it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models import Incident, IntegrationUser
from services import ticket_settling
from services.actors import SYSTEM
from tests.browser.support import Guest, press, status, ticket_fields, ticket_link
from tests.conftest import Site

pytestmark = pytest.mark.browser
CREATE = "POST /rest/api/3/issue"
LONGEST_SECONDS = 10.0


def until_creating(jira: Site) -> None:
    """Wait until the create call has reached Jira, where it is held."""
    end = time.monotonic() + LONGEST_SECONDS
    while not jira.standin.creates:
        assert time.monotonic() < end
        time.sleep(0.02)


def shows_the_ticket(page: Page) -> None:
    expect(ticket_link(page)).to_contain_text("OPS-1")
    expect(page.locator("#incident-tickets article")).to_have_count(1)


def test_a_double_click_creates_one_ticket(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    page = enter("responder").open(f"/incidents/{incident.id}")
    box = ticket_fields(page, "Task")
    ready.standin.hold(1.0, CREATE, after=True)
    button = box.get_by_role("button", name="Create Ticket", exact=True)
    button.dblclick()
    expect(button).to_be_disabled()
    expect(box.locator("form")).to_have_attribute("aria-busy", "true")
    status(page, "Ticket OPS-1 created")
    shows_the_ticket(page)
    assert ready.standin.creates == 1


def test_a_double_click_creates_one_ticket_without_javascript(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    page = enter(java_script_enabled=False).open(f"/incidents/{incident.id}/tickets/new")
    box = page.get_by_role("dialog")
    for label, option in (("Project", "Operations (OPS)"), ("Issue type", "Task")):
        box.get_by_label(label, exact=True).select_option(label=option)
        press(box, "Continue")
    ready.standin.hold(0.5, CREATE, after=True)
    box.get_by_role("button", name="Create Ticket", exact=True).dblclick()
    shows_the_ticket(page)
    assert ready.standin.creates == 1


def test_two_tabs_that_submit_the_same_incident_show_the_same_ticket(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    guest = enter()
    tabs = [guest.open(f"/incidents/{incident.id}") for _ in range(2)]
    boxes = [ticket_fields(tab, "Task") for tab in tabs]
    ready.standin.hold(None, CREATE, after=True)
    press(boxes[0], "Create Ticket")
    until_creating(ready)
    press(boxes[1], "Create Ticket")
    status(tabs[1], "The ticket is being created")
    expect(tabs[1].locator("#incident-tickets")).to_contain_text("Waiting for the answer of Jira")
    ready.standin.release()
    for tab in tabs:
        shows_the_ticket(tab)
        expect(tab.locator("#incident-tickets article")).to_contain_text("To Do")
    assert ready.standin.creates == 1


def unclear_ticket(page: Page, jira: Site) -> None:
    """Create a ticket whose answer never arrives."""
    box = ticket_fields(page, "Task")
    jira.standin.drop_after_create()
    press(box, "Create Ticket")
    status(page, "Being confirmed")
    expect(page.locator("#incident-tickets .badge")).to_have_text("Being confirmed")
    expect(page.locator("#incident-tickets")).to_contain_text("nothing is created twice")


def test_a_ticket_whose_answer_was_dropped_settles_after_look_now(
    enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    page = enter("responder").open(f"/incidents/{incident.id}")
    unclear_ticket(page, ready)
    press(page, "Look now")
    status(page, "Ticket OPS-1 created")
    shows_the_ticket(page)
    expect(page.locator("#incident-timeline")).to_contain_text("Ticket OPS-1 found in Jira: it was created")
    assert ready.standin.creates == 1


def test_the_page_shows_by_itself_what_the_background_work_found(
    app: Flask, enter: Callable[..., Guest], ready: Site, person: IntegrationUser, incident: Incident
) -> None:
    page = enter("responder").open(f"/incidents/{incident.id}")
    unclear_ticket(page, ready)
    report = ticket_settling.settle_all(SYSTEM, wait_seconds=5)
    assert (report.created, report.pending) == (1, 0)
    shows_the_ticket(page)
    expect(page.locator("#incident-tickets article")).to_contain_text("To Do")
    assert ready.standin.creates == 1
