"""`flask users` and `flask prepare`: status 0 means done, anything else says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from models import User
from services import users
from tests.conftest import PASSWORD

NEW = "another long sentence 8"


Result = tuple[int, str, str]


def run(app: Flask, *args: str, stdin: str = "") -> Result:
    result = app.test_cli_runner().invoke(args=list(args), input=stdin)
    return result.exit_code, result.stdout, result.stderr


def add(
    app: Flask, email: str = "ada@example.com", role: str = "admin", password: str = PASSWORD
) -> tuple[int, str, str]:
    return run(app, "users", "add", email, "--name", "Ada", "--role", role, "--password-stdin", stdin=f"{password}\n")


def signs_in(app: Flask, password: str) -> bool:
    answer = app.test_client().post_form("/sign-in", {"email": "ada@example.com", "password": password})
    return answer.status_code == 303


def test_a_person_is_added_and_can_sign_in(app: Flask) -> None:
    status, output, _ = add(app)
    assert (status, output) == (0, "Ada <ada@example.com> was added as admin.\n")
    assert signs_in(app, PASSWORD)


def test_blanks_of_the_password_are_kept(app: Flask) -> None:
    assert add(app, password="  blanks at both ends  ")[0] == 0
    assert signs_in(app, "  blanks at both ends  ")
    assert not signs_in(app, "blanks at both ends")


@pytest.mark.parametrize(
    ("values", "words"),
    [({"password": "short"}, "at least 15"), ({"email": "nonsense"}, "not an e-mail address")],
)
def test_a_refusal_is_a_sentence_on_standard_error(app: Flask, values: dict[str, str], words: str) -> None:
    status, output, error = add(app, **values)
    assert (status, output) == (1, "")
    assert words in error
    assert users.count() == 0


def test_an_address_is_added_once(app: Flask) -> None:
    assert add(app)[0] == 0
    status, _, error = add(app)
    assert (status, "exists already" in error) == (1, True)


def test_an_unknown_role_is_refused(app: Flask) -> None:
    assert add(app, role="owner")[0] == 2


def test_without_a_password_a_link_is_printed(app: Flask) -> None:
    status, output, _ = run(app, "users", "add", "ada@example.com", "--name", "Ada", "--role", "member")
    assert status == 0
    assert output.splitlines()[-1].startswith("http://127.0.0.1:8000/reset/")


def test_a_password_is_reset(app: Flask, make_user: Callable[..., User]) -> None:
    make_user(email="ada@example.com")
    status, _, _ = run(app, "users", "reset-password", "ADA@example.com", "--password-stdin", stdin=f"{NEW}\r\n")
    assert status == 0
    assert signs_in(app, NEW)
    assert not signs_in(app, PASSWORD)


def test_a_reset_of_nobody_or_with_a_weak_password_fails(app: Flask, make_user: Callable[..., User]) -> None:
    make_user(email="ada@example.com")
    status, _, error = run(app, "users", "reset-password", "eve@example.com", "--password-stdin", stdin=NEW)
    assert (status, "Nobody has the address" in error) == (1, True)
    status, _, error = run(app, "users", "reset-password", "ada@example.com", "--password-stdin", stdin="short")
    assert (status, "at least 15" in error) == (1, True)
    assert signs_in(app, PASSWORD)


def test_prepare_prints_the_setup_link_until_somebody_exists(app: Flask, make_user: Callable[..., User]) -> None:
    status, output, error = run(app, "prepare")
    assert (status, error) == (0, "")
    assert output.splitlines()[-1].startswith("http://127.0.0.1:8000/welcome/")
    make_user()
    assert run(app, "prepare") == (0, "", "")
