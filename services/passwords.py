"""Passwords of people: which ones are accepted, how they are stored and compared."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.errors import Refused

SHORTEST = 15
LONGEST = 200
PRODUCT_WORDS = ("patchpanel", "patch panel")
COMMON_FILE = Path(__file__).with_name("common_passwords.txt")
# The second of the settings OWASP's Password Storage Cheat Sheet names for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_REPEATED = re.compile(r"(.{1,8})\1+.{0,4}")
_ROWS = tuple(row * 21 for row in ("1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm"))


def hash_of(password: str) -> str:
    """The argon2id hash that is stored. The password goes in exactly as typed."""
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password belongs to the stored hash.

    Without a hash (unknown person, nobody set a password yet) it works just as long and says no.
    """
    if len(password) > LONGEST:
        password, stored = "", None
    try:
        right = _hasher.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with weaker settings than today's and should be made anew at the next sign-in."""
    return _hasher.check_needs_rehash(stored)


def check(password: str, *, email: str = "", field: str = "password") -> None:
    """Say whether a new password may be used.

    Args:
        email: of its owner; the words of the address do not count towards the length.
        field: form field that the sentence belongs to.

    Raises:
        Refused: with the reason, also as the error of `field`.
    """
    reason = _objection(password, email)
    if reason:
        raise Refused(reason, field_errors={field: reason})


def _objection(password: str, email: str) -> str:
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. A sentence of four or more words is easy to remember."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    folded = password.casefold()
    if _is_common(folded):
        return "This password is on the list of passwords that are tried first. Choose another one."
    if len(_without(folded, (*PRODUCT_WORDS, *_words(email)))) < SHORTEST:
        return (
            "The product's name and the words of the e-mail address are guessed first and do not count. "
            f"Use at least {SHORTEST} other characters."
        )
    return ""


def _is_common(folded: str) -> bool:
    """On the list itself, a listed word dressed with digits and signs, a short piece repeated, or a row of keys."""
    bare = folded.strip("0123456789 .,;:!?*#$%&/+-_=@()[]'\"")
    if " " in bare:
        bare = folded  # digits around a single word are the habit; a sentence with a number in it is not
    spaceless = "".join(folded.split())
    if {folded, bare, spaceless} & _common() or _REPEATED.fullmatch(folded):
        return True
    return any(folded in row or folded[::-1] in row for row in _ROWS)


def _words(email: str) -> list[str]:
    """The parts of an e-mail address somebody would guess with, longest first."""
    found = {word for word in re.split(r"[^a-z0-9]+", email.casefold()) if len(word) >= 4}
    return sorted(found, key=len, reverse=True)


def _without(text: str, words: tuple[str, ...]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lines = COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line.casefold() for line in lines if line and not line.startswith("#"))


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash to compare with when there is none, so that the answer takes the same time."""
    return _hasher.hash("nobody has this password")
