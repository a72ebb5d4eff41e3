"""Migrations: what they make is what the models describe, on both databases, however often they run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Column, Integer, MetaData, Table, inspect
from sqlalchemy.exc import IntegrityError

from extensions import db
from models import User
from services import preparation, search, store, system
from services.actors import COMMAND_LINE
from services.users import add
from tests.conftest import PASSWORD

ROOT = Path(__file__).resolve().parent.parent
# SQLite's reflection cannot see an index over an expression (uq_users_email); alembic says so and leaves it out.
# That it works is shown by test_two_spellings_of_an_address_are_one_person.
unseen = pytest.mark.filterwarnings(
    "ignore:autogenerate skipping metadata-specified expression-based index 'uq_users_email'",
    "ignore:Skipped unsupported reflection of expression-based index uq_users_email",
)


def differences(metadata: MetaData) -> list[Any]:
    """What autogenerate would change in this database to make it equal to the models."""

    def ours(_object: object, name: str | None, _kind: str, _reflected: bool, _compare_to: object) -> bool:
        # The queue makes its own tables when it lies in PostgreSQL.
        return not search.owns(name) and not (name or "").startswith("queue_")

    with db.engine.connect() as connection:
        options = {"compare_type": True, "include_object": ours}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return found


@pytest.fixture
def script(app: Flask) -> ScriptDirectory:
    """The migrations."""
    return ScriptDirectory(str(system.migrations_folder()))


@unseen
def test_the_migrated_schema_is_what_the_models_describe(app: Flask) -> None:
    assert differences(db.metadata) == []


@unseen
def test_a_forgotten_migration_is_seen(app: Flask) -> None:
    metadata = MetaData()
    Table("something_new", metadata, Column("id", Integer, primary_key=True))
    changes = differences(metadata)
    assert any(change[0] == "add_table" for change in changes)
    assert any(change[0] == "remove_table" and change[1].name == "users" for change in changes)


def test_two_spellings_of_an_address_are_one_person(app: Flask) -> None:
    add(COMMAND_LINE, email="ada@example.com", name="Ada", role="member", password=PASSWORD)
    ada = db.session.query(User).one()
    store.release()
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(User(email="ADA@example.com", name="Ada", role="member", created_at=ada.created_at))


def test_every_table_of_the_models_is_there(app: Flask) -> None:
    assert {table.name for table in db.metadata.sorted_tables} <= set(inspect(db.engine).get_table_names())


def test_there_is_one_line_of_migrations(script: ScriptDirectory) -> None:
    revisions = list(script.walk_revisions())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    assert sum(1 for revision in revisions if revision.is_branch_point) == 0
    numbers = sorted(revision.revision for revision in revisions)
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    for revision in revisions:
        assert re.fullmatch(rf"{revision.revision}(_[a-z0-9]+)+\.py", Path(revision.path).name)


def test_the_database_is_at_the_newest_revision(app: Flask, script: ScriptDirectory) -> None:
    assert system.revision() == script.get_current_head() == system.head()
    assert system.readiness() == []


def test_preparing_again_is_harmless(app: Flask) -> None:
    add(COMMAND_LINE, email="ada@example.com", name="Ada", role="admin", password=PASSWORD)
    before = system.revision()
    for _ in range(2):
        preparation.migrate()
    result = app.test_cli_runner().invoke(args=["prepare"])
    assert result.exit_code == 0, result.output
    assert "create the first administrator" not in result.output
    assert system.revision() == before
    assert db.session.query(User).one().email == "ada@example.com"
