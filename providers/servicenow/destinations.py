"""Where records can be made: task tables, and what each wants to be filled in.

What the account may not read is left out: the dictionary, choice lists and policies are often closed to an integration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from providers.errors import InvalidInput, NotAllowed, NotFound, ProviderError
from providers.servicenow import fields, query
from providers.servicenow.answers import value
from providers.servicenow.records import BASE_TABLE, DEFAULT_TABLE
from providers.servicenow.wire import Page, Wire
from providers.values import Choice, DestinationField, DestinationSchema

STANDARD = (
    Choice(DEFAULT_TABLE, "Incident"),
    Choice("change_request", "Change request"),
    Choice("problem", "Problem"),
    Choice("sc_task", "Catalog task"),
)
# A reference to a table with more records than this is not offered as a list.
SMALL = 50
MOST_GROUPS = 200
_DICTIONARY = (
    "name", "element", "column_label", "internal_type", "reference", "choice", "max_length", "mandatory", "read_only",
    "default_value",
)  # fmt: skip
_PARENTS = ("super_class.name", "super_class.super_class.name", "super_class.super_class.super_class.name")
_COLUMN = re.compile(r"[a-z][a-z0-9_]*")


class Destinations:
    """Reads the lists behind the choices of a ticket's destination."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def tables(self) -> list[Choice]:
        """The delivered task tables, then those of the instance that web services may create in. Raises ProviderError
        when nothing can be read because of more than a missing permission.
        """
        terms = query.both(query.equals("super_class.name", BASE_TABLE), "ORDERBYlabel")
        names = ("name", "label", "super_class.name", "ws_access", "create_access")
        standard = {choice.value for choice in STANDARD}
        found = [
            Choice(value(row.get("name")), value(row.get("label")) or value(row.get("name")))
            for row in self._readable("sys_db_object", terms, names)
            if value(row.get("super_class.name")) == BASE_TABLE and _open(row)
        ]
        return [*STANDARD, *(choice for choice in found if choice.value and choice.value not in standard)]

    def schema(self, table: str) -> DestinationSchema:
        """What a table wants. Raises ProviderError."""
        lineage = self._lineage(table)
        policies = self._policies(lineage)
        known = self._columns(table, lineage, policies)
        wanted = {name for name, column in known.items() if column.must_ask} | policies
        required = [known[name] for name in sorted(wanted - fields.OURS) if name in known]
        extra = [known[n] for n in fields.optional(table) if n in known and n not in wanted and not known[n].read_only]
        lists = self._lists([*required, *extra], lineage)
        asked = tuple(self._field(column, lists, required=True) for column in required)
        drawn = tuple(self._field(column, lists, required=False) for column in extra)
        offered = tuple(entry for entry in drawn if entry.kind is not fields.Kind.UNSUPPORTED)
        names = {entry.id for entry in (*asked, *offered)}
        severity = tuple(name for name in fields.SEVERITY if name in names)
        return DestinationSchema(asked, True, offered, severity)

    def labelled(self, table: str, labels: Sequence[str]) -> dict[str, str]:
        """Columns by the label a refusal used; labels nobody knows are made into a name. Raises nothing."""
        lineage: tuple[str, ...] = (table, BASE_TABLE)
        rows: Sequence[Mapping[str, Any]] = ()
        try:
            lineage = self._lineage(table)
            terms = query.both(query.among("name", lineage), query.among("column_label", labels))
            rows = self._readable("sys_dictionary", terms, ("name", "element", "column_label"))
        except ProviderError:
            # The refusal itself must reach the person, with or without the right names.
            pass
        known = {value(r.get("column_label")): value(r.get("element")) for r in rows if value(r.get("name")) in lineage}
        return {label: known.get(label) or label.lower().replace(" ", "_") for label in labels}

    def _lineage(self, table: str) -> tuple[str, ...]:
        """The table and those it extends."""
        rows = self._readable("sys_db_object", query.equals("name", table), ("name", *_PARENTS))
        own = next((row for row in rows if value(row.get("name")) == table), {})
        parents = [name for part in _PARENTS if (name := value(own.get(part)))]
        return tuple(dict.fromkeys((table, *(parents or (BASE_TABLE,)))))

    def _columns(self, table: str, lineage: Sequence[str], policies: set[str]) -> dict[str, fields.Column]:
        elements = (*fields.optional(table), *sorted(policies))
        either = f"mandatory=true^OR{query.among('element', elements)}"
        terms = query.both(query.among("name", lineage), "active=true", either)
        found = fields.columns(self._readable("sys_dictionary", terms, _DICTIONARY), lineage)
        return found or fields.without_dictionary(table)

    def _policies(self, lineage: Sequence[str]) -> set[str]:
        names = ("table", "field", "mandatory", "sys_data_policy.active", "sys_data_policy.conditions")
        terms = query.both(query.among("table", lineage), "mandatory=true")
        rows = self._readable("sys_data_policy_rule", terms, names)
        return {name for name in fields.demanded(rows, lineage) if _COLUMN.fullmatch(name)}

    def _lists(self, wanted: Sequence[fields.Column], lineage: Sequence[str]) -> Mapping[str, Sequence[Choice]]:
        """Choice lists of the columns that have one, in one call."""
        elements = [column.element for column in wanted if column.has_choices]
        if not elements:
            return {}
        terms = query.both(
            query.among("name", lineage),
            query.among("element", elements),
            "inactive=false",
            "language=en",
            "ORDERBYsequence",
        )
        rows = self._readable("sys_choice", terms, ("name", "element", "value", "label", "inactive"))
        found = fields.choices(rows, lineage)
        return {name: found.get(name) or fields.DELIVERED_CHOICES.get(name, ()) for name in elements}

    def _field(
        self, column: fields.Column, lists: Mapping[str, Sequence[Choice]], *, required: bool
    ) -> DestinationField:
        offered: Sequence[Choice] | None = lists.get(column.element)
        if column.type == "reference" and not column.person:
            offered = self._referenced(column.reference)
        return fields.field(column, offered, required=required)

    def _referenced(self, table: str) -> Sequence[Choice] | None:
        """The records of a small table; None when it is large or hidden."""
        groups = table == "sys_user_group"
        terms = "active=true^ORDERBYname" if groups else "ORDERBYname"
        limit = MOST_GROUPS if groups else SMALL + 1
        try:
            page = self.wire.all_rows(query.table(table), terms, ("sys_id", "name", "number"), most=limit)
        except (NotAllowed, NotFound, InvalidInput):
            return None
        if not groups and max(page.total or 0, len(page.rows)) > SMALL:
            return None
        return [Choice(value(row.get("sys_id")), _name(row)) for row in page.rows if value(row.get("sys_id"))] or None

    def _readable(self, table: str, terms: str, names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """All rows; none when this account may not read the table."""
        page: Page
        try:
            page = self.wire.all_rows(table, terms, names)
        except (NotAllowed, NotFound, InvalidInput):
            return ()
        return page.rows


def _open(row: Mapping[str, Any]) -> bool:
    """Whether web services may create records; an absent flag is one this account may not read."""
    return value(row.get("ws_access")) != "false" and value(row.get("create_access")) != "false"


def _name(row: Mapping[str, Any]) -> str:
    return value(row.get("name")) or value(row.get("number")) or value(row.get("sys_id"))
