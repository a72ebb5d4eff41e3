"""Fixtures that collect what comes out of the product: every answer and every line of the logs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services import logs
from tests.conftest import PatchpanelClient
from tests.support_leaks import Heard


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Notes every answer to every test client."""
    found, original = Heard(), PatchpanelClient.open

    def listening(self: PatchpanelClient, *args: Any, **kwargs: Any) -> TestResponse:
        answer = original(self, *args, **kwargs)
        # Without its query: that is what the test itself asked with, such as the code of a call-back.
        found.note(str(args[0]).partition("?")[0] if args else "", answer)
        return answer

    monkeypatch.setattr(PatchpanelClient, "open", listening)
    return found


@pytest.fixture
def written_logs(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """All logging so far: the lines the product prints (its own set-up, but from DEBUG on) and the bare records."""
    root, levels = logging.getLogger(), {}
    before, level = root.handlers[:], root.level
    for name in ("urllib3", "requests", "jira", "alembic", "werkzeug"):
        levels[name] = logging.getLogger(name).level
    logs.configure()
    root.addHandler(caplog.handler)
    root.setLevel(logging.DEBUG)

    def read() -> str:
        printed = capsys.readouterr()
        records = "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records)
        return "\n".join([printed.out, printed.err, records, caplog.text])

    yield read
    root.handlers[:] = before
    root.setLevel(level)
    for name, value in levels.items():
        logging.getLogger(name).setLevel(value)
