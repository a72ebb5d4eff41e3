"""Everything that comes out of the product: answers, logs, pages, the database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from extensions import db
from models import Attempt, Connection, Ticket


@dataclass
class Heard:
    """Everything that came out of the product: whole answers with their headers."""

    answers: list[str] = field(default_factory=list)

    def note(self, address: str, answer: TestResponse) -> None:
        """Keep an answer."""
        self.answers.append(f"{address}\n{answer.status}\n{answer.headers}\n{answer.get_data(as_text=True)}")


def addresses(app: Flask, method_key: str) -> list[str]:
    """Every address that can be opened, with every row there is and this way to sign in."""
    db.session.rollback()
    rows = {
        "connection_id": db.session.scalars(select(Connection.id)).all(),
        # Each outcome once: the rows themselves are searched in the database.
        "attempt_id": db.session.scalars(select(func.min(Attempt.id)).group_by(Attempt.status, Attempt.message)).all(),
        "ticket_id": db.session.scalars(select(Ticket.id)).all(),
        "incident_id": db.session.scalars(select(Ticket.incident_id)).all(),
    }
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint.startswith("static"):
            continue
        if rule.arguments == {"incident_id", "ticket_id"}:
            pairs = zip(rows["incident_id"], rows["ticket_id"], strict=True)
            found += [_filled(rule.rule, incident_id=i, ticket_id=t) for i, t in pairs]
        elif len(rule.arguments) == 1:
            name = next(iter(rule.arguments))
            found += [_filled(rule.rule, **{name: value}) for value in rows.get(name, [1])]
        else:
            found.append(_filled(rule.rule, provider_key="jira", method_key=method_key))
    return found


def _filled(rule: str, **values: Any) -> str:
    return re.sub(r"<(?:[^:<>]*:)?([^<>]+)>", lambda found: str(values.get(found.group(1), 1)), rule)


def stored_text(app: Flask) -> str:
    """The whole database: every column of every row as text, and for SQLite the bytes of its files too."""
    db.session.rollback()
    parts = []
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(text(f'SELECT * FROM "{table.name}"')):  # noqa: S608 - our own table names
            parts.append(f"{table.name} {tuple(row)!r} {json.dumps([str(value) for value in row], ensure_ascii=False)}")
    url = db.engine.url
    if url.database and db.engine.dialect.name == "sqlite":
        for file in Path(url.database).parent.glob(Path(url.database).name + "*"):
            parts.append(file.read_bytes().decode("utf-8", "replace"))
    return "\n".join(parts)
