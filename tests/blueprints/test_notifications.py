"""The bell and its page, for every role, without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Connection, Role, User
from services import connection_watch, disconnecting, notices, store
from services.actors import COMMAND_LINE, SYSTEM
from services.notices import Audience, Level
from tests.conftest import PatchpanelClient, Site
from tests.support_html import visible_text
from tests.test_pages import check, queries

PAGE = "/notifications"


def tell(title: str, **details: Any) -> None:
    """One notice."""
    with store.write() as session:
        notices.tell(session, kind="test", title=title, **{"level": Level.INFO, **details})


def page(browser: PatchpanelClient, address: str = PAGE) -> str:
    """The page's source."""
    answer = browser.get(address)
    assert answer.status_code == 200, address
    check(answer, address)
    return answer.get_data(as_text=True)


def bell(browser: PatchpanelClient, address: str = "/incidents") -> str | None:
    """What the bell is called; None without one."""
    found = re.search(r'<a class="bell"[^>]*>(.*?)</a>', page(browser, address), re.DOTALL)
    return visible_text(found[1]) if found else None


def test_the_bell_says_how_many_are_new_until_they_are_read(admin: PatchpanelClient) -> None:
    assert bell(admin) == "Notifications"
    tell("One")
    tell("Two", level=Level.PROBLEM, text="Why, and what to do", link="/settings/system")
    assert bell(admin) == "Notifications 2 unread"
    source = page(admin)
    assert "<h1>Notifications</h1>" in source
    text = visible_text(source)
    assert text.index("Two New Why, and what to do Problem just now") < text.index("One New Note just now")
    assert '<a href="/settings/system"><strong>Two</strong></a>' in source
    done = admin.post_form(f"{PAGE}/read", {"up_to": up_to(source)}, follow_redirects=True)
    text = visible_text(done.get_data(as_text=True))
    assert "All notifications are marked as read" in text
    assert "Mark all as read" not in text
    assert " New " not in text
    assert bell(admin) == "Notifications"


def up_to(source: str) -> str:
    """What the button on the page would send."""
    found = re.search(r'name="up_to" value="(\d+)"', source)
    assert found, "no button"
    return found[1]


def test_what_came_after_the_page_was_opened_stays_new(admin: PatchpanelClient) -> None:
    tell("Seen")
    shown = up_to(page(admin))
    tell("Came meanwhile")
    admin.post_form(f"{PAGE}/read", {"up_to": shown})
    assert bell(admin) == "Notifications 1 unread"


@pytest.mark.parametrize("sent", ["", "x", "-1", "9" * 40])
def test_a_number_nobody_would_send_does_no_harm(admin: PatchpanelClient, sent: str) -> None:
    tell("One")
    assert admin.post_form(f"{PAGE}/read", {"up_to": sent}).status_code == 303


def test_more_than_ninety_nine_are_said_as_such(admin: PatchpanelClient) -> None:
    with store.write() as session:
        for number in range(120):
            notices.tell(session, kind="test", level=Level.INFO, title=str(number))
    assert bell(admin) == "Notifications 99+ unread"
    source = page(admin)
    assert source.count('<tr id="notice-') == notices.PER_PAGE
    following = re.search(r'rel="next" href="([^"]+)"', source)
    assert following
    assert "94 New" in visible_text(page(admin, following[1].replace("&amp;", "&")))


def test_each_role_sees_what_is_for_it(
    admin: PatchpanelClient, responder: PatchpanelClient, member: PatchpanelClient
) -> None:
    assert bell(member) is None
    assert "What concerns you will appear here" in visible_text(page(member))
    assert "when a connection breaks" in visible_text(page(admin))
    tell("For administrators")
    tell("For responders", audience=Audience.RESPONDER)
    own = db.session.scalars(select(User.id).where(User.role == Role.MEMBER)).one()
    store.release()
    tell("For this member", user_id=own)
    shown = {who: visible_text(page(browser)) for who, browser in (("a", admin), ("r", responder), ("m", member))}
    for title, readers in (("For administrators", "a"), ("For responders", "ar"), ("For this member", "m")):
        assert [who for who, text in shown.items() if title in text] == list(readers), title
    assert [bell(browser) for browser in (admin, responder, member)] == [
        "Notifications 2 unread",
        "Notifications 1 unread",
        "Notifications 1 unread",
    ]


def test_a_visitor_is_sent_to_sign_in(client: PatchpanelClient) -> None:
    assert client.get(PAGE).status_code == 303


def test_a_text_is_shown_as_text(admin: PatchpanelClient) -> None:
    tell("<script>alert(1)</script>", text="<b>bold</b>")
    source = page(admin)
    assert "<script>alert" not in source
    assert "&lt;b&gt;bold" in source


def test_the_bell_costs_a_page_one_query_however_much_was_told(app: Flask, admin: PatchpanelClient) -> None:
    with store.write() as session:
        for number in range(300):
            notices.tell(session, kind="test", level=Level.INFO, title=str(number))
    with queries() as whole:
        page(admin, "/account/password")
    assert sum("FROM notices" in statement for statement in whole) == 1
    with queries() as partial:
        admin.get("/settings/users/new", headers={"HX-Request": "true"})
    assert sum("FROM notices" in statement for statement in partial) == 0


def test_a_broken_connection_leads_from_the_bell_to_its_dialog_and_back_to_work(
    admin: PatchpanelClient, jira: Site, connected: Connection
) -> None:
    jira.standin.revoke_token()
    connection_watch.check_due(SYSTEM, everything=True)
    source = page(admin)
    link = re.search(r'<a href="([^"]+)"><strong>Jira: Operations Jira needs attention</strong>', source)
    assert link
    dialog = visible_text(page(admin, link[1]))
    assert "Needs attention" in dialog
    assert "Last worked" in dialog
    card = visible_text(page(admin, "/settings/organization/integrations"))
    assert re.search(r"checked just now · last worked (just now|\d+ min ago)", card)
    jira.standin.reset()
    connection_watch.check_due(SYSTEM, everything=True)
    assert "Jira: Operations Jira works again New It was broken for" in visible_text(page(admin))
    disconnecting.disconnect(COMMAND_LINE, store.get(Connection, connected.id))
    assert "needs attention" in visible_text(page(admin))
