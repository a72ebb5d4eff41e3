"""A table's dictionary as destination fields, and typed values as what the Table API takes.

Source: ServiceNow's pages on the system dictionary (sys_dictionary), choice lists (sys_choice) and data policies
(sys_data_policy2, sys_data_policy_rule). A table inherits the columns, choices and policies of the tables it extends.
The dictionary's mandatory flag binds forms only; data policies bind the Table API too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.servicenow.answers import value
from providers.values import Choice, DestinationField, DestinationFieldKind, FieldValue

Kind = DestinationFieldKind
Row = Mapping[str, Any]

# Filled by us or by ServiceNow itself on every ticket; everything else that is mandatory must be asked for.
OURS = frozenset(
    {
        "short_description", "description", "correlation_id", "correlation_display", "caller_id", "requested_by",
        "assigned_to", "opened_by", "number", "state", "sys_id", "sys_class_name", "active", "opened_at",
    }
)  # fmt: skip
_COMMON = ("assignment_group", "urgency", "impact", "category")
# Priority is computed from urgency and impact on incidents and problems.
OPTIONAL = {
    "incident": _COMMON,
    "problem": _COMMON,
    "change_request": ("assignment_group", "priority", "impact", "category"),
}
OPTIONAL_ELSEWHERE = ("assignment_group", "urgency", "impact", "priority")
SEVERITY = ("urgency", "impact", "priority")
LABELS = {
    "assignment_group": "Assignment group",
    "urgency": "Urgency",
    "impact": "Impact",
    "priority": "Priority",
    "category": "Category",
}
# As delivered, for accounts that may not read choice lists (that takes the role personalize_choices).
_LEVELS = (Choice("1", "1 - High"), Choice("2", "2 - Medium"), Choice("3", "3 - Low"))
DELIVERED_CHOICES = {
    "urgency": _LEVELS,
    "impact": _LEVELS,
    "priority": (
        Choice("1", "1 - Critical"),
        Choice("2", "2 - High"),
        Choice("3", "3 - Moderate"),
        Choice("4", "4 - Low"),
        Choice("5", "5 - Planning"),
    ),
}
_BY_TYPE = {
    "string": Kind.TEXT,
    "email": Kind.TEXT,
    "url": Kind.TEXT,
    "ph_number": Kind.TEXT,
    "translated_text": Kind.TEXT,
    "journal": Kind.TEXTAREA,
    "journal_input": Kind.TEXTAREA,
    "html": Kind.TEXTAREA,
    "integer": Kind.NUMBER,
    "longint": Kind.NUMBER,
    "decimal": Kind.NUMBER,
    "float": Kind.NUMBER,
    "glide_date": Kind.DATE,
    "glide_date_time": Kind.DATETIME,
    "due_date": Kind.DATETIME,
    "boolean": Kind.SELECT,
    "choice": Kind.SELECT,
}
_LONG_TEXT = 255
_YES_NO = (Choice("true", "Yes"), Choice("false", "No"))


@dataclass(frozen=True)
class Column:
    """A column of a table as the dictionary describes it."""

    element: str
    label: str
    type: str
    reference: str
    has_choices: bool
    max_length: int
    mandatory: bool = False
    read_only: bool = False
    has_default: bool = False

    @property
    def must_ask(self) -> bool:
        """Whether forms want it and nobody else fills it."""
        return self.mandatory and not self.read_only and not self.has_default

    @property
    def person(self) -> bool:
        """Whether it names a user."""
        return self.type == "reference" and self.reference == "sys_user"


def optional(table: str) -> tuple[str, ...]:
    """Columns that may get a stored default on this table."""
    return OPTIONAL.get(table, OPTIONAL_ELSEWHERE)


def columns(rows: Sequence[Row], lineage: Sequence[str]) -> dict[str, Column]:
    """Columns by name, from dictionary rows of a table and the tables it extends (`lineage`, own one first).

    Rows of other tables are left out: ServiceNow drops what it does not understand of a query.
    """
    found: dict[str, Column] = {}
    for table in lineage:
        for row in rows:
            if value(row.get("name")) == table and (element := value(row.get("element"))):
                found.setdefault(element, _column(row, element))
    return found


def _column(row: Row, element: str) -> Column:
    length = value(row.get("max_length"))
    return Column(
        element=element,
        label=value(row.get("column_label")) or LABELS.get(element, element),
        type=value(row.get("internal_type")),
        reference=value(row.get("reference")),
        has_choices=value(row.get("choice")) in ("1", "3"),
        max_length=int(length) if length.isdecimal() else 0,
        mandatory=value(row.get("mandatory")) == "true",
        read_only=value(row.get("read_only")) == "true",
        has_default=bool(value(row.get("default_value"))),
    )


def demanded(rows: Sequence[Row], lineage: Sequence[str]) -> set[str]:
    """Columns that data policies always want, from policy rule rows. Those with a condition are left to the refusal."""
    return {
        value(row.get("field"))
        for row in rows
        if value(row.get("table")) in lineage
        and value(row.get("mandatory")) == "true"
        and value(row.get("sys_data_policy.active")) != "false"
        and not value(row.get("sys_data_policy.conditions")).removesuffix("^EQ")
    }


def choices(rows: Sequence[Row], lineage: Sequence[str]) -> dict[str, tuple[Choice, ...]]:
    """Choice lists by column; a table's own list replaces the one it inherits."""
    found: dict[str, tuple[Choice, ...]] = {}
    for table in lineage:
        own: dict[str, dict[str, str]] = {}
        for row in rows:
            if value(row.get("name")) == table and value(row.get("inactive")) != "true" and value(row.get("value")):
                known = own.setdefault(value(row.get("element")), {})
                known.setdefault(value(row.get("value")), value(row.get("label")) or value(row.get("value")))
        for element, labels in own.items():
            found.setdefault(element, tuple(Choice(code, label) for code, label in labels.items()))
    return found


