"""`flask incidents import` and `flask demo-data`."""

from __future__ import annotations

import json
from contextvars import Context
from dataclasses import replace
from pathlib import Path

from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import Incident, User
from services import runtime


def run(app: Flask, *words: str) -> Result:
    """Run a command as the shell does: without the application context the test itself stands in."""
    result: Result = Context().run(app.test_cli_runner().invoke, args=words)
    return result


def count(model: type) -> int:
    db.session.commit()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_good_file_is_loaded_and_loading_it_again_changes_nothing(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "incidents.csv"
    file.write_text("title,source,source_key\nOne,P,1\nTwo,P,2\n", encoding="utf-8-sig")
    first, second = (run(app, "incidents", "import", str(file)) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "2 rows: 2 added, 0 changed, 0 unchanged, 0 refused." in first.output
    assert "2 rows: 0 added, 0 changed, 2 unchanged, 0 refused." in second.output
    assert count(Incident) == 2


def test_refused_rows_are_named_and_the_exit_status_says_so(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "incidents.jsonl"
    file.write_text('{"title": "One"}\n{"title": ""}\n{"title": "Three", "colour": "red"}\n', encoding="utf-8")
    result = run(app, "incidents", "import", str(file))
    assert result.exit_code == 1
    assert "Row 2 refused: Title is missing." in result.output
    assert "3 rows: 2 added, 0 changed, 0 unchanged, 1 refused." in result.output
    assert "The refused rows were not written" in result.output
    assert "left out: colour." in result.output
    assert count(Incident) == 2


def test_a_file_that_ends_badly_says_what_was_written(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "incidents.jsonl"
    good = "".join(json.dumps({"title": f"Problem {number}"}) + "\n" for number in range(200))
    file.write_bytes(good.encode() + b'{"title": "\xff"}\n' * 2000)
    result = run(app, "incidents", "import", str(file))
    assert result.exit_code == 1
    assert "The file is not UTF-8 text." in result.output
    assert f"{count(Incident)} rows read before that were written." in result.output


def test_an_absent_file_is_a_mistake_of_use(app: Flask) -> None:
    assert run(app, "incidents", "import", "/nowhere/x.csv").exit_code == 2


def test_demo_data_gives_a_link_for_each_role_and_loads_incidents_once(app: Flask, tmp_path: Path) -> None:
    current = app.extensions[runtime.NAME]
    app.extensions[runtime.NAME] = replace(
        current, settings=replace(current.settings, sandbox_file=str(tmp_path / "s"))
    )
    for _ in range(2):
        result = run(app, "demo-data")
        assert result.exit_code == 0, result.output
        people = [json.loads(line) for line in result.output.splitlines()]
        assert [person["role"] for person in people] == ["admin", "responder", "member"]
        assert len({person["password"] for person in people}) == 3
        assert all("/sandbox/" in person["link"] for person in people)
        assert (count(Incident), count(User)) == (60, 3)


def test_demo_data_refuses_to_run_outside_of_the_sandbox(app: Flask) -> None:
    result = run(app, "demo-data")
    assert result.exit_code == 1
    assert "only runs in the sandbox" in result.output
    assert (count(Incident), count(User)) == (0, 0)
