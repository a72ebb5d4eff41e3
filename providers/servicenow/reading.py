"""Reading task records back: one, or many at once, and what it means that one is missing.

Source: ServiceNow's Table API pages; KB0696108 on state labels. An external id is a sys_id, with the table in front
unless it is an incident (`records.external_id`). A batch makes one call per table it touches, which is one call for
most connections. The base table `task` would answer for all of them together, but with its own labels for the states
(-5 is "Pending" there and "New" for a change request), and under other access rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from providers.capabilities import ReadsStatus
from providers.errors import InvalidInput, NotAllowed, NotFound, ProviderError
from providers.servicenow import batches, query, records
from providers.servicenow.answers import value
from providers.servicenow.wire import Page, Wire
from providers.values import TicketStatus

# What is asked for, by external id: its table and its sys_id.
Places = Mapping[str, tuple[str, str]]
_CLASS = ("sys_id", "sys_class_name")


class Reading(ReadsStatus):
    """The part of the client that reads tickets back."""

    # 100 ids make an address of about 4,000 characters.
    batch_size = 100
    door: Any
    base: str
    _wire: Wire

    def read_ticket(self, reference: str) -> TicketStatus:
        """The record now, also when it was moved to another table.

        ServiceNow answers 404 for a deleted record and for one that access rules hide. Its count of matches is made
        before the access rules and gives a hidden record away, except where the instance sends no count, closes the
        base table, or hides the record by a query rule or domain: such a record looks deleted.

        Raises:
            NotFound: the record is gone, or hidden without a trace.
            NotAllowed: the record exists, or its table does, and this account may not see it.
            ProviderError: what else can go wrong on the way.
        """
        self.door.purpose = "read ticket"
        table, name = records.located(reference)
        try:
            if not query.SYS_ID.fullmatch(name):
                return self._by_number(table, name)
            return self._by_id(table, name)
        except InvalidInput as error:
            if error.vendor_status != 400 or "table" not in error.field_errors:
                raise
            raise _gone(name) from error

    def _by_id(self, table: str, sys_id: str) -> TicketStatus:
        try:
            return self._record(table, sys_id)
        except NotFound as error:
            return self._record(self._elsewhere(table, sys_id, error), sys_id)

    def _record(self, table: str, sys_id: str) -> TicketStatus:
        return records.status(self._wire.record(table, sys_id, records.STATUS_FIELDS), table, self.base, "")

    def _elsewhere(self, table: str, sys_id: str, absent: NotFound) -> str:
        """The table a record was moved to. Raises `absent`, or NotAllowed when it is there and only hidden."""
        try:
            found = batches.read(self._wire, records.BASE_TABLE, [sys_id], _CLASS)
        except (NotAllowed, NotFound, InvalidInput):
            raise absent from None
        if sys_id in found.rows:
            own = value(found.rows[sys_id].get("sys_class_name"))
            return own if own and own != table else records.BASE_TABLE
        if found.hidden:
            raise _hidden(sys_id)
        raise absent

    def _by_number(self, table: str, number: str) -> TicketStatus:
        terms = query.equals("number", number)
        page = self._wire.rows(table, terms, records.STATUS_FIELDS, limit=2, show="all")
        for row in page.rows:
            if value(row.get("number")) == number:
                return records.status(row, table, self.base, "")
        raise _hidden(number) if _only_hidden(page) else _gone(number)

    def read_tickets(self, external_ids: Sequence[str]) -> Mapping[str, TicketStatus]:
        """The records that can be seen now, by the id asked for, with one call per table.

        Only when some are missing, one more call asks the base table whether they were moved, and one per table reads
        those that were. A table that is closed or gone leaves its tickets out. Raises NotAllowed when every table is
        closed, ProviderError.
        """
        self.door.purpose = "read tickets"
        asked = _places(external_ids)
        found, refused = self._from_tables(asked)
        if refused and not found and len(refused) == len({table for table, _ in asked.values()}):
            raise refused[0]
        missing = {each: place for each, place in asked.items() if each not in found}
        moved, _ = self._from_tables(self._moved(missing))
        return {**found, **moved}

    def _from_tables(self, asked: Places) -> tuple[dict[str, TicketStatus], list[ProviderError]]:
        """What each table shows, and the refusals of the tables that are closed."""
        found: dict[str, TicketStatus] = {}
        refused: list[ProviderError] = []
        for table in dict.fromkeys(table for table, _ in asked.values()):
            here = {each: sys_id for each, (own, sys_id) in asked.items() if own == table}
            try:
                rows = batches.read(self._wire, table, here.values(), records.STATUS_FIELDS, show="all").rows
            except NotAllowed as error:
                refused.append(error)
                continue
            except InvalidInput as error:
                if "table" not in error.field_errors:
                    raise
                continue
            for each, sys_id in here.items():
                if sys_id in rows:
                    found[each] = records.status(rows[sys_id], table, self.base, "")
        return found, refused

    def _moved(self, missing: Places) -> Places:
        """Where those of the missing records are that stand in another table by now."""
        if not missing:
            return {}
        ids = [sys_id for _, sys_id in missing.values()]
        try:
            rows = batches.read(self._wire, records.BASE_TABLE, ids, _CLASS).rows
        except (NotAllowed, NotFound, InvalidInput):
            return {}
        owners = {sys_id: value(row.get("sys_class_name")) for sys_id, row in rows.items()}
        return {
            each: (owners[sys_id], sys_id)
            for each, (table, sys_id) in missing.items()
            if owners.get(sys_id) and owners[sys_id] != table
        }


def _places(external_ids: Sequence[str]) -> Places:
    """Where each record stands; what cannot be an id of ours is left out, so that it does not stop the others."""
    places = {}
    for each in external_ids:
        with suppress(InvalidInput):
            places[each] = records.located(each)
    return places


def _only_hidden(page: Page) -> bool:
    """Whether a search for one record shows none although it counted one. More would be another search."""
    return page.total == 1 and not page.rows


def _hidden(name: str) -> NotAllowed:
    return NotAllowed(
        f"ServiceNow has the record {name}, but its access rules do not show it to this account.",
        next_step="A ServiceNow administrator must let the account read it.",
        missing=("read the record",),
    )


def _gone(name: str) -> NotFound:
    return NotFound(
        f"ServiceNow has no record {name}, or does not show it to this account.",
        next_step="Check the number, and that the account may see it.",
        vendor_status=404,
    )
