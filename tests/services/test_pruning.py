"""Old entries go, in small steps; what people rely on stays."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from extensions import db
from models import Attempt, Event, Notice
from providers.base import utcnow
from services import pruning, store
from services.actors import COMMAND_LINE


def attempts(count: int, age: dt.timedelta) -> None:
    """So many outbound calls that were made so long ago."""
    row = {"at": utcnow() - age, "purpose": "check", "method": "GET", "target": "https://x.example"}
    with store.write() as session:
        session.execute(insert(Attempt), [row] * count)


def left(model: type) -> int:
    """Rows of a table."""
    found = db.session.scalar(select(func.count()).select_from(model))
    store.release()
    return int(found or 0)


def test_calls_of_more_than_ninety_days_ago_go_and_younger_ones_stay(app: Flask) -> None:
    attempts(5, dt.timedelta(days=91))
    attempts(3, dt.timedelta(days=89))
    assert pruning.prune(COMMAND_LINE, False) == "5 old rows removed"
    assert left(Attempt) == 3
    assert pruning.prune(COMMAND_LINE, False) == "0 old rows removed"


def test_many_go_in_small_transactions(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 100)
    attempts(1050, dt.timedelta(days=100))
    attempts(7, dt.timedelta(0))
    assert pruning.prune(COMMAND_LINE, False) == "1050 old rows removed"
    assert left(Attempt) == 7


def test_old_notices_go_and_the_audit_log_stays(app: Flask) -> None:
    long_ago = utcnow() - dt.timedelta(days=400)
    with store.write() as session:
        session.add(Notice(at=long_ago, audience="admin", kind="x", level="info", title="Old"))
        session.add(Event(at=long_ago, actor="Ada", action="x.y"))
    before = left(Event)
    pruning.prune(COMMAND_LINE, False)
    assert (left(Notice), left(Event)) == (0, before)
