"""Fields of the sandbox Jira: how createmeta describes them and which values a create accepts.

Schemas follow Atlassian's REST description (`FieldCreateMetadata`). A `textarea` says `type: string` although its value
must be an Atlassian Document: only the `custom` suffix tells. Refusal texts are those recorded for Jira Cloud
where known; for values of the wrong shape the wording is a plausible one, so clients must not depend on it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from standins import jira_adf

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"

# kind: (schema type, items, suffix of the custom type)
KINDS: dict[str, tuple[str, str | None, str]] = {
    "text": ("string", None, "textfield"),
    "textarea": ("string", None, "textarea"),
    "url": ("string", None, "url"),
    "number": ("number", None, "float"),
    "date": ("date", None, "datepicker"),
    "datetime": ("datetime", None, "datetime"),
    "select": ("option", None, "select"),
    "multi_select": ("array", "option", "multiselect"),
    "user": ("user", None, "userpicker"),
    "cascading": ("option-with-child", None, "cascadingselect"),
}


@dataclass(frozen=True)
class Option:
    """One allowed value of a select; `children` only in cascading selects."""

    id: str
    value: str
    children: tuple[Option, ...] = ()

    def as_json(self, base: str) -> dict[str, Any]:
        """The option as createmeta lists it."""
        data: dict[str, Any] = {
            "self": f"{base}/rest/api/3/customFieldOption/{self.id}",
            "id": self.id,
            "value": self.value,
        }
        if self.children:
            data["children"] = [child.as_json(base) for child in self.children]
        return data


@dataclass(frozen=True)
class Field:
    """A field on a create screen. System fields have a `system` name, the others are custom fields."""

    id: str
    name: str
    kind: str
    required: bool = False
    default: Any = None
    options: tuple[Option, ...] = ()
    system: str = ""
    schema: dict[str, Any] = field(default_factory=dict)

    def schema_json(self) -> dict[str, Any]:
        """The `schema` object that says what values look like."""
        if self.system:
            return {**self.schema, "system": self.system}
        kind, items, suffix = KINDS[self.kind]
        data: dict[str, Any] = {"type": kind, "custom": CUSTOM + suffix, "customId": int(self.id.rpartition("_")[2])}
        if items:
            data["items"] = items
        return data

    def as_json(self, base: str) -> dict[str, Any]:
        """The field as createmeta lists it."""
        data: dict[str, Any] = {
            "fieldId": self.id,
            "key": self.id,
            "name": self.name,
            "required": self.required,
            "hasDefaultValue": self.default is not None,
            "operations": ["set"] if self.kind not in ("labels", "multi_select") else ["add", "set", "remove"],
            "schema": self.schema_json(),
        }
        if self.default is not None:
            data["defaultValue"] = self.default
        if self.options:
            data["allowedValues"] = [option.as_json(base) for option in self.options]
        if self.kind == "user":
            data["autoCompleteUrl"] = f"{base}/rest/api/3/user/search?query="
        return data


def _system(id: str, name: str, kind: str, type: str, **more: Any) -> Field:
    schema = {"type": type} | ({"items": more.pop("items")} if "items" in more else {})
    return Field(id, name, kind, system=id, schema=schema, **more)


PRIORITIES = tuple(
    Option(str(n), name) for n, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), start=1)
)
SYSTEM_FIELDS = (
    _system("summary", "Summary", "summary", "string", required=True),
    _system("issuetype", "Issue Type", "issuetype", "issuetype", required=True),
    _system("project", "Project", "project", "project", required=True),
    _system("description", "Description", "textarea", "string"),
    _system("labels", "Labels", "labels", "array", items="string"),
    _system("assignee", "Assignee", "user", "user"),
    # Required, but with a default: nobody has to map it.
    _system(
        "priority", "Priority", "priority", "priority", required=True, default={"id": "3", "name": "Medium"},
        options=PRIORITIES,
    ),
)  # fmt: skip


def options(first_id: int, *values: str) -> tuple[Option, ...]:
    """Options with consecutive ids."""
    return tuple(Option(str(first_id + n), value) for n, value in enumerate(values))


def _pick(value: Any, choices: tuple[Option, ...]) -> Option | None:
    """The option meant by `{"id": …}` or `{"value": …}` (`{"name": …}` for priorities), None when there is none."""
    if not isinstance(value, dict):
        return None
    wanted = value.get("value", value.get("name"))
    return next((o for o in choices if o.id == value.get("id") or (wanted is not None and o.value == wanted)), None)


def _select(field: Field, value: Any) -> str:
    return "" if _pick(value, field.options) else f"Specify a valid 'id' or 'value' for {field.name}"


def _multi(field: Field, value: Any) -> str:
    if not isinstance(value, list):
        return "data was not an array"
    return next(filter(None, (_select(field, item) for item in value)), "")


def _cascading(field: Field, value: Any) -> str:
    parent = _pick(value, field.options)
    if parent is None:
        return _select(field, value)
    child = value.get("child")
    return "" if child is None or _pick(child, parent.children) else f"Specify a valid 'id' or 'value' for {field.name}"


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        return "Operation value must be a string"
    return "The entered text is too long. It exceeds the allowed limit of 255 characters." if len(value) > 255 else ""


def _number(field: Field, value: Any) -> str:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if good else "Operation value must be a number"


def _date(field: Field, value: Any) -> str:
    try:
        dt.datetime.strptime(value, "%Y-%m-%d")  # noqa: DTZ007  # a calendar day has no zone
    except (TypeError, ValueError):
        return f"Operation value must be a string with the format yyyy-MM-dd for {field.name}"
    return ""


def _datetime(field: Field, value: Any) -> str:
    try:
        zoned = dt.datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        zoned = False
    return "" if zoned else f"Operation value must be a date and time with zone for {field.name}"


CHECKS: dict[str, Callable[[Field, Any], str]] = {
    "text": _text,
    "url": _text,
    "textarea": lambda field, value: jira_adf.problem(value),
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "select": _select,
    "priority": _select,
    "multi_select": _multi,
    "cascading": _cascading,
}


def problem(field: Field, value: Any) -> str:
    """Why Jira refuses the value for this field, "" when it takes it. People and labels are judged by the create."""
    check = CHECKS.get(field.kind)
    return check(field, value) if check else ""
