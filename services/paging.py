"""Keyset paging: a page costs the same however deep it lies."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_, tuple_
from sqlalchemy.exc import DBAPIError, StatementError

from extensions import db
from services.errors import Refused

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list; the cursors are None at the ends."""

    items: Sequence[Item]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True)
class Order:
    """One sort column. The last one of an order must be unique."""

    column: Any
    descending: bool = False


def page(
    statement: Select[Any], order: Sequence[Order], *, cursor: str | None = None, limit: int = 50, scalars: bool = True
) -> Page[Any]:
    """Run `statement` for one page.

    Args:
        order: the sort columns; their values must be part of the selected rows (entities or columns of the same name).
        cursor: from an earlier Page; None for the first page.
        scalars: True when the statement selects one entity, False for rows of columns.

    Raises:
        Refused: the cursor is not one of ours.
    """
    backwards, values = _decode(cursor, len(order)) if cursor else (False, None)
    steps = [Order(o.column, o.descending != backwards) for o in order]
    if values is not None:
        statement = statement.where(_after(steps, values))
    ordered = statement.order_by(*(o.column.desc() if o.descending else o.column.asc() for o in steps))
    try:
        result = db.session.execute(ordered.limit(limit + 1))
    except (DBAPIError, StatementError):
        if not cursor:
            raise
        # A cursor somebody changed by hand: of the wrong type, or a number no column holds.
        db.session.rollback()
        raise _no_cursor() from None
    rows = list(result.unique().scalars() if scalars else result)
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    has_next, has_previous = (bool(cursor), more) if backwards else (more, bool(cursor))
    return Page(
        rows,
        _encode(False, rows[-1], order) if rows and has_next else None,
        _encode(True, rows[0], order) if rows and has_previous else None,
    )


def _after(steps: Sequence[Order], values: Sequence[Any]) -> ColumnElement[bool]:
    """(a, b) after (x, y): a after x, or a equal x and b after y.

    Columns that all run the same way are compared as one row: only then do the databases enter an index at the place.
    """
    if len({step.descending for step in steps}) == 1:
        row = tuple_(*(step.column for step in steps))
        return row < tuple_(*values) if steps[0].descending else row > tuple_(*values)
    choices = []
    for position, step in enumerate(steps):
        equal = [earlier.column == value for earlier, value in zip(steps[:position], values, strict=False)]
        beyond = step.column < values[position] if step.descending else step.column > values[position]
        choices.append(and_(*equal, beyond))
    return or_(*choices)


def _encode(backwards: bool, row: Any, order: Sequence[Order]) -> str:
    values = [_plain(getattr(row, o.column.key)) for o in order]
    return base64.urlsafe_b64encode(json.dumps([int(backwards), *values]).encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return {"t": value.isoformat()} if isinstance(value, dt.datetime) else value


def _decode(cursor: str, expected: int) -> tuple[bool, list[Any]]:
    try:
        backwards, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if len(values) != expected:
            raise ValueError
        return bool(backwards), [dt.datetime.fromisoformat(v["t"]) if isinstance(v, dict) else v for v in values]
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise _no_cursor() from None


def _no_cursor() -> Refused:
    return Refused("This page address is not valid any more. Start again from the first page.")
