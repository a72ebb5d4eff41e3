"""Lists of incidents: filters, orders, pages, neighbours, and what they cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from extensions import db
from models import Incident
from providers.base import utcnow
from services import incident_lists, incidents, store
from services.actors import COMMAND_LINE
from services.errors import Refused
from services.incident_lists import Filters
from services.incidents import Draft

pytestmark = pytest.mark.usefixtures("app")


def add(title: str, **details: str) -> Incident:
    return incidents.create(COMMAND_LINE, Draft(title=title, **details))


def many(count: int) -> None:
    """Rows with every mixture of values, some with the same time of change."""
    severities, start = ("critical", "high", "medium", "low"), utcnow() - dt.timedelta(days=1)
    with store.write() as session:
        for number in range(count):
            row = incidents.new_row(
                incidents.cleaned(
                    Draft(
                        title=f"Problem {number} {'disk' if number % 2 else 'network'}",
                        severity=severities[number % 4],
                        source=f"Source {number % 3}",
                        status="resolved" if number % 5 == 0 else "open",
                    )
                )
            )
            row.has_ticket = number % 3 == 0
            row.updated_at = start + dt.timedelta(minutes=(number * 7) % 10)
            session.add(row)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements sent inside the block."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def whole(filters: Filters, limit: int = 7) -> list[int]:
    """All ids of a list, page by page."""
    ids, cursor = [], None
    while True:
        page = incident_lists.page(filters, cursor=cursor, limit=limit)
        ids += [row.id for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


@pytest.mark.parametrize("sort", list(incident_lists.SORTS))
@pytest.mark.parametrize("q", ["", "disk", "problem network", "pr"])
def test_pages_show_each_incident_once_in_order(sort: str, q: str) -> None:
    many(40)
    ids = whole(Filters(q=q, sort=sort))
    assert len(ids) == len(set(ids)) == (20 if q in ("disk", "problem network") else 40)
    rows = {row.id: row for row in db.session.query(Incident)}
    keys = {
        "newest": lambda row: -row.id,
        "oldest": lambda row: row.id,
        "updated": lambda row: (-row.updated_at.timestamp(), -row.id),
        "severity": lambda row: (-row.severity_rank, -row.id),
    }
    assert ids == sorted(ids, key=lambda number: keys[sort](rows[number]))


@pytest.mark.parametrize("sort", list(incident_lists.SORTS))
@pytest.mark.parametrize("q", ["", "disk", "di"])
def test_neighbours_follow_the_list(sort: str, q: str) -> None:
    many(24)
    filters = Filters(q=q, status="open", sort=sort)
    ids = whole(filters)
    for position, number in enumerate(ids):
        beside = incident_lists.neighbours(incidents.get(COMMAND_LINE, number), filters)
        assert beside.previous_id == (ids[position - 1] if position else None)
        assert beside.next_id == (ids[position + 1] if position + 1 < len(ids) else None)


def test_pages_go_back_as_well() -> None:
    many(20)
    first = incident_lists.page(Filters(sort="updated"), limit=7)
    second = incident_lists.page(Filters(sort="updated"), cursor=first.next_cursor, limit=7)
    back = incident_lists.page(Filters(sort="updated"), cursor=second.previous_cursor, limit=7)
    assert first.previous_cursor is None
    assert [row.id for row in back.items] == [row.id for row in first.items]


def test_each_filter_narrows_the_list() -> None:
    many(60)
    everything = {row.id: row for row in db.session.query(Incident)}
    cases = {
        Filters(status="resolved"): lambda row: row.status == "resolved",
        Filters(severity="critical"): lambda row: row.severity == "critical",
        Filters(source="Source 2"): lambda row: row.source == "Source 2",
        Filters(ticket="with"): lambda row: row.has_ticket,
        Filters(ticket="without"): lambda row: not row.has_ticket,
        Filters(q="disk", severity="high", ticket="with"): lambda row: (
            "disk" in row.title and row.severity == "high" and row.has_ticket
        ),
    }
    for filters, fits in cases.items():
        expected = {number for number, row in everything.items() if fits(row)}
        assert expected
        assert set(whole(filters)) == expected, filters
        assert incident_lists.count(filters).number == len(expected)


def test_counting_stops_at_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    many(12)
    assert str(incident_lists.count(Filters())) == "12"
    monkeypatch.setattr(incident_lists, "COUNTED", 10)
    assert str(incident_lists.count(Filters())) == "10+"
    assert str(incident_lists.count(Filters(q="problem"))) == "10+"
    assert str(incident_lists.Count(1000, True)) == "1,000+"


def test_sources_are_listed_once_and_at_most_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    assert incident_lists.sources() == []
    many(12)
    add("By hand")
    assert incident_lists.sources() == ["Manual", "Source 0", "Source 1", "Source 2"]
    monkeypatch.setattr(incident_lists, "MOST_SOURCES", 2)
    assert incident_lists.sources() == ["Manual", "Source 0"]


def test_unknown_values_in_an_address_count_as_not_said() -> None:
    odd = Filters.of(
        {"status": "lost", "severity": "%", "ticket": "maybe", "sort": "id; DROP", "q": "a\x00b", "x": "y"}
    )
    assert odd == Filters(q="ab")
    assert odd.query() == {"q": "ab"}
    assert Filters.of({"sort": "newest"}).query() == {}


def test_a_bad_cursor_is_refused() -> None:
    with pytest.raises(Refused):
        incident_lists.page(Filters(), cursor="nonsense")


def test_a_page_costs_the_same_number_of_statements_at_every_size() -> None:
    costs = []
    for size in (5, 200):
        many(size)
        with counted() as sent:
            incident_lists.page(Filters(q="disk", status="open"))
            incident_lists.count(Filters(q="disk", status="open"))
            incident_lists.sources()
        costs.append(len([statement for statement in sent if statement != "BEGIN"]))
    assert costs == [3, 3]
