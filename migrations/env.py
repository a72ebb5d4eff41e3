"""Alembic's entry: migrations run with the application's own engine."""

from __future__ import annotations

from alembic import context
from flask import current_app

from services import search

extension = current_app.extensions["migrate"]
engine = extension.db.engine
context.config.set_main_option("sqlalchemy.url", "set-by-the-application")


def _ours(_object: object, name: str | None, _kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Leave what searching needs out of comparisons: no model describes it."""
    return not search.owns(name)


def run() -> None:
    """Apply migrations, one transaction each, under the write lock."""
    with engine.connect().execution_options(write=True) as connection:
        context.configure(
            connection=connection,
            target_metadata=extension.db.metadata,
            include_object=_ours,
            **extension.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
