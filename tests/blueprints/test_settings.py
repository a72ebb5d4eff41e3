"""System Info, Users, Activity and Audit log."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from flask import Flask

from models import Attempt, Role, User
from providers.base import utcnow
from services import events, store, users
from services.actors import COMMAND_LINE
from tests.blueprints.test_sessions import counting
from tests.conftest import PASSWORD, PatchpanelClient

PAGES = (
    "/settings",
    "/settings/system",
    "/settings/users",
    "/settings/users/new",
    "/settings/activity",
    "/settings/audit",
)


def text_of(client: PatchpanelClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def person(email: str) -> User:
    (found,) = users.page(search=email).items
    return found


@pytest.fixture
def attempts(app: Flask) -> list[int]:
    now = utcnow()
    old = now - dt.timedelta(minutes=5)
    common = {"actor": "Ada", "provider_key": "jira", "connection_name": "Production", "method": "POST"}
    rows = [
        Attempt(at=old, purpose="Create ticket", target="https://a.example/x", outcome="ok", status=201, **common),
        Attempt(
            at=old,
            purpose="Check",
            target="https://a.example/y",
            outcome="refused",
            status=401,
            code="AUTH",
            message="Client must be <b>authenticated</b>",
            duration_ms=1234,
            **common,
        ),
        Attempt(at=old, purpose="Look up", target="https://a.example/z", outcome="", **common),
        Attempt(at=now, purpose="Read status", target="https://a.example/now", outcome="", **common),
    ]
    with store.write() as session:
        session.add_all(rows)
        session.flush()
    return [row.id for row in rows]


@pytest.mark.parametrize("address", PAGES)
def test_only_administrators_enter(
    admin: PatchpanelClient,
    responder: PatchpanelClient,
    member: PatchpanelClient,
    client: PatchpanelClient,
    address: str,
) -> None:
    assert admin.get(address).status_code == 200
    assert responder.get(address).status_code == 403
    assert member.get(address).status_code == 403
    assert client.get(address).status_code == 303


@pytest.mark.parametrize("address", PAGES)
def test_every_page_costs_at_most_twelve_queries(admin: PatchpanelClient, attempts: list[int], address: str) -> None:
    with counting() as seen:
        page = text_of(admin, address)
    assert len(seen) <= 12
    assert page.count("<h1") == 1
    assert "style=" not in page


def test_the_system_page_says_what_should_be_put_right(admin: PatchpanelClient) -> None:
    page = text_of(admin, "/settings/system")
    assert "the public address is http://127.0.0.1:8000" in page
    assert re.search(r"(SQLite|PostgreSQL) \d", page)
    assert "(up to date)" in page
    assert "Newest" in page
    right = admin.get("/settings/system", base_url="http://127.0.0.1:8000").get_data(as_text=True)
    assert "the public address is" not in right


def test_users_are_listed_and_found(admin: PatchpanelClient, make_user: Callable[..., User]) -> None:
    make_user(role=Role.MEMBER, email="grace@example.com", name="Grace <Hopper>")
    page = text_of(admin, "/settings/users")
    for heading in ("Name", "Email", "Role", "Active", "Last sign-in"):
        assert f'<th scope="col">{heading}</th>' in page
    assert "Grace &lt;Hopper&gt;" in page
    assert "grace@example.com" not in text_of(admin, "/settings/users?q=admin@")
    assert "Nobody found" in text_of(admin, "/settings/users?q=zzz")
    assert admin.get("/settings/users?cursor=rubbish").status_code == 422


def test_a_user_is_added_with_a_password(app: Flask, admin: PatchpanelClient) -> None:
    page = text_of(admin, "/settings/users/new")
    assert "<dialog open" in page
    values = {"name": "Grace", "email": "grace@example.com", "role": "responder", "password": PASSWORD}
    answer = admin.post_form("/settings/users/new", values, follow_redirects=True)
    assert "Grace was added" in answer.get_data(as_text=True)
    browser = app.test_client()
    assert browser.post_form("/sign-in", {"email": "grace@example.com", "password": PASSWORD}).status_code == 303


def test_a_user_is_added_with_a_link_shown_once(app: Flask, admin: PatchpanelClient) -> None:
    values = {"name": "Grace", "email": "grace@example.com", "role": "member", "password": ""}
    page = admin.post_form("/settings/users/new", values).get_data(as_text=True)
    found = re.search(r"http://127\.0\.0\.1:8000(/reset/[\w-]+)", page)
    assert found
    assert "/reset/" not in text_of(admin, "/settings/users")
    browser = app.test_client()
    assert browser.post_form(found.group(1), {"password": PASSWORD}).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("email", "admin@patchpanel.example", "exists already"),
        ("email", "nonsense", "This is not an e-mail address."),
        ("name", " ", "Enter the person"),
        ("password", "short", "Use at least 15 characters."),
        ("role", "owner", "Not a valid choice"),
    ],
)
def test_a_refused_user_stays_in_the_dialog(admin: PatchpanelClient, field: str, value: str, words: str) -> None:
    values = {"name": "Grace", "email": "grace@example.com", "role": "member", "password": PASSWORD, field: value}
    answer = admin.post_htmx("/settings/users/new", values)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page.lstrip().startswith("<dialog open")
    assert words in page
    assert 'aria-invalid="true"' in page
    assert users.count() == 1


def test_a_user_is_updated(admin: PatchpanelClient, member: PatchpanelClient) -> None:
    address = f"/settings/users/{person('member@').id}"
    page = text_of(admin, address)
    for label in ("Active", "Role"):
        assert re.search(rf"<label[^>]*>{label}</label>", page)
    assert "Update</button>" in page
    assert "Reset password</button>" in page
    answer = admin.post_htmx(address, {"role": "responder", "active": "y"})
    assert answer.status_code == 200
    assert "User updated" in answer.get_data(as_text=True)
    assert 'hx-swap-oob="true"' in answer.get_data(as_text=True)
    assert admin.post_form(address, {"role": "responder"}).status_code == 303
    changed = person("member@")
    assert (changed.role, changed.active) == ("responder", False)
    assert member.get("/account/password").status_code == 303


def test_the_last_administrator_cannot_be_switched_off(admin: PatchpanelClient) -> None:
    answer = admin.post_form(f"/settings/users/{person('admin@').id}", {"role": "admin"})
    assert answer.status_code == 422
    assert "is the last active administrator" in answer.get_data(as_text=True)
    assert person("admin@").active


def test_a_reset_link_is_shown_once(admin: PatchpanelClient, make_user: Callable[..., User]) -> None:
    user = make_user(role=Role.MEMBER)
    page = admin.post_htmx(f"/settings/users/{user.id}/reset-password").get_data(as_text=True)
    assert re.search(r"http://127\.0\.0\.1:8000/reset/[\w-]+", page)
    users.change(COMMAND_LINE, user.id, role="member", active=False)
    refused = admin.post_form(f"/settings/users/{user.id}/reset-password")
    assert refused.status_code == 422
    assert "may not sign in" in refused.get_data(as_text=True)


def test_an_unknown_user_or_call_is_not_there(admin: PatchpanelClient) -> None:
    text_of(admin, "/settings/users/4711", 404)
    text_of(admin, "/settings/activity/4711", 404)


def test_activity_shows_every_call(admin: PatchpanelClient, attempts: list[int]) -> None:
    page = text_of(admin, "/settings/activity")
    for words in ("Answered", "Refused", "Never finished", "Under way", "401", "1,234 ms", "Jira", "Production"):
        assert words in page
    positions = [page.index(f'href="/settings/activity/{number}"') for number in reversed(attempts)]
    assert positions == sorted(positions)


def test_activity_is_narrowed(admin: PatchpanelClient, attempts: list[int]) -> None:
    def shown(query: str) -> list[int]:
        found = re.findall(r'href="/settings/activity/(\d+)"', text_of(admin, f"/settings/activity?{query}"))
        return [int(number) for number in found]

    assert shown("outcome=failed") == [attempts[1]]
    assert shown("outcome=never-finished") == [attempts[2]]
    assert shown("provider=jira&outcome=failed") == [attempts[1]]
    assert shown("provider=other") == []
    assert len(shown("outcome=nonsense")) == 4


def test_a_call_has_an_address_with_everything(admin: PatchpanelClient, attempts: list[int]) -> None:
    page = text_of(admin, f"/settings/activity/{attempts[1]}")
    for words in ("Check", "Ada", "POST https://a.example/y", "401", "AUTH", "1,234 ms"):
        assert words in page
    assert "Client must be &lt;b&gt;authenticated&lt;/b&gt;" in page
    assert "never finished" in text_of(admin, f"/settings/activity/{attempts[2]}")


def test_activity_has_pages(admin: PatchpanelClient) -> None:
    with store.write() as session:
        session.add_all(
            Attempt(at=utcnow(), purpose="Check", method="GET", target=f"t{number}", outcome="ok")
            for number in range(60)
        )
    page = text_of(admin, "/settings/activity?outcome=")
    assert page.count('href="/settings/activity/') == 50
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    assert text_of(admin, following.group(1).replace("&amp;", "&")).count('href="/settings/activity/') == 10


def test_the_audit_log_is_narrowed_by_action(admin: PatchpanelClient) -> None:
    with store.write() as session:
        events.record(
            session, COMMAND_LINE, "connection.updated", kind="connection", target="<Jira>", details={"url": "changed"}
        )
    page = text_of(admin, "/settings/audit")
    for words in ("sign_in.succeeded", "user.added", "connection.updated", "&lt;Jira&gt;", "Command line"):
        assert words in page
    narrowed = text_of(admin, "/settings/audit?action=connection.updated")
    assert narrowed.count("<tr>") == 2
    assert "No events" in text_of(admin, "/settings/audit?action=no.such")


def test_an_empty_activity_page_says_what_to_do(admin: PatchpanelClient) -> None:
    assert "Connect a provider" in text_of(admin, "/settings/activity")
