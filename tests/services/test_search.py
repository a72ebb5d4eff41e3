"""Searching by text: the same answers on both databases, whatever is typed."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, text

from extensions import db
from models import Connection, Incident, IntegrationUser
from providers.base import utcnow
from services import incident_lists, incidents, search, store
from services.actors import COMMAND_LINE
from services.incident_lists import Filters
from services.incidents import Draft

pytestmark = pytest.mark.usefixtures("app")

AWKWARD = [
    '"',
    '""',
    '" OR 1=1 --',
    "'; DROP TABLE incidents; --",
    "NEAR(",
    "NOT",
    "title:disk",
    "a AND",
    "*",
    "disk*",
    "^disk",
    "-disk",
    "(",
    "{",
    "%",
    "_",
    "\\",
    "100\\%",
    "\x00",
    "di\x00sk",
    "\ud800abc",
    "日本語",
    "ü",
    "🔥🔥🔥",
    "x" * 5000,
    "a b c d e f g h i j k l m",
    "99999999999999999999",
    "INC-99999999999",
    "INC-0",
    "0",
]


def add(title: str, description: str = "") -> Incident:
    return incidents.create(COMMAND_LINE, Draft(title=title, description=description))


def found(typed: str, sort: str = "newest") -> list[str]:
    """Titles the list shows, whichever way it reads them."""
    return [row.title for row in incident_lists.page(Filters.of({"q": typed, "sort": sort})).items]


@pytest.fixture(params=["newest", "oldest", "updated", "severity"])
def sort(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def test_all_words_must_occur_in_any_order_and_case(sort: str) -> None:
    add("Disk full on db-01", "The volume is at 99 %")
    add("Disk slow on web-02")
    assert found("FULL disk", sort) == ["Disk full on db-01"]
    assert found("volume disk", sort) == ["Disk full on db-01"]
    assert found("volume slow", sort) == []
    assert len(found("disk", sort)) == 2


def test_parts_of_words_are_found(sort: str) -> None:
    add("Database unreachable")
    assert found("tabas", sort) == ["Database unreachable"]


def test_quotes_hold_words_together(sort: str) -> None:
    add("Login failed twice")
    add("Failed backup, login later")
    assert found('"login failed"', sort) == ["Login failed twice"]
    assert len(found("login failed", sort)) == 2


def test_words_shorter_than_the_index_are_found(sort: str) -> None:
    add("CI is red")
    add("Nothing here")
    assert found("ci", sort) == ["CI is red"]
    assert found("ci red", sort) == ["CI is red"]
    assert found("ci green", sort) == []


def test_percent_underscore_and_backslash_are_plain_characters() -> None:
    add("Disk at 99% full")
    add("Disk at 99 full")
    add("file_name")
    add("fileXname")
    add(r"share \\nas")
    assert found("9%") == ["Disk at 99% full"]
    assert found("99% full") == ["Disk at 99% full"]
    assert found("file_name") == ["file_name"]
    assert found("_") == ["file_name"]
    assert found("\\") == [r"share \\nas"]
    assert found(r"\\nas") == [r"share \\nas"]


def test_accents_and_other_scripts_are_found() -> None:
    add("Störung der Anmeldung")
    add("障害が発生しました")
    assert found("störung") == ["Störung der Anmeldung"]
    assert found("障害が") == ["障害が発生しました"]
    assert found("障害") == ["障害が発生しました"]


@pytest.mark.parametrize("typed", AWKWARD)
def test_nothing_typed_breaks_it(typed: str, sort: str) -> None:
    add("disk")
    filters = Filters.of({"q": typed, "sort": sort})
    incident_lists.page(filters)
    incident_lists.count(filters)


def test_a_key_means_that_incident() -> None:
    first = add("First")
    add(f"Follows {first.key}")
    assert found(first.key) == ["First"]
    assert found(f"inc {first.id}") == ["First"]
    assert "First" in found(str(first.id))
    assert found("INC-4711") == []


def test_a_long_number_means_the_incident_or_the_text() -> None:
    add("Event 4625 seen")
    assert found("4625") == ["Event 4625 seen"]


def test_an_empty_search_shows_everything() -> None:
    add("One")
    assert search.incidents("  ") is None
    assert found('""') == ["One"]


def test_edits_and_removals_reach_the_index() -> None:
    incident = add("Printer broken", "paper jam")
    incidents.update(COMMAND_LINE, incident.id, Draft(title="Scanner broken", source="Manual"), version=1)
    assert found("printer") == []
    assert found("paper jam") == []
    assert found("scanner") == ["Scanner broken"]
    with store.write() as session:
        session.delete(session.get(Incident, incident.id))
    assert found("scanner") == []


def test_the_index_can_be_made_again_over_existing_rows(app: Flask) -> None:
    add("Already here")
    with db.engine.connect().execution_options(write=True) as connection, connection.begin():
        search.apply_ddl(connection)
    assert found("already") == ["Already here"]


def test_people_are_found_by_name_and_address() -> None:
    now = utcnow()
    with store.write() as session:
        connection = Connection(provider_key="none", slug="s", auth_method="m", created_at=now, updated_at=now)
        session.add(connection)
        session.flush()
        for name, email in (("Ada Lovelace", "ada@example.com"), ("Alan Turing", "alan@corp.example")):
            person = IntegrationUser(
                connection_id=connection.id,
                email=email,
                name=name,
                external_username=email,
                external_id=email,
                checked_at=now,
                created_at=now,
            )
            session.add(person)

    def people(typed: str) -> list[str]:
        condition = search.integration_users(typed)
        assert condition is not None
        return list(db.session.scalars(select(IntegrationUser.name).where(condition)))

    assert people("love") == ["Ada Lovelace"]
    assert people("turing corp") == ["Alan Turing"]
    assert people("al") == ["Alan Turing"]
    assert people("42") == []


def test_a_search_in_list_order_starts_at_the_index() -> None:
    if db.engine.dialect.name != "sqlite":
        assert search.incidents_walk("disk") is None
        return
    walk = search.incidents_walk("disk")
    assert walk is not None
    statement = select(Incident.id).select_from(walk.source).where(walk.condition).order_by(walk.id.desc()).limit(51)
    compiled = str(statement.compile(db.engine, compile_kwargs={"literal_binds": True}))
    plan = [row[3] for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]
    assert plan[0].startswith("SCAN incidents_fts"), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
