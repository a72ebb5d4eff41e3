"""What services say no with."""

from __future__ import annotations

from collections.abc import Mapping


class Missing(LookupError):
    """The row is absent or this actor may not see it: both look the same (404)."""


class Refused(Exception):
    """A request that cannot be carried out; the message is for people.

    `field_errors` maps form field names to sentences when single fields are to blame.
    """

    def __init__(self, message: str, *, field_errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.field_errors = dict(field_errors or {})
