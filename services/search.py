"""Text search behind one function per table, whatever the database.

SQLite: FTS5 tables with the trigram tokenizer, kept up to date by triggers (https://www.sqlite.org/fts5.html, 4.3.4
"The Trigram Tokenizer" and 4.4.3 "External Content Tables"). PostgreSQL: ILIKE, made fast by pg_trgm indexes where that
extension is available (https://www.postgresql.org/docs/current/pgtrgm.html). All words of a text must occur, in any
order and case; "quotes" hold words together. Nothing a person types is an operator.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    column,
    exc,
    literal_column,
    or_,
    select,
    table,
    text,
)

from extensions import db
from models import Incident, IntegrationUser

# The trigram index knows nothing shorter.
SHORTEST_INDEXED = 3
LONGEST_TEXT = 200
MOST_WORDS = 8
LARGEST_ID = 2**31 - 1

_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')
_KEY = re.compile(r"inc[-\s#]?0*(\d{1,10})", re.IGNORECASE)
_NUMBER = re.compile(r"#?0*(\d{1,10})")


def _fts_ddl(name: str, content: str, first: str, second: str) -> list[str]:
    """An external-content FTS5 table and the triggers that keep it equal to its content table (names are constants)."""
    new = f"INSERT INTO {name}(rowid, {first}, {second}) VALUES (new.id, new.{first}, new.{second});"  # noqa: S608
    # An external-content table must be told the old values: it holds no copy to remove them by.
    old = (
        f"INSERT INTO {name}({name}, rowid, {first}, {second}) "  # noqa: S608
        f"VALUES ('delete', old.id, old.{first}, old.{second});"
    )
    changed = f"old.{first} IS NOT new.{first} OR old.{second} IS NOT new.{second}"
    return [
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} "
        f"USING fts5({first}, {second}, content='{content}', content_rowid='id', tokenize='trigram')",
        f"CREATE TRIGGER IF NOT EXISTS {name}_insert AFTER INSERT ON {content} BEGIN {new} END",
        f"CREATE TRIGGER IF NOT EXISTS {name}_delete AFTER DELETE ON {content} BEGIN {old} END",
        f"CREATE TRIGGER IF NOT EXISTS {name}_update AFTER UPDATE OF {first}, {second} ON {content} "
        f"WHEN {changed} BEGIN {old} {new} END",
        f"INSERT INTO {name}({name}) VALUES ('rebuild')",  # noqa: S608
    ]


SQLITE_DDL: list[str] = [
    *_fts_ddl("incidents_fts", "incidents", "title", "description"),
    *_fts_ddl("integration_users_fts", "integration_users", "name", "email"),
]
POSTGRES_EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
POSTGRES_DDL: list[str] = [
    "CREATE INDEX IF NOT EXISTS ix_incidents_trgm "
    "ON incidents USING gin (title gin_trgm_ops, description gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS ix_integration_users_trgm "
    "ON integration_users USING gin (name gin_trgm_ops, email gin_trgm_ops)",
]


def apply_ddl(connection: Connection) -> None:
    """Create what searching needs, within the caller's transaction; harmless when it is there already.

    Without pg_trgm (not installed on the server, or not allowed to this role) PostgreSQL searches by plain ILIKE.
    """
    if connection.dialect.name == "sqlite":
        for statement in SQLITE_DDL:
            connection.exec_driver_sql(statement)
    elif _have_trigrams(connection):
        for statement in POSTGRES_DDL:
            connection.exec_driver_sql(statement)


def owns(name: str | None) -> bool:
    """Whether a table or index of this name belongs to searching, and so is none of the models' (for migrations)."""
    tables = ("incidents_fts", "integration_users_fts")
    return name is not None and (name.startswith(tables) or name.endswith("_trgm"))


def incidents(typed: str) -> ColumnElement[bool] | None:
    """Condition on `incidents` for what a person typed in the search box; None when it holds no word.

    INC-12 means that incident; a number means the incident of that number or the text.
    """
    only, number, words = _incident_query(typed)
    if only is not None:
        return Incident.id == only
    found = _condition(Incident.id, "incidents_fts", (Incident.title, Incident.description), words)
    if number is None or found is None:
        return found
    return or_(Incident.id == number, found)


