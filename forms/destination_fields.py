"""A provider's destination fields as form fields, for the ticket dialog and for routing rules alike."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wtforms import (
    DateField,
    DateTimeLocalField,
    DecimalField,
    Field,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from providers.values import DestinationField, DestinationFieldKind, DestinationSchema, FieldValue

PREFIX = "field_"
Kind = DestinationFieldKind
Choices = Sequence[tuple[str, str]]


def drawable(definition: DestinationField) -> bool:
    """Whether a form can ask for this field."""
    return definition.kind is not Kind.UNSUPPORTED


def undrawable(schema: DestinationSchema | None) -> list[DestinationField]:
    """Required fields no form can ask for: the destination cannot be used then."""
    return [f for f in schema.fields if not drawable(f)] if schema else []


def options(first: str, pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """What a drop-down offers; `first` is shown while nothing is chosen."""
    start = [SelectChoice("", first)] if first else []
    return start + [SelectChoice(value, label) for value, label in pairs]


def form_field(definition: DestinationField, people: Choices, *, required: bool = True) -> Field:
    """The form field for a destination field. `people` are offered by fields that take a person."""
    needed: list[Any] = [InputRequired(f"{definition.label} is required.") if required else Optional()]
    choices = [(c.value, c.label) for c in definition.choices]
    makers: dict[Kind, Callable[[], Field]] = {
        Kind.TEXTAREA: lambda: TextAreaField(definition.label, [*needed, Length(max=30_000)]),
        Kind.NUMBER: lambda: DecimalField(definition.label, [*needed, _range()], places=None),
        Kind.DATE: lambda: DateField(definition.label, needed),
        Kind.DATETIME: lambda: DateTimeLocalField(definition.label + " (UTC)", needed, format=_MOMENTS),
        Kind.SELECT: lambda: SelectField(definition.label, needed, choices=options("Choose", choices)),
        Kind.MULTI_SELECT: lambda: SelectMultipleField(definition.label, needed, choices=options("", choices)),
        Kind.USER: lambda: SelectField(definition.label, needed, choices=options("Choose a person", people)),
    }
    maker = makers.get(definition.kind)
    return maker() if maker else StringField(definition.label, [*needed, Length(max=255)])


_MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def _range() -> NumberRange:
    return NumberRange(-1e15, 1e15, message="This number is too large.")


def value_of(definition: DestinationField, found: Field) -> FieldValue:
    """What was typed, as it is stored and sent."""
    value = found.data
    if isinstance(value, dt.datetime):
        value = value.strftime("%Y-%m-%dT%H:%M")
    elif isinstance(value, dt.date):
        value = value.isoformat()
    elif definition.kind is Kind.NUMBER and value is not None:
        value = str(value)
    return FieldValue(definition.kind, value)


def shown(definition: DestinationField, stored: Any) -> Any:
    """A stored value as its form field takes it. None when it does not fit the field any more."""
    try:
        if definition.kind is Kind.DATE:
            return dt.date.fromisoformat(str(stored))
        if definition.kind is Kind.DATETIME:
            return dt.datetime.fromisoformat(str(stored))
        if definition.kind is Kind.NUMBER:
            return decimal.Decimal(str(stored))
    except (ValueError, decimal.InvalidOperation):
        return None
    return stored
