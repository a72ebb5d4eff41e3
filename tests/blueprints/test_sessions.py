"""Cookies and sessions: where they live, when they end, what they cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from extensions import db
from models import Role, Session, User
from providers.base import utcnow
from services import runtime, store, users
from services.actors import COMMAND_LINE
from services.sessions import IDLE
from tests.conftest import PASSWORD, PatchpanelClient

NEW = "another long sentence 8"


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements run meanwhile, without BEGIN and its like."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def session_count() -> int:
    return db.session.execute(select(func.count()).select_from(Session)).scalar_one()


def test_visitors_write_nothing_and_ask_nothing(client: PatchpanelClient) -> None:
    with counting() as seen:
        client.get("/sign-in")
        client.get("/sign-in")
        client.get("/settings/users")
    assert seen == []
    assert client.get_cookie("pp-visitor")
    assert client.get_cookie("pp") is None


@pytest.mark.parametrize("path", ["/static/app.css", "/livez"])
def test_static_files_and_livez_touch_no_database(admin: PatchpanelClient, path: str) -> None:
    with counting() as seen:
        answer = admin.get(path)
    assert answer.status_code == 200
    assert seen == []
    assert "Set-Cookie" not in answer.headers


def test_readyz_needs_no_session_and_says_ready(admin: PatchpanelClient) -> None:
    with counting() as seen:
        answer = admin.get("/readyz")
    assert answer.get_json() == {"status": "ready", "problems": []}
    assert not any("sessions" in statement for statement in seen)


def test_one_query_finds_session_and_person(admin: PatchpanelClient) -> None:
    admin.get("/settings/audit")
    with counting() as seen:
        assert admin.get("/settings/activity/4711").status_code == 404
    assert len([statement for statement in seen if "FROM sessions" in statement]) == 1
    assert not any(statement.startswith(("UPDATE", "INSERT", "DELETE")) for statement in seen)


def test_cookies_are_bound_to_the_address_and_hidden_from_scripts(
    app: Flask, client: PatchpanelClient, make_user: Callable[..., User]
) -> None:
    make_user()
    answer = client.post_form("/sign-in", {"email": "admin@patchpanel.example", "password": PASSWORD})
    (line,) = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("pp=")]
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "Path=/" in line
    assert "Secure" not in line
    assert "Domain" not in line
    now = runtime.runtime()
    app.extensions[runtime.NAME] = replace(now, settings=replace(now.settings, base_url="https://panel.example.com"))
    secure = app.test_client()
    page = secure.get("/sign-in", base_url="https://panel.example.com")
    (line,) = page.headers.getlist("Set-Cookie")
    assert line.startswith("__Host-pp-visitor=")
    assert "Secure" in line


def test_a_planted_cookie_is_never_taken_over(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    make_user()
    client.set_cookie("pp", "planted-by-somebody")
    client.set_cookie("remember_token", "1|planted")
    client.post_form("/sign-in", {"email": "admin@patchpanel.example", "password": PASSWORD})
    cookie = client.get_cookie("pp")
    assert cookie
    assert cookie.value != "planted-by-somebody"
    assert client.get("/account/password").status_code == 200


def test_a_changed_visitor_cookie_counts_as_none(client: PatchpanelClient) -> None:
    client.get("/sign-in")
    cookie = client.get_cookie("pp-visitor")
    assert cookie
    client.set_cookie("pp-visitor", cookie.value[:-3] + "AAA")
    assert client.get("/sign-in").status_code == 200


def test_the_form_token_of_another_session_is_refused(
    admin: PatchpanelClient, sign_in: Callable[..., PatchpanelClient]
) -> None:
    other = sign_in(Role.ADMIN, email="second@patchpanel.example")
    assert admin.post("/sign-out", data={"csrf_token": other.token()}).status_code == 400
    assert admin.get("/account/password").status_code == 200


def test_being_seen_is_written_once_a_minute(admin: PatchpanelClient) -> None:
    with counting() as seen:
        admin.get("/account/password")
    assert not any(statement.startswith("UPDATE") for statement in seen)
    with store.write() as session:
        session.execute(update(Session).values(seen_at=utcnow() - dt.timedelta(seconds=61)))
    with counting() as seen:
        admin.get("/account/password")
        admin.get("/account/password")
    assert len([statement for statement in seen if statement.startswith("UPDATE")]) == 1


def test_a_session_without_use_is_over(admin: PatchpanelClient) -> None:
    with store.write() as session:
        session.execute(update(Session).values(seen_at=utcnow() - IDLE - dt.timedelta(seconds=1)))
    assert admin.get("/account/password").status_code == 303


def test_disabling_takes_effect_on_the_next_request(member: PatchpanelClient) -> None:
    (person,) = users.page(search="member").items
    users.change(COMMAND_LINE, person.id, role="member", active=False)
    assert member.get("/account/password").status_code == 303
    assert session_count() == 0


def test_a_password_change_ends_all_sessions_but_the_new_one(app: Flask, member: PatchpanelClient) -> None:
    other = app.test_client()
    other.post_form("/sign-in", {"email": "member@patchpanel.example", "password": PASSWORD})
    before = member.get_cookie("pp")
    assert before
    answer = member.post_form("/account/password", {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 303
    assert "Password changed" in member.get("/account/password").get_data(as_text=True)
    assert other.get("/account/password").status_code == 303
    after = member.get_cookie("pp")
    assert after
    assert after.value != before.value
    replay = app.test_client()
    replay.set_cookie("pp", before.value)
    assert replay.get("/account/password").status_code == 303
    assert session_count() == 1


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("wrong one", NEW, "This is not your current password."),
        (PASSWORD, "short", "Use at least 15 characters."),
        (PASSWORD, "", "Choose a new password."),
    ],
)
def test_a_password_change_is_refused_with_its_reason(
    member: PatchpanelClient, current: str, new: str, words: str
) -> None:
    answer = member.post_form("/account/password", {"current_password": current, "new_password": new})
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert session_count() == 1


def test_guessing_the_current_password_is_throttled(member: PatchpanelClient) -> None:
    values = {"current_password": "wrong one", "new_password": NEW}
    for _ in range(10):
        assert member.post_form("/account/password", values).status_code == 422
    assert member.post_form("/account/password", values).status_code == 429


def test_people_see_and_end_their_other_browsers(app: Flask, member: PatchpanelClient) -> None:
    other = app.test_client()
    other.post_form("/sign-in", {"email": "member@patchpanel.example", "password": PASSWORD})
    page = member.get("/account/password").get_data(as_text=True)
    assert page.count("This browser") == 1
    assert "Sign out all others" in page
    assert member.post_form("/account/sign-out-others").status_code == 303
    assert other.get("/account/password").status_code == 303
    assert member.get("/account/password").status_code == 200