def without_dictionary(table: str) -> dict[str, Column]:
    """The columns every task table is delivered with, for accounts that may not read the dictionary."""
    found = {}
    for element in optional(table):
        group = element == "assignment_group"
        kind, target = ("reference", "sys_user_group") if group else ("choice", "")
        found[element] = Column(element, LABELS[element], kind, target, not group, 40)
    return found


def field(column: Column, offered: Sequence[Choice] | None, *, required: bool) -> DestinationField:
    """A column as destination field.

    Args:
        column: the column.
        offered: what can be chosen; None for a reference to a table that is too large, or not readable.
        required: whether every ticket needs it.
    """
    kind = _kind(column, has_choices=bool(offered))
    picked = tuple(offered or ()) if kind is Kind.SELECT else ()
    if column.type == "boolean":
        picked = _YES_NO
    vendor_kind = f"reference to {column.reference}" if column.type == "reference" else column.type or "unknown"
    return DestinationField(column.element, column.label, kind, required, picked, vendor_kind)


def _kind(column: Column, *, has_choices: bool) -> DestinationFieldKind:
    if column.person:
        return Kind.USER
    if has_choices:
        return Kind.SELECT
    if column.type == "boolean":
        return Kind.SELECT
    if column.type == "reference" or column.type == "choice":
        # A select without anything to choose from cannot be drawn.
        return Kind.UNSUPPORTED
    found = _BY_TYPE.get(column.type, Kind.UNSUPPORTED)
    return Kind.TEXTAREA if found is Kind.TEXT and column.max_length > _LONG_TEXT else found


def payload(entry: FieldValue) -> str:
    """A typed value in the form the Table API takes: texts only, times in UTC without zone."""
    if isinstance(entry.value, list | tuple):
        return ",".join(str(part) for part in entry.value)
    text = str(entry.value)
    if entry.kind is Kind.DATETIME:
        text = text.replace("T", " ")
        return f"{text}:00" if len(text) == 16 else text
    if entry.kind is Kind.NUMBER:
        number = float(text)
        return str(int(number)) if number.is_integer() else text
    return text