def integration_users(typed: str) -> ColumnElement[bool] | None:
    """Condition on `integration_users` for what a person typed; None when it holds no word."""
    columns = (IntegrationUser.name, IntegrationUser.email)
    return _condition(IntegrationUser.id, "integration_users_fts", columns, words_of(typed))


@dataclass(frozen=True)
class Walk:
    """A search read from the SQLite index in the order of ids: a page ends early however many rows match."""

    source: FromClause
    id: ColumnElement[int]
    condition: ColumnElement[bool]


def incidents_walk(typed: str) -> Walk | None:
    """The same search as `incidents` for lists in the order of ids, where the database gains from it; else None."""
    only, number, words = _incident_query(typed)
    indexed = _indexed(words)
    if only is not None or number is not None or not indexed or not _sqlite():
        return None
    fts = table("incidents_fts", column("rowid"))
    # The plus keeps the database from starting at `incidents` and asking the index once per row.
    source = fts.join(db.metadata.tables["incidents"], Incident.id == literal_column("+incidents_fts.rowid"))
    columns = (Incident.title, Incident.description)
    parts = [_match("incidents_fts", indexed), *(_like(columns, word) for word in words if word not in indexed)]
    return Walk(source, fts.c.rowid, and_(*parts))


def words_of(typed: str) -> tuple[str, ...]:
    """The words and "quoted phrases" of what was typed, without control characters, at most eight."""
    clean = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in typed[:LONGEST_TEXT])
    found = (" ".join((phrase or word).split()) for phrase, word in _WORD.findall(clean))
    return tuple(dict.fromkeys(word for word in found if word))[:MOST_WORDS]


def _incident_query(typed: str) -> tuple[int | None, int | None, tuple[str, ...]]:
    """The one incident that is meant, the number that may be meant, the words."""
    words = words_of(typed)
    whole = " ".join(words)
    key, number = _KEY.fullmatch(whole), _NUMBER.fullmatch(whole)
    if key:
        return _id(key), None, words
    if number and len(whole) < SHORTEST_INDEXED:
        return _id(number), None, words
    return None, _id(number) if number else None, words


def _id(match: re.Match[str]) -> int:
    """The number, or 0 (which no row has) when no row can have it."""
    number = int(match[1])
    return number if number <= LARGEST_ID else 0


def _sqlite() -> bool:
    return bool(db.engine.dialect.name == "sqlite")


def _indexed(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if len(word) >= SHORTEST_INDEXED)


def _condition(id_column: Any, fts: str, columns: Sequence[Any], words: Sequence[str]) -> ColumnElement[bool] | None:
    """All words occur in the columns taken together."""
    if not words:
        return None
    if not _sqlite():
        return and_(*(_like(columns, word) for word in words))
    indexed = _indexed(words)
    parts = [_like(columns, word) for word in words if word not in indexed]
    if indexed:
        rows: Select[Any] = select(column("rowid")).select_from(table(fts)).where(_match(fts, indexed))
        parts.insert(0, id_column.in_(rows))
    return and_(*parts)


def _match(fts: str, words: Sequence[str]) -> ColumnElement[bool]:
    """FTS5 strings are in double quotes, doubled inside; strings side by side mean all of them."""
    query = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    found: ColumnElement[bool] = literal_column(fts).op("MATCH", is_comparison=True)(bindparam(None, query))
    return found


def _like(columns: Sequence[Any], word: str) -> ColumnElement[bool]:
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
    if _sqlite():
        # LIKE ignores case here by itself; ILIKE would be written as lower() of every row.
        return or_(*(each.like(pattern, escape="\\") for each in columns))
    # The backslash is PostgreSQL's own default; saying so would hide the pattern from the index.
    return or_(*(each.ilike(pattern) for each in columns))


def _have_trigrams(connection: Connection) -> bool:
    available = connection.scalar(text("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"))
    if not available:
        return False
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(POSTGRES_EXTENSION)
    except exc.DBAPIError:
        return False
    return True
