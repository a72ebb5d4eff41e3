"""The key ring: made once, noticed when changed, rotated online, retired only when nothing needs it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from config import SettingsError
from extensions import db
from models import Connection, Event, crypto
from providers.base import utcnow
from services import keys, runtime, store, system
from services.actors import COMMAND_LINE
from services.errors import Refused

SECRET = "sentinel-secret-4711"


@pytest.fixture
def ring_file(app: Flask, tmp_path: Path) -> Path:
    """A key ring of this test's own."""
    file = tmp_path / "keyring"
    keys.load_ring(file)
    return file


@pytest.fixture
def connect(ring_file: Path) -> Callable[[str], Connection]:
    def make(slug: str) -> Connection:
        with store.write() as session:
            row = Connection(
                provider_key="jira", slug=slug, auth_method="api_token", created_at=utcnow(), updated_at=utcnow()
            )
            session.add(row)
            session.flush()
            row.seal({"api_token": SECRET, "other": SECRET + "-2"}, origin="https://example.com:443")
            return row

    return make


def opened(row: Connection) -> dict[str, str]:
    db.session.refresh(row)
    return dict(row.for_client().credentials)


def ids() -> list[str]:
    return [state.id for state in keys.listed()]


def test_the_ring_is_made_on_first_start_and_is_private(ring_file: Path) -> None:
    assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600
    assert not keys.open_to_others()
    assert keys.problem() == ""
    before = ring_file.read_text(encoding="ascii")
    keys.load_ring(ring_file)
    assert ring_file.read_text(encoding="ascii") == before


def test_a_ring_others_may_read_is_noticed(ring_file: Path) -> None:
    ring_file.chmod(0o644)
    assert keys.open_to_others()


def test_the_signing_key_is_made_once(tmp_path: Path) -> None:
    first = keys.secret_key(tmp_path / "new" / "secret_key")
    assert len(first) >= 32
    assert keys.secret_key(tmp_path / "new" / "secret_key") == first
    (tmp_path / "short").write_text("short", encoding="ascii")
    with pytest.raises(SettingsError, match="less than 32"):
        keys.secret_key(tmp_path / "short")
    with pytest.raises(SettingsError, match="cannot be used"):
        keys.secret_key(tmp_path)


@pytest.mark.parametrize("content", ["", "rubbish\n", "ü"])
def test_a_damaged_ring_stops_nothing_and_is_left_alone(
    connect: Callable[[str], Connection], tmp_path: Path, content: str
) -> None:
    row = connect("one")
    damaged = tmp_path / "damaged"
    damaged.write_text(content, encoding="utf-8")
    keys.load_ring(damaged)
    assert damaged.read_text(encoding="utf-8") == content
    assert any(str(damaged) in problem for problem in system.readiness())
    assert [state.present for state in keys.listed()] == [False]
    with pytest.raises(crypto.CannotOpen):
        row.for_client()
    with pytest.raises(crypto.KeyringError, match="damaged"), store.write():
        row.seal({"api_token": "new"}, origin="https://example.com:443")
    with pytest.raises(Refused, match="damaged"):
        keys.rotate(COMMAND_LINE)


def test_a_repaired_ring_is_noticed_without_a_restart(ring_file: Path, tmp_path: Path) -> None:
    good = ring_file.read_text(encoding="ascii")
    ring_file.write_text("rubbish\n", encoding="ascii")
    assert system.readiness() != []
    ring_file.write_text(good, encoding="ascii")
    os.utime(ring_file, ns=(1, 1))
    assert system.readiness() == []


def test_damage_while_running_keeps_the_keys_at_hand(connect: Callable[[str], Connection], ring_file: Path) -> None:
    row = connect("one")
    ring_file.unlink()
    assert "cannot be read" in keys.problem()
    assert opened(row)["api_token"] == SECRET


