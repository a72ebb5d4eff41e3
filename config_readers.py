"""How settings are read: text of the environment in, a checked value out, ValueError with what is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from providers.addresses import SETTING as ALLOW
from providers.addresses import parse_allow

# Periodic tasks with their usual seconds; services/schedule.py says what each does.
TASKS: Mapping[str, int] = {
    "settle": 15,
    "automatic": 5,
    "comments": 15,
    "status": 120,
    "check": 300,
    "expiry": 3600,
    "tokens": 6 * 3600,
    "people": 24 * 3600,
    "webhooks": 24 * 3600,
    "prune": 24 * 3600,
}
_NUMBER = re.compile(r"-?[0-9]{1,9}")


def number(text: str) -> int:
    """A whole number."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def whole(text: str) -> int:
    """A number that is not negative."""
    found = number(text)
    if found < 0:
        raise ValueError("must not be negative")
    return found


def positive(text: str) -> int:
    """A number from 1."""
    found = number(text)
    if found < 1:
        raise ValueError("must be at least 1")
    return found


def port(text: str) -> int:
    """The number of a port."""
    found = number(text)
    if not 0 < found < 65536:
        raise ValueError("must be between 1 and 65535")
    return found


def switch(text: str) -> bool:
    """On or off, as 1 or 0."""
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def database(text: str) -> str:
    """PostgreSQL addresses are accepted without naming a driver."""
    for prefix in ("postgresql://", "postgres://"):
        if text.startswith(prefix):
            text = "postgresql+psycopg://" + text.removeprefix(prefix)
    if not text.startswith(("postgresql+psycopg://", "sqlite://")):
        raise ValueError("must begin with sqlite:// or postgresql://")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("must look like postgresql://user@host:5432/name or sqlite:///path/to/file") from None
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file, because several processes use it: sqlite:///path/to/file")
    return text


def redis(text: str) -> str:
    """Address of a Redis server; empty without one."""
    if text and not re.fullmatch(r"(rediss?://[^/\s]+(/\d*)?|unix://\S+)", text):
        raise ValueError("must look like redis://host:6379/0")
    return text


def base_url(text: str) -> str:
    """Our own public address, without a path; empty when it follows from the port."""
    if text and not is_origin(text):
        raise ValueError("must look like https://patchpanel.example.com")
    return text.rstrip("/")


def vendor_url(text: str) -> str:
    """Address of a vendor's host, without a path."""
    if not is_origin(text):
        raise ValueError("must look like https://auth.example.com")
    return text.rstrip("/")


def is_origin(text: str) -> bool:
    """Whether it is scheme, host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and not (parts.path.strip("/") or parts.query or parts.fragment)


def allow(text: str) -> str:
    """The list of addresses that may be reached although private."""
    try:
        parse_allow(text)
    except ValueError as error:
        # It names the setting for its other callers; the sentence around ours does that already.
        reason = str(error).removeprefix(f"{ALLOW}: ").removesuffix(".")
        raise ValueError(f"cannot be read: {reason}") from None
    return text


def file(text: str) -> str:
    """Name of a file that exists; empty without one."""
    if text and not Path(text).is_file():
        raise ValueError("is not the name of a file")
    return text


def intervals(text: str) -> dict[str, int]:
    """Seconds between the runs of every periodic task."""
    found = dict(TASKS)
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in TASKS or not _NUMBER.fullmatch(value) or int(value) < 1:
            raise ValueError(f"must name tasks with their seconds, as in settle=15 (tasks: {', '.join(TASKS)})")
        found[name] = int(value)
    return found


def shown(text: str) -> str:
    """A wrong value as it may be repeated: without the password of a URL, and not endlessly."""
    clean = re.sub(r"(//[^:@/]*):.*@", r"\1:•••@", text)
    return clean if len(clean) <= 100 else clean[:99] + "…"
