"""The sign-in page, sign-out and the links that work once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import update

from extensions import db
from models import OneTimeToken, Role, User
from providers.base import utcnow
from services import runtime, store, users
from services import sign_in as service
from services.actors import COMMAND_LINE
from tests.conftest import PASSWORD, PatchpanelClient

NEW = "another long sentence 8"


def path_of(link: str) -> str:
    return link.removeprefix(runtime.settings().base_url)


def fill(client: PatchpanelClient, **values: str) -> dict[str, str]:
    return {"email": "admin@patchpanel.example", "password": PASSWORD, **values}


def test_the_page_has_its_fields_and_button(client: PatchpanelClient) -> None:
    page = client.get("/sign-in?local=1").get_data(as_text=True)
    for label in ("Email", "Password"):
        assert re.search(rf"<label[^>]*>{label}</label>", page)
    assert "Sign in</button>" in page
    assert "<main" in page


def test_the_right_password_leads_to_incidents(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    make_user()
    answer = client.post_form("/sign-in", fill(client))
    assert (answer.status_code, answer.location) == (303, "/incidents")
    assert client.get("/account/password").status_code == 200
    assert client.get("/sign-in").location == "/incidents"


def test_a_wrong_password_says_so_and_keeps_the_address(
    client: PatchpanelClient, make_user: Callable[..., User]
) -> None:
    make_user()
    wrong = client.post_form("/sign-in", fill(client, password="not this one at all"))
    unknown = client.post_form("/sign-in", fill(client, email="nobody@example.com"))
    for answer, email in ((wrong, "admin@patchpanel.example"), (unknown, "nobody@example.com")):
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert 'role="alert"' in page
        assert service.WRONG in page
        assert f'value="{email}"' in page
        assert "not this one" not in page


def test_too_many_wrong_tries_answer_429_with_the_wait(
    client: PatchpanelClient, make_user: Callable[..., User]
) -> None:
    make_user()
    for _ in range(10):
        assert client.post_form("/sign-in", fill(client, password="wrong")).status_code == 422
    answer = client.post_form("/sign-in", fill(client))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 429
    assert "Too many wrong tries." in page
    assert "Wait 5 minutes and try again." in page
    assert 'value="admin@patchpanel.example"' in page
    assert 200 < int(answer.headers["Retry-After"]) <= 300


def test_empty_fields_are_named(client: PatchpanelClient) -> None:
    page = client.post_form("/sign-in", {}).get_data(as_text=True)
    assert "Enter your e-mail address." in page
    assert "Enter your password." in page


def test_without_a_form_token_nothing_happens(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    make_user()
    assert client.post("/sign-in", data=fill(client)).status_code == 400


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/settings/users?q=a%20b", "/settings/users?q=a%20b"),
        ("/account/password", "/account/password"),
        ("https://evil.example/settings/users", "/incidents"),
        ("//evil.example/settings/users", "/incidents"),
        ("/\\evil.example", "/incidents"),
        ("\\\\evil.example", "/incidents"),
        ("/\t/evil.example", "/incidents"),
        ("///evil.example/incidents", "/incidents"),
        ("javascript:alert(1)", "/incidents"),
        ("/sign-out", "/incidents"),
        ("/static/app.css", "/incidents"),
        ("/nowhere", "/incidents"),
        ("/settings/users\r\nX: y", "/incidents"),
        ("", "/incidents"),
    ],
)
def test_next_leads_only_to_pages_of_ours(
    client: PatchpanelClient, make_user: Callable[..., User], target: str, lands: str
) -> None:
    make_user()
    answer = client.post_form("/sign-in", fill(client, next=target))
    assert (answer.status_code, answer.location) == (303, lands)


def test_a_page_asked_for_comes_back_after_sign_in(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    make_user()
    sent = client.get("/settings/users?q=ada")
    assert sent.status_code == 303
    page = client.get(sent.location).get_data(as_text=True)
    assert 'name="next"' in page
    found = re.search(r'name="next"[^>]*value="([^"]*)"', page)
    assert found
    assert client.post_form("/sign-in", fill(client, next=found.group(1))).location == "/settings/users?q=ada"


def test_htmx_is_sent_to_the_sign_in_page(client: PatchpanelClient) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:8000/settings/users?q=ada"}
    answer = client.get("/settings/users/new", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/settings/users?q%3Dada"


def test_signing_out_ends_the_session_everywhere(admin: PatchpanelClient) -> None:
    cookie = admin.get_cookie("pp")
    assert cookie
    answer = admin.post_form("/sign-out")
    assert answer.location == "/sign-in"
    assert admin.get_cookie("pp") is None
    assert "You are signed out." in admin.get("/sign-in").get_data(as_text=True)
    admin.set_cookie("pp", cookie.value)
    assert admin.get("/account/password").status_code == 303


def test_the_first_administrator_is_created_with_the_link(client: PatchpanelClient) -> None:
    link = path_of(service.setup_link() or "")
    page = client.get(link).get_data(as_text=True)
    for label in ("Name", "Email", "Password"):
        assert re.search(rf"<label[^>]*>{label}</label>", page)
    assert "Create administrator</button>" in page
    weak = client.post_form(link, {"name": "Ada", "email": "ada@example.com", "password": "short"})
    assert weak.status_code == 422
    assert 'aria-invalid="true"' in weak.get_data(as_text=True)
    answer = client.post_form(link, {"name": "Ada", "email": "ada@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/incidents")
    assert client.get("/settings/users").status_code == 200
    over = client.get(link)
    assert over.status_code == 410
    assert "set up already" in over.get_data(as_text=True)


def test_a_reset_link_sets_a_password_once(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    user = make_user(role=Role.MEMBER)
    link = path_of(users.reset_link(COMMAND_LINE, user.id)[1])
    assert client.get(link).status_code == 200
    assert client.post_form(link, {"password": "short"}).status_code == 422
    assert client.post_form(link, {"password": NEW}).location == "/sign-in"
    over = client.get(link)
    assert over.status_code == 410
    assert "Ask an administrator for a new link." in over.get_data(as_text=True)
    assert client.post_form("/sign-in", {"email": user.email, "password": NEW}).status_code == 303


def test_an_old_or_invented_link_says_so(client: PatchpanelClient, make_user: Callable[..., User]) -> None:
    link = path_of(users.reset_link(COMMAND_LINE, make_user(role=Role.MEMBER).id)[1])
    with store.write() as session:
        session.execute(update(OneTimeToken).values(expires_at=utcnow()))
    assert "This link is too old" in client.get(link).get_data(as_text=True)
    for kind in ("welcome", "reset", "sandbox"):
        answer = client.get(f"/{kind}/invented")
        assert answer.status_code == 410
    assert client.post_form("/reset/invented", {"password": NEW}).status_code == 410


def test_a_sandbox_link_only_works_in_the_sandbox(
    app: Flask, client: PatchpanelClient, make_user: Callable[..., User], tmp_path: object
) -> None:
    link = path_of(service.sandbox_link(make_user(role=Role.RESPONDER).id))
    assert "only works in the sandbox" in client.get(link).get_data(as_text=True)
    file = str(tmp_path) + "/sandbox.json"
    with open(file, "w", encoding="utf-8") as out:
        out.write("{}")
    now = runtime.runtime()
    app.extensions[runtime.NAME] = replace(now, settings=replace(now.settings, sandbox_file=file))
    assert client.head(link).status_code == 200
    answer = client.get(link)
    assert (answer.status_code, answer.location) == (303, "/incidents")
    assert client.get("/account/password").status_code == 200
    assert app.test_client().get(link).status_code == 410
    dismissed = client.post_form("/settings/sandbox/dismiss", {"next": "/account/password"})
    assert dismissed.location == "/account/password"
    cookie = client.get_cookie("pp-sandbox")
    assert cookie
    assert cookie.value == "dismissed"
    db.session.rollback()
