"""Many records of a table by their ids with one call, each proven to be one that was asked for.

Source: ServiceNow's Table API pages. A term with an unknown field is dropped without a word, so a search by id may
answer with other records; the limit counts before the access rules, so an answer may hold fewer rows than match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.errors import NotAllowed, ProviderError, UnexpectedAnswer
from providers.servicenow import query
from providers.servicenow.answers import value
from providers.servicenow.wire import Wire


@dataclass(frozen=True)
class Batch:
    """Rows by sys_id, and how many more match that this account may not see; None when ServiceNow gave no count."""

    rows: Mapping[str, Mapping[str, Any]]
    hidden: int | None


def usable(sys_ids: Iterable[str]) -> list[str]:
    """The ids that can be asked for, each once."""
    return [sys_id for sys_id in dict.fromkeys(sys_ids) if query.SYS_ID.fullmatch(sys_id)]


def read(wire: Wire, table: str, sys_ids: Iterable[str], fields: Sequence[str], *, show: str = "") -> Batch:
    """The rows of a table with these ids; no call when none of them is one.

    Args:
        wire: the instance.
        table: the table to read.
        sys_ids: at most a page of ids.
        fields: columns to read; `sys_id` must be among them.
        show: "all" asks for display values too.

    Raises:
        UnexpectedAnswer: ServiceNow ignored what was searched for, so that a missing row proves nothing.
        NotAllowed: the account may not read the table, or not its ids.
        ProviderError: what else can go wrong on the way.
    """
    wanted = usable(sys_ids)
    if not wanted:
        return Batch({}, 0)
    page = wire.rows(table, query.among("sys_id", wanted), fields, limit=len(wanted), show=show)
    found = {value(row.get("sys_id")): row for row in page.rows}
    rows = {sys_id: found[sys_id] for sys_id in wanted if sys_id in found}
    strange = len(page.rows) > len(rows)
    if strange and len(rows) < len(wanted):
        raise _proves_nothing(table, page.rows)
    if page.total is None or strange or page.total > len(wanted):
        return Batch(rows, None)
    return Batch(rows, max(page.total - len(rows), 0))


def _proves_nothing(table: str, rows: Sequence[Mapping[str, Any]]) -> ProviderError:
    if all(value(row.get("sys_id")) for row in rows):
        return UnexpectedAnswer(
            "ServiceNow ignored the search for ids and answered with other records.",
            next_step="Patchpanel looks again later.",
            vendor_status=200,
        )
    return NotAllowed(
        f"The ServiceNow account may not see the ids of {table} records.",
        next_step="A ServiceNow administrator must let it read the field sys_id.",
        missing=(f"read {table}.sys_id",),
    )
