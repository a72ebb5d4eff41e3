"""What every answer of the provider contract must be: told in the agreed words, in time, without traces or secrets."""

from __future__ import annotations

import datetime as dt
import html
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from extensions import db
from models import Attempt, Connection, ConnectionStatus, Event
from services import connection_health, outbound, store, tokens
from tests.providers.contract_cases import DEADLINE

# What a busy machine may need besides for a whole page. A server that drips for ever would outlive any of it.
GRACE = 2.5
# What our calls themselves may take beyond the deadline, from the first to the end of the last.
CALL_GRACE = 0.5


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short deadline for what people wait for; renewing an access token keeps its share of it."""
    share = DEADLINE / outbound.INTERACTIVE_SECONDS
    monkeypatch.setattr(tokens, "CALL_SECONDS", tokens.CALL_SECONDS * share)
    monkeypatch.setattr(outbound, "MINIMUM_SECONDS", outbound.MINIMUM_SECONDS * share)
    monkeypatch.setattr(outbound, "INTERACTIVE_SECONDS", DEADLINE)
    # The value before is the default argument of these.
    for function in (outbound.client_for, outbound.open_client, connection_health.check):
        monkeypatch.setitem(function.__kwdefaults__, "seconds", DEADLINE)


def snapshot() -> list[Any]:
    """Everything stored about connections, and how much was written down about them."""
    db.session.rollback()
    rows: list[Any] = [
        tuple(row) for row in db.session.execute(select(Connection.__table__).order_by(Connection.__table__.c.id))
    ]
    rows.append(db.session.scalar(select(func.count()).where(Event.target_kind == "connection")))
    db.session.rollback()
    return rows


@dataclass
class Told:
    """The alert of an answer."""

    sentence: str
    detail: str


def told(page: str) -> Told:
    """What the first alert of a page says."""
    found = re.search(r'role="alert">\s*<p[^>]*><strong>(.*?)</strong>(?:\s*<span>(.*?)</span>)?', page, re.DOTALL)
    assert found, "no alert"
    return Told(html.unescape(found.group(1)), html.unescape(found.group(2) or ""))


@contextmanager
def in_time(verb: str) -> Iterator[None]:
    """What happens inside ends within the deadline and the grace."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took <= DEADLINE + GRACE, f"{verb} took {took:.2f} s"


def check_told(verb: str, page: str, sentence: str, cause: str, *, linked: bool = True) -> None:
    """Sentence, cause, next step, link to the attempt (`linked`: an answer of the provider is behind it)."""
    alert = told(page)
    assert alert.sentence == sentence, f"{verb}: {alert}"
    assert cause in alert.detail, f"{verb}: {alert}"
    # A cause and a next step are a sentence each.
    assert len(re.findall(r"[.](?=\s|$)", alert.detail)) >= 2, f"{verb}: {alert}"
    link = re.search(r'<a href="/settings/activity/(\d+)">See what happened</a>', page)
    assert bool(link) == linked, f"{verb}: link to the attempt"


def check_silent(verb: str, answers: Iterable[TestResponse], secrets: Iterable[str]) -> None:
    """No secret in any part of the answers, headers and message kept for the next page included."""
    for answer in answers:
        whole = f"{answer.headers}\n{answer.get_data(as_text=True)}"
        for secret in filter(None, secrets):
            assert secret not in whole, verb


def check_noted(connection_id: int, cause: str, *, certain: bool) -> None:
    """After a check that failed: Needs attention only when that is certain, else the old status; the cause is kept."""
    db.session.rollback()
    row = store.get(Connection, connection_id)
    assert row.status == (ConnectionStatus.NEEDS_ATTENTION if certain else ConnectionStatus.WORKS)
    assert row.failures == 1
    assert cause in row.last_error
    assert row.last_attempt_id
    store.release()


def newest_attempt() -> int:
    """Number of the newest row of the ledger, 0 when there is none."""
    db.session.rollback()
    return db.session.scalar(select(func.max(Attempt.id))) or 0


def check_attempts(verb: str, newest: int, outcome: str) -> None:
    """The calls since are all closed, the last with this outcome, and took no longer than they may."""
    rows = db.session.scalars(select(Attempt).where(Attempt.id > newest).order_by(Attempt.id)).all()
    assert rows, f"{verb}: no attempt"
    assert all(row.outcome and row.duration_ms is not None for row in rows), verb
    assert rows[-1].outcome == outcome, f"{verb}: {rows[-1].outcome}, {rows[-1].message}"
    ends = [row.at + dt.timedelta(milliseconds=row.duration_ms or 0) for row in rows]
    took = (max(ends) - rows[0].at).total_seconds()
    assert took <= DEADLINE + CALL_GRACE, f"{verb}: calls took {took:.2f} s"
    db.session.rollback()
