"""Encoded queries that cannot be broken out of.

Source: ServiceNow's description of encoded queries. Terms are joined by `^`; there is no dependable way to escape it in
a value, so a value that contains it is refused. A value that begins with `javascript:` would be run as a script by the
instance, so it is refused too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from providers.errors import InvalidInput

_FORBIDDEN = re.compile(r"[\^\x00-\x1f\x7f\u2028\u2029]")
_SCRIPT = re.compile(r"\s*javascript\s*:", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
SYS_ID = re.compile(r"[0-9a-f]{32}")


def safe(value: str, *, field: str = "") -> str:
    """The value when it can stand in a query.

    Raises InvalidInput, with `field` as the field to blame, when it could change what is asked.
    """
    if value and not _FORBIDDEN.search(value) and not _SCRIPT.match(value):
        return value
    message = "ServiceNow cannot look for this value: it is empty or contains ^, a line break or a script."
    raise InvalidInput(message, next_step="Enter it again.", field_errors={field: message} if field else {}, sent=False)


def equals(field: str, value: str, *, blame: str = "") -> str:
    """Term for records whose field has exactly this value. Raises InvalidInput."""
    return f"{field}={safe(value, field=blame)}"


def contains(field: str, value: str) -> str:
    """Term for records whose field has this value somewhere in it. Raises InvalidInput."""
    return f"{field}LIKE{safe(value)}"


def among(field: str, values: Iterable[str]) -> str:
    """Term for records whose field has one of these values; those that cannot be asked for are left out."""
    usable = [v for v in values if v and "," not in v and not _FORBIDDEN.search(v) and not _SCRIPT.match(v)]
    return f"{field}IN{','.join(usable)}"


def both(*terms: str) -> str:
    """All terms together."""
    return "^".join(terms)


def table(name: str) -> str:
    """The name when it can be a table's. Raises InvalidInput that blames the step `table`."""
    if _NAME.fullmatch(name):
        return name
    message = "This is not the name of a ServiceNow table."
    raise InvalidInput(message, next_step="Choose the table again.", field_errors={"table": message}, sent=False)
