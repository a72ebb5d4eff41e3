"""Incidents in lists: filters, orders, pages, neighbours. Plain rows, and a fixed number of queries at every size."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select, tuple_

from extensions import db
from models import SEVERITY_RANK, Incident, IncidentStatus, Severity
from services import paging, search

PAGE_SIZE = 50
COUNTED = 1_000
MOST_SOURCES = 100
SORTS = {"newest": "Newest first", "oldest": "Oldest first", "updated": "Recently updated", "severity": "Most severe"}
TICKET_CHOICES = {"with": "With ticket", "without": "Without ticket"}
COLUMNS = (
    Incident.id,
    Incident.title,
    Incident.severity,
    Incident.severity_rank,
    Incident.status,
    Incident.source,
    Incident.has_ticket,
    Incident.updated_at,
)


@dataclass(frozen=True)
class Filters:
    """What the list shows and in which order, as the address of the page says it."""

    q: str = ""
    status: str = ""
    severity: str = ""
    source: str = ""
    ticket: str = ""
    sort: str = "newest"

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Filters:
        """Read them from a query string; what is not known counts as not said."""
        allowed: dict[str, Container[str]] = {
            "status": list(IncidentStatus),
            "severity": list(Severity),
            "ticket": TICKET_CHOICES,
            "sort": SORTS,
        }
        given = {field.name: values.get(field.name, "").replace("\x00", "").strip() for field in fields(cls)}
        kept = {name: value for name, value in given.items() if name not in allowed or value in allowed[name]}
        kept["q"] = kept["q"][: search.LONGEST_TEXT]
        return cls(**{**kept, "sort": kept.get("sort") or "newest"})

    def query(self) -> dict[str, str]:
        """What belongs into an address: everything that differs from the plain list."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in said.items() if value and (name, value) != ("sort", "newest")}

    @property
    def narrow(self) -> bool:
        """Whether anything may be hidden by them."""
        return any((self.q, self.status, self.severity, self.source, self.ticket))


@dataclass(frozen=True)
class Count:
    """How many there are; `more` when counting stopped at `number`."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number:,}" + ("+" if self.more else "")


@dataclass(frozen=True)
class Neighbours:
    """The incidents before and after one in a list; None at its ends."""

    previous_id: int | None
    next_id: int | None


def page(filters: Filters, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> paging.Page[Any]:
    """One page of rows of COLUMNS. Raises Refused when the cursor is not one of ours."""
    statement, order = _list(filters, *COLUMNS)
    return paging.page(statement, order, cursor=cursor, limit=limit, scalars=False)


def count(filters: Filters) -> Count:
    """How many match, counted up to a thousand: more would cost time that grows with the table."""
    # The order does not matter here, and this one can stop early in the search index.
    statement, _ = _list(replace(filters, sort="newest"), Incident.id)
    found = db.session.scalar(select(func.count()).select_from(statement.limit(COUNTED + 1).subquery())) or 0
    return Count(min(found, COUNTED), found > COUNTED)


def sources() -> list[str]:
    """The first hundred sources by name.

    Each step jumps through the index to the next different source ("loose index scan"), so it costs one look per source
    and not one per incident; neither database does that for DISTINCT by itself.
    """
    steps = select(func.min(Incident.source).label("source")).cte("steps", recursive=True)
    following = select(func.min(Incident.source)).where(Incident.source > steps.c.source).scalar_subquery()
    steps = steps.union_all(select(following).where(steps.c.source.is_not(None)))
    statement = select(steps.c.source).where(steps.c.source.is_not(None)).limit(MOST_SOURCES)
    return list(db.session.scalars(statement))


def neighbours(incident: Incident, filters: Filters) -> Neighbours:
    """The incidents beside this one in the list these filters give, in its order."""
    return Neighbours(_beside(incident, filters, before=True), _beside(incident, filters, before=False))


def _list(filters: Filters, *columns: Any) -> tuple[Select[Any], list[paging.Order]]:
    """The statement without order and limit, and the order it is to be read in."""
    by_id = filters.sort in ("newest", "oldest")
    walk = search.incidents_walk(filters.q) if by_id else None
    if walk is not None:
        statement = select(*columns, walk.id).select_from(walk.source).where(walk.condition)
        order = [paging.Order(walk.id, filters.sort == "newest")]
    else:
        found = search.incidents(filters.q)
        statement = select(*columns) if found is None else select(*columns).where(found)
        order = _order(filters.sort)
    return statement.where(*_conditions(filters)), order


def _order(sort: str) -> list[paging.Order]:
    by_id = paging.Order(Incident.id, sort != "oldest")
    first = {"updated": Incident.updated_at, "severity": Incident.severity_rank}.get(sort)
    return [by_id] if first is None else [paging.Order(first, True), by_id]


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status:
        conditions.append(Incident.status == filters.status)
    if filters.severity:
        # The rank has the index, the name follows from it.
        conditions.append(Incident.severity_rank == SEVERITY_RANK[Severity(filters.severity)])
    if filters.source:
        conditions.append(Incident.source == filters.source)
    if filters.ticket:
        conditions.append(Incident.has_ticket.is_(filters.ticket == "with"))
    return conditions


def _beside(incident: Incident, filters: Filters, *, before: bool) -> int | None:
    statement, order = _list(filters, Incident.id)
    # The order may name the search index's own copy of the id; the values are the incident's in any case.
    values = [incident.id if each is order[-1] else getattr(incident, each.column.key) for each in order]
    descending = order[0].descending != before
    # Compared as one row value, both databases enter the index at the right place; all our orders run one way.
    here = tuple_(*(bindparam(None, value, each.column.type) for value, each in zip(values, order, strict=True)))
    place = tuple_(*(each.column for each in order))
    ordered = statement.where(place < here if descending else place > here)
    ordered = ordered.order_by(*(each.column.desc() if descending else each.column.asc() for each in order))
    row = db.session.execute(ordered.limit(1)).first()
    return None if row is None else int(row[0])
