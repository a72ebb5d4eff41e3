"""Which passwords are accepted, and how they are compared."""

from __future__ import annotations

import statistics
import time

import pytest

from services import passwords
from services.errors import Refused

GOOD = "correct horse battery staple 7"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7-Kq9 vv2.LmP4",
        "  blanks at both ends count  ",
        "ein Satz mit vier Wörtern und ß",
        "responder-passphrase-1234",
        "".join(chr(33 + number * 7 % 90) for number in range(200)),
    ],
)
def test_a_long_password_is_accepted(password: str) -> None:
    passwords.check(password, email="responder@patchpanel.example")


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("", "at least 15"),
        ("short but nice", "at least 15"),
        ("x1y2" * 51, "at most 200"),
        ("passwordpassword", "tried first"),
        ("PasswordPassword", "tried first"),
        ("password1234567890", "tried first"),
        ("!!!Administrator2026!!!", "tried first"),
        ("correct horse battery staple", "tried first"),
        ("abcabcabcabcabcabc", "tried first"),
        ("123456789012345678", "tried first"),
        ("qwertyuiopqwertyuiop", "tried first"),
        ("PatchPanel-2026!!", "do not count"),
        ("ada.lovelace-2026-11", "do not count"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, word: str) -> None:
    with pytest.raises(Refused, match=word) as refused:
        passwords.check(password, email="ada.lovelace@example.com")
    assert list(refused.value.field_errors) == ["password"]


def test_the_list_of_common_passwords_holds_thousands() -> None:
    lines = passwords.COMMON_FILE.read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) > 2000
    assert lines == sorted(set(lines))


def test_every_character_counts() -> None:
    stored = passwords.hash_of(" " + GOOD)
    assert passwords.matches(stored, " " + GOOD)
    assert not passwords.matches(stored, GOOD)
    assert not passwords.matches(stored, " " + GOOD.upper())
    long = "a" * 150 + "b" * 40
    assert not passwords.matches(passwords.hash_of(long), long[:-1] + "c")


def test_nobody_matches_without_a_hash() -> None:
    assert not passwords.matches(None, GOOD)
    assert not passwords.matches(None, "nobody has this password")
    assert not passwords.matches("not a hash", GOOD)
    assert not passwords.matches(passwords.hash_of(GOOD), GOOD * 1000)


def test_hashes_are_argon2id_and_todays() -> None:
    stored = passwords.hash_of(GOOD)
    assert stored.startswith("$argon2id$")
    assert not passwords.outdated(stored)
    assert passwords.outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA")


def test_comparing_takes_as_long_without_a_hash() -> None:
    stored = passwords.hash_of(GOOD)
    passwords.matches(None, GOOD)

    def typical(hashed: str | None) -> float:
        times = []
        for _ in range(9):
            begun = time.process_time()
            passwords.matches(hashed, "wrong password of somebody")
            times.append(time.process_time() - begun)
        return statistics.median(times)

    assert 0.5 < typical(None) / typical(stored) < 2
