"""What administrators see of the background work: on System Info, and on every page when nobody does it."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from models import WorkerProcess
from providers.base import utcnow
from services import background, schedule, store

MISSING = "No worker is running."


def test_a_missing_worker_is_said_on_every_page_of_an_administrator(
    app: Flask, admin: FlaskClient, responder: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "STARTED_AT", utcnow() - dt.timedelta(minutes=5))
    pages = ("/incidents", "/settings/system", "/settings/organization/integrations", "/notifications")
    assert all(MISSING not in admin.get(page).get_data(as_text=True) for page in pages)
    with store.write() as session:
        for worker in session.scalars(select(WorkerProcess)):
            worker.seen_at = utcnow() - dt.timedelta(seconds=31)
    app.extensions.pop(background.REMEMBERED)
    assert all(MISSING in admin.get(page).get_data(as_text=True) for page in pages)
    assert MISSING not in responder.get("/incidents").get_data(as_text=True)


def test_a_worker_has_time_to_start(app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "STARTED_AT", utcnow())
    schedule.gone("test")
    assert MISSING not in admin.get("/incidents").get_data(as_text=True)
    assert "Starting" in admin.get("/settings/system").get_data(as_text=True)


def test_system_info_shows_every_task_and_how_it_ended(app: Flask, admin: FlaskClient) -> None:
    schedule.prepare()
    schedule.run("settle")
    page = admin.get("/settings/system").get_data(as_text=True)
    assert all(task.label in page for task in schedule.TASKS.values())
    assert "0 looked at" in page
    assert "test" in page
