"""`python -m bench.queries SIZE`: SQL statements per page, counted inside one process, and cursors to the last pages.

Works on the installation of the environment; prints JSON. Statements that only begin or end a transaction do not
count. Each page is fetched twice and the second time counts: the first may fill a cache or note that somebody was seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import event, select

from app import create_app
from bench import addresses
from bench.browser import TOKEN, Unexpected
from bench.processes import EMAIL, PASSWORD
from extensions import db
from models import Incident, IntegrationUser
from services import paging

LAST = 51  # the page after the 51st row from the end holds 50 rows


def main(size: int) -> dict[str, Any]:
    """Returns `cursors` by list and `queries` by page."""
    app = create_app()
    with app.app_context():
        engine, cursors = db.engine, _cursors()
        db.session.remove()
    client = app.test_client()
    _sign_in(client)
    counts = {}
    for name, path in {**addresses.pages(size), **addresses.lists(cursors)}.items():
        _get(client, path)
        with counted(engine) as statements:
            _get(client, path)
        counts[name] = len(statements)
    return {"cursors": cursors, "queries": counts}


def _cursors() -> dict[str, str]:
    """Cursors to the last page: read from the other end, where they cost nothing."""
    rank = paging.Order(Incident.severity_rank)
    wanted = {
        "incidents": (select(Incident.id), [paging.Order(Incident.id)]),
        "severity": (select(Incident.severity_rank, Incident.id), [rank, paging.Order(Incident.id)]),
        "people": (
            select(IntegrationUser.name, IntegrationUser.id),
            [paging.Order(IntegrationUser.name, True), paging.Order(IntegrationUser.id, True)],
        ),
    }
    found = {}
    for name, (statement, order) in wanted.items():
        page = paging.page(statement, order, limit=LAST, scalars=False)
        assert page.next_cursor is not None, f"{name}: fewer rows than one page"
        found[name] = page.next_cursor
    return found


@contextmanager
def counted(engine: Any) -> Iterator[list[str]]:
    """Collect the statements the engine runs."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _sign_in(client: FlaskClient) -> None:
    found = TOKEN.search(_get(client, "/sign-in"))
    assert found is not None, "no form token on the sign-in page"
    answer = client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "csrf_token": found[1]})
    if answer.status_code != 303:
        raise Unexpected(f"signing in answered {answer.status_code}")


def _get(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    if answer.status_code != 200:
        raise Unexpected(f"GET {path} answered {answer.status_code}")
    return answer.get_data(as_text=True)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
