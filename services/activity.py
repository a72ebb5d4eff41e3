"""Reading the ledger of outbound calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, select

import providers
from models import Attempt
from providers.base import utcnow
from services import paging, store

PAGE = 50
OK = "ok"
# Longer than any call may take: after this a call without an outcome never finished.
UNFINISHED = dt.timedelta(seconds=60)


class Outcome(StrEnum):
    """What the list is narrowed to."""

    ALL = ""
    FAILED = "failed"
    NEVER_FINISHED = "never-finished"


def page(*, provider_key: str = "", outcome: Outcome = Outcome.ALL, cursor: str | None = None) -> paging.Page[Attempt]:
    """One page of calls, newest first. Raises Refused for a cursor that is not one of ours."""
    query = select(Attempt)
    if provider_key:
        query = query.where(Attempt.provider_key == provider_key)
    for condition in _conditions(outcome):
        query = query.where(condition)
    return paging.page(query, [paging.Order(Attempt.id, descending=True)], cursor=cursor, limit=PAGE)


def _conditions(outcome: Outcome) -> Sequence[ColumnElement[bool]]:
    if outcome is Outcome.FAILED:
        return [Attempt.outcome.not_in(("", OK))]
    if outcome is Outcome.NEVER_FINISHED:
        return [Attempt.outcome == "", Attempt.at < utcnow() - UNFINISHED]
    return []


def get(attempt_id: int) -> Attempt:
    """One call. Raises Missing."""
    return store.get(Attempt, attempt_id)


def provider_label(key: str) -> str:
    """A provider's name for people; its key when this installation does not know it (any more)."""
    try:
        return providers.get(key).label
    except KeyError:
        return key or "None"


def state(attempt: Attempt) -> tuple[str, str]:
    """How a call ended, as a kind of badge and words."""
    if attempt.outcome == OK:
        return "connected", "Answered"
    if attempt.outcome:
        return "attention", _WORDS.get(attempt.outcome, attempt.outcome.replace("_", " ").capitalize())
    if utcnow() - attempt.at < UNFINISHED:
        return "progress", "Under way"
    return "danger", "Never finished"


_WORDS: dict[str, str] = {
    "bad_answer": "Unexpected answer",
    "busy": "Not sent: busy",
    "certificate": "Certificate refused",
    "forbidden": "Not sent: blocked",
    "limited": "Rate limited",
    "refused": "Refused",
    "timeout": "No answer in time",
    "unreachable": "Not reachable",
    "vendor_error": "Vendor error",
}
