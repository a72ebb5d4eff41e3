"""Jira's create fields as destination fields, and typed values as what Jira wants to get.

Source: GET /rest/api/3/issue/createmeta/{project}/issuetypes/{type} and the field descriptions of Jira Cloud's REST v3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.jira import adf
from providers.values import Choice, DestinationField, DestinationFieldKind, DestinationSchema

# Filled by us on every ticket; everything else that is required must be asked for.
OURS = frozenset({"project", "issuetype", "summary", "description", "labels", "reporter", "assignee"})
_BY_TYPE = {
    "string": DestinationFieldKind.TEXT,
    "number": DestinationFieldKind.NUMBER,
    "date": DestinationFieldKind.DATE,
    "datetime": DestinationFieldKind.DATETIME,
    "option": DestinationFieldKind.SELECT,
    "priority": DestinationFieldKind.SELECT,
    "version": DestinationFieldKind.SELECT,
    "component": DestinationFieldKind.SELECT,
    "resolution": DestinationFieldKind.SELECT,
    "securitylevel": DestinationFieldKind.SELECT,
    "user": DestinationFieldKind.USER,
}
_SELECTS = (DestinationFieldKind.SELECT, DestinationFieldKind.MULTI_SELECT)


def schema(metadata: Sequence[Mapping[str, Any]]) -> DestinationSchema:
    """What a project and issue type demand, from the fields of createmeta."""
    fields = tuple(_field(entry) for entry in metadata if _must_ask(entry))
    optional = [_field(entry) for entry in metadata if not _must_ask(entry) and _id(entry) not in OURS]
    drawn = tuple(f for f in optional if f.kind is not DestinationFieldKind.UNSUPPORTED)
    names = {_id(entry) for entry in metadata}
    return DestinationSchema(
        fields=fields,
        assignee_on_create="assignee" in names,
        optional=tuple(replace(f, required=False) for f in drawn),
        severity_fields=tuple(f.id for f in (*fields, *drawn) if f.kind is DestinationFieldKind.SELECT),
    )


def _id(entry: Mapping[str, Any]) -> str:
    return str(entry.get("fieldId") or entry.get("key") or "")


def _must_ask(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("required")) and not entry.get("hasDefaultValue") and _id(entry) not in OURS


def _field(entry: Mapping[str, Any]) -> DestinationField:
    choices = tuple(_choice(value) for value in entry.get("allowedValues") or [])
    kind = _kind(entry.get("schema") or {}, has_choices=bool(choices))
    return DestinationField(
        id=_id(entry),
        label=str(entry.get("name") or _id(entry)),
        kind=kind,
        choices=choices,
        vendor_kind=_vendor_kind(entry.get("schema") or {}),
    )


def _kind(shape: Mapping[str, Any], *, has_choices: bool) -> DestinationFieldKind:
    kind = str(shape.get("type", ""))
    if str(shape.get("custom", "")).endswith(":textarea") or shape.get("system") == "environment":
        return DestinationFieldKind.TEXTAREA
    if kind == "array":
        return DestinationFieldKind.MULTI_SELECT if has_choices else DestinationFieldKind.UNSUPPORTED
    found = _BY_TYPE.get(kind, DestinationFieldKind.UNSUPPORTED)
    # A select without anything to choose from cannot be drawn.
    return DestinationFieldKind.UNSUPPORTED if found in _SELECTS and not has_choices else found


def _vendor_kind(shape: Mapping[str, Any]) -> str:
    return str(shape.get("custom") or shape.get("type") or "unknown").rsplit(":", 1)[-1]


def _choice(value: Mapping[str, Any]) -> Choice:
    label = value.get("value") or value.get("name") or value.get("id")
    return Choice(str(value.get("id", "")), str(label))


def payload(kind: DestinationFieldKind, value: Any) -> Any:
    """A typed value in the form Jira takes for a field of this kind."""
    if kind is DestinationFieldKind.TEXTAREA:
        return adf.document(str(value))
    if kind is DestinationFieldKind.NUMBER:
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind is DestinationFieldKind.SELECT:
        return {"id": str(value)}
    if kind is DestinationFieldKind.MULTI_SELECT:
        return [{"id": str(entry)} for entry in value]
    if kind is DestinationFieldKind.USER:
        return {"accountId": str(value)}
    if kind is DestinationFieldKind.DATETIME:
        return f"{value}:00.000+0000" if len(str(value)) == 16 else str(value)
    return str(value)
