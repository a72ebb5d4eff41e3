"""What the System info page and /readyz tell about this installation."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from config import INSTANCE
from extensions import db
from models import Attempt, Connection, Event, Incident, IntegrationUser, Session, Ticket, User
from providers.base import utcnow
from services import keys
from services.runtime import settings

# Few rows: counted. Many rows: the span of the numbers, which costs two index look-ups however many there are.
_SMALL: tuple[tuple[str, InstrumentedAttribute[int]], ...] = (
    ("Users", User.id),
    ("Signed-in browsers", Session.id),
    ("Connections", Connection.id),
    ("Integration users", IntegrationUser.id),
)
_LARGE: tuple[tuple[str, InstrumentedAttribute[int]], ...] = (
    ("Incidents", Incident.id),
    ("Tickets", Ticket.id),
    ("Outbound calls", Attempt.id),
    ("Audit events", Event.id),
)


@dataclass(frozen=True)
class TableSize:
    """Rows of a table; `about` when it is an upper bound."""

    label: str
    rows: int
    about: bool


@dataclass(frozen=True)
class Database:
    """The database and its schema."""

    kind: str
    place: str
    size_bytes: int
    revision: str
    head: str
    tables: Sequence[TableSize]

    @property
    def up_to_date(self) -> bool:
        """Whether the schema is the one this version of the program needs."""
        return self.revision == self.head


@dataclass(frozen=True)
class Info:
    """Everything the page shows, secrets left out. `warnings` are sentences with a next step."""

    version: str
    database: Database
    keys: Sequence[keys.KeyState]
    warnings: Sequence[str]


@lru_cache(maxsize=1)
def version() -> str:
    """The version of this program."""
    project = tomllib.loads((Path(current_app.root_path) / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


@lru_cache(maxsize=1)
def head() -> str:
    """The schema revision this program needs; empty when there are no migrations."""
    return ScriptDirectory(str(migrations_folder())).get_current_head() or ""


def migrations_folder() -> Path:
    """Where the migrations lie, whatever the working directory is."""
    return Path(current_app.root_path) / "migrations"


def revision() -> str:
    """The schema revision of the database; empty when it was never prepared.

    Raises SQLAlchemyError when the database cannot be reached or has no schema at all.
    """
    return str(db.session.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or "")


def readiness() -> list[str]:
    """Why this process cannot do its work, as sentences; empty when it can. Providers are not part of it."""
    found = [*_schema_problems()]
    ring = keys.problem()
    if ring:
        found.append(ring)
    return found


def _schema_problems() -> list[str]:
    try:
        now = revision()
    except SQLAlchemyError as error:
        db.session.rollback()
        if _reachable():
            return ["The database has no tables yet. Run “flask --app app prepare”."]
        return [f"The database cannot be reached ({error.__class__.__name__})."]
    if now != head():
        return [f"The database schema is at revision {now or 'none'}, not {head()}. Run “flask --app app prepare”."]
    return []


def _reachable() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return False
    return True


def info(*, reached_under: str) -> Info:
    """All facts of the page in a handful of queries.

    Args:
        reached_under: scheme, host and port the browser used, to compare with the public address.
    """
    states = keys.listed()
    return Info(
        version=version(),
        database=_database(),
        keys=states,
        warnings=[*_key_warnings(states), *_address_warnings(reached_under)],
    )


def _database() -> Database:
    url = db.engine.url
    is_sqlite = db.engine.dialect.name == "sqlite"
    return Database(
        kind=_kind(),
        place=str(url.database) if is_sqlite else f"{url.host or 'local socket'}, database {url.database}",
        size_bytes=_size(is_sqlite),
        revision=revision(),
        head=head(),
        tables=_tables(),
    )


def _kind() -> str:
    dialect = db.engine.dialect
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(dialect.name, dialect.name)
    return f"{name} {'.'.join(str(part) for part in dialect.server_version_info or ())}".strip()


def _size(is_sqlite: bool) -> int:
    if is_sqlite:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        query = "SELECT pg_database_size(current_database())"
    return int(db.session.execute(text(query)).scalar_one())


def _tables() -> Sequence[TableSize]:
    counts = [select(func.count(column)).scalar_subquery() for _, column in _SMALL]
    spans = [
        select(func.coalesce(func.max(column) - func.min(column) + 1, 0)).scalar_subquery() for _, column in _LARGE
    ]
    rows = db.session.execute(select(*counts, *spans)).one()
    labels = [(label, False) for label, _ in _SMALL] + [(label, True) for label, _ in _LARGE]
    return [TableSize(label, int(number), about) for (label, about), number in zip(labels, rows, strict=True)]


def _key_warnings(states: Sequence[keys.KeyState]) -> list[str]:
    now = settings()
    found = [keys.problem()] if keys.problem() else []
    missing = [state for state in states if not state.present]
    if missing:
        found.append(
            f"{sum(state.credentials for state in missing)} stored credentials need a key that is not in the key ring "
            f"({', '.join(state.id for state in missing)}). Restore that key, or open the connections under "
            "Organization, Integrations and type their secrets again."
        )
    if keys.open_to_others():
        found.append(f"Other accounts of this machine may read the key ring. Run: chmod 600 {now.keyring_file}")
    if now.keyring_file.parent == INSTANCE and not now.sandbox_file:
        found.append(
            "The key ring lies beside the data it protects. Move it elsewhere: copy "
            f"{now.keyring_file.name} out of instance/, name its new place in PATCHPANEL_KEYRING_FILE and start again. "
            "Keep a copy apart from your backups: without it the stored credentials cannot be opened."
        )
    return found


def _address_warnings(reached_under: str) -> list[str]:
    public = settings().base_url
    if reached_under.rstrip("/") == public:
        return []
    return [
        f"You reached this page at {reached_under}, but the public address is {public}. Links and call-back addresses "
        "use the public address: set PATCHPANEL_BASE_URL to the one people use."
    ]


def process() -> int:
    """Number of the process that answers."""
    return os.getpid()


def now_text() -> str:
    """The time here, to compare with other machines."""
    return utcnow().strftime("%Y-%m-%d %H:%M:%S UTC")