def test_a_ring_that_cannot_be_made_stops_nothing(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    keys.load_ring(tmp_path / "file" / "keyring")
    assert keys.problem() != ""


def test_rotation_wraps_everything_anew(connect: Callable[[str], Connection]) -> None:
    rows = [connect(f"number-{number}") for number in range(keys.BATCH + 3)]
    (old,) = ids()
    done = keys.rotate(COMMAND_LINE)
    assert (done.rewrapped, done.left) == (2 * len(rows), [])
    assert [(state.id, state.newest, state.credentials) for state in keys.listed()] == [
        (done.key_id, True, 2 * len(rows)),
        (old, False, 0),
    ]
    assert all(opened(row)["api_token"] == SECRET for row in rows)
    actions = set(db.session.execute(select(Event.action)).scalars())
    assert {"keys.rotated", "keys.rewrapped"} <= actions


def test_another_process_sees_the_new_key(connect: Callable[[str], Connection], ring_file: Path) -> None:
    elsewhere = keys.WatchedRing(ring_file)
    row = connect("one")
    done = keys.rotate(COMMAND_LINE)
    crypto.use(elsewhere)
    assert opened(row)["api_token"] == SECRET
    assert elsewhere.newest.id == done.key_id


def test_an_interrupted_rotation_is_resumed(connect: Callable[[str], Connection], ring_file: Path) -> None:
    row = connect("one")
    line = crypto.new_key_line()
    crypto.replace_file(ring_file, f"{line}\n" + ring_file.read_text(encoding="ascii"))
    done = keys.rotate(COMMAND_LINE, resume=True)
    assert done.rewrapped == 2
    assert len(ids()) == 2
    assert keys.rotate(COMMAND_LINE, resume=True).rewrapped == 0
    assert opened(row)["other"] == SECRET + "-2"


def test_rotation_leaves_what_does_not_open_exactly_as_it_was(connect: Callable[[str], Connection]) -> None:
    good, bad = connect("good"), connect("bad")
    with store.write():
        bad.credentials = {**bad.credentials, "other": good.credentials["other"]}
    before = bad.credentials["other"]
    done = keys.rotate(COMMAND_LINE)
    assert [(left.connection_id, left.field) for left in done.left] == [(bad.id, "other")]
    assert done.rewrapped == 3
    db.session.refresh(bad)
    assert bad.credentials["other"] == before


def test_verify_reports_row_by_row_without_secrets(connect: Callable[[str], Connection]) -> None:
    good, bad = connect("good"), connect("bad")
    with store.write():
        bad.origin = "https://evil.example:443"
    found = {(result.connection_id, result.field): bool(result.problem) for result in keys.verify()}
    assert found == {
        (good.id, "api_token"): False,
        (good.id, "other"): False,
        (bad.id, "api_token"): True,
        (bad.id, "other"): True,
    }
    assert SECRET not in repr(keys.verify())


def test_a_key_is_retired_when_nothing_needs_it(connect: Callable[[str], Connection], ring_file: Path) -> None:
    row = connect("one")
    (old,) = ids()
    new = keys.rotate(COMMAND_LINE).key_id
    keys.retire(COMMAND_LINE, old)
    assert ids() == [new]
    assert opened(row)["api_token"] == SECRET
    assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600


def test_a_key_that_is_needed_stays(connect: Callable[[str], Connection], ring_file: Path) -> None:
    connect("one")
    (old,) = ids()
    crypto.replace_file(ring_file, f"{crypto.new_key_line()}\n" + ring_file.read_text(encoding="ascii"))
    with pytest.raises(Refused, match="still need"):
        keys.retire(COMMAND_LINE, old)
    assert old in ids()


def test_the_newest_and_unknown_keys_are_not_retired(ring_file: Path) -> None:
    with pytest.raises(Refused, match="newest"):
        keys.retire(COMMAND_LINE, ids()[0])
    with pytest.raises(Refused, match="not in the key ring"):
        keys.retire(COMMAND_LINE, "000000000000")


def test_a_missing_key_is_told_with_the_next_step(
    app: Flask, connect: Callable[[str], Connection], tmp_path: Path
) -> None:
    connect("one")
    other = tmp_path / "other"
    app.extensions[runtime.NAME] = replace(runtime.runtime(), settings=replace(runtime.settings(), keyring_file=other))
    keys.load_ring(other)
    warnings = system.info(reached_under=runtime.settings().base_url).warnings
    assert any("2 stored credentials need a key" in warning for warning in warnings)
    assert system.readiness() == []


def command(app: Flask, *args: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["keys", *args])
    return result.exit_code, result.output


def test_the_commands_list_verify_rotate_and_retire(app: Flask, connect: Callable[[str], Connection]) -> None:
    row = connect("one")
    (old,) = ids()
    assert command(app, "list") == (0, f"{old}  newest   credentials: 2\n")
    status, output = command(app, "rotate")
    assert status == 0
    assert "wrapped with it just now: 2" in output
    assert command(app, "retire", old)[0] == 0
    status, output = command(app, "retire", old)
    assert (status, "not in the key ring" in output) == (1, True)
    status, output = command(app, "verify")
    assert (status, "2 of 2" in output) == (0, True)
    with store.write():
        row.credentials = {name: json.loads(json.dumps(row.credentials["other"])) for name in ("api_token", "other")}
    status, output = command(app, "verify")
    assert (status, "FAILS" in output, SECRET in output) == (1, True, False)
    assert command(app, "rotate")[0] == 1
