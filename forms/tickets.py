"""The ticket dialog as a form: its destination fields follow from what the provider demands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    DateTimeLocalField,
    DecimalField,
    Field,
    HiddenField,
    SearchField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from models import Incident
from providers.values import Choice, DestinationField, DestinationFieldKind, DestinationSchema, FieldValue, Step
from services.tickets import Wanted, new_form_key

PREFIX = "field_"
Kind = DestinationFieldKind
Choices = Sequence[tuple[str, str]]


@dataclass
class Dialog:
    """What the dialog offers at this moment, gathered by the view."""

    connections: Choices = ()
    people: Choices = ()
    # More people than a list should hold: they are searched for.
    many_people: bool = False
    # Other people fields choose from the same people, by the provider's own id.
    people_by_external_id: Choices = ()
    steps: Sequence[tuple[Step, Sequence[Choice]]] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)
    schema: DestinationSchema | None = None

    @property
    def complete(self) -> bool:
        """Whether every step of the destination is chosen and its fields are known."""
        return self.schema is not None


class TicketForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Base of the generated dialogs: what every ticket needs."""

    form_key = HiddenField()
    connection = SelectField("Integration", [DataRequired("Choose an integration.")])
    integration_user = SelectField(
        "Integration User",
        [DataRequired("Choose the person who gets the ticket.")],
        description="The ticket is assigned to this person.",
    )
    person_search = SearchField("Find person", [Length(max=100)], description="Part of a name or e-mail address.")
    summary = StringField(
        "Summary", [DataRequired("Enter a summary."), Length(max=250, message="At most 250 characters.")]
    )
    description = TextAreaField("Description", [Length(max=30_000, message="At most 30,000 characters.")])

    dialog: Dialog

    def wanted(self) -> Wanted:
        """The ticket as asked for."""
        schema = self.dialog.schema or DestinationSchema(())
        return Wanted(
            form_key=self.form_key.data or "",
            connection_id=int(self.connection.data),
            integration_user_id=int(self.integration_user.data),
            summary=" ".join(self.summary.data.split()),
            description=(self.description.data or "").replace("\r\n", "\n"),
            destination={step.key: self[step.key].data for step, _ in self.dialog.steps},
            values={f.id: _value(f, self[PREFIX + f.id]) for f in schema.fields if drawable(f)},
            assignee_on_create=schema.assignee_on_create,
        )

    def refuse(self, field_errors: Mapping[str, str]) -> list[str]:
        """Put the provider's sentences at their fields; returns those that belong to no field of the dialog."""
        rest = []
        for name, sentence in field_errors.items():
            known = next((own for own in (name, PREFIX + name) if own in self), None)
            if known is None:
                rest.append(f"{name}: {sentence}")
            else:
                self[known].errors = [*self[known].errors, sentence]
        return rest

    def renew(self) -> None:
        """A new one-time key: the request this form was sent for has ended."""
        self.form_key.data = new_form_key()


def drawable(definition: DestinationField) -> bool:
    """Whether the dialog can ask for this field."""
    return definition.kind is not Kind.UNSUPPORTED


def undrawable(schema: DestinationSchema | None) -> list[DestinationField]:
    """Required fields the dialog cannot ask for: the destination cannot be used then."""
    return [f for f in schema.fields if not drawable(f)] if schema else []


def ticket_form(dialog: Dialog, incident: Incident) -> TicketForm:
    """The dialog's form. A fresh one is filled from the incident."""
    attributes: dict[str, Any] = {}
    for step, choices in dialog.steps:
        attributes[step.key] = SelectField(
            step.label,
            [DataRequired(f"Choose the {step.label.lower()}.")],
            choices=options(f"Choose the {step.label.lower()}", ((c.value, c.label) for c in choices)),
        )
    for definition in dialog.schema.fields if dialog.schema else ():
        if drawable(definition):
            attributes[PREFIX + definition.id] = _field(definition, dialog)
    cls = type("GeneratedTicketForm", (TicketForm,), attributes)
    filled = {
        "form_key": new_form_key(),
        "summary": incident.title[:250],
        "description": incident.description,
        **dialog.chosen,
    }
    form: TicketForm = cls(data=filled)
    form.dialog = dialog
    form.connection.choices = options("Choose an integration", dialog.connections)
    form.integration_user.choices = options("Choose a person", dialog.people)
    return form


def options(first: str, pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """What a drop-down offers; `first` is shown while nothing is chosen."""
    start = [SelectChoice("", first)] if first else []
    return start + [SelectChoice(value, label) for value, label in pairs]


def _field(definition: DestinationField, dialog: Dialog) -> Field:
    needed = [InputRequired(f"{definition.label} is required.")]
    pairs = [(c.value, c.label) for c in definition.choices]
    if definition.kind is Kind.TEXTAREA:
        return TextAreaField(definition.label, [*needed, Length(max=30_000)])
    if definition.kind is Kind.NUMBER:
        limits = NumberRange(-1e15, 1e15, message="This number is too large.")
        return DecimalField(definition.label, [*needed, limits], places=None)
    if definition.kind is Kind.DATE:
        return DateField(definition.label, needed)
    if definition.kind is Kind.DATETIME:
        return DateTimeLocalField(definition.label + " (UTC)", needed, format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
    if definition.kind is Kind.SELECT:
        return SelectField(definition.label, needed, choices=options("Choose", pairs))
    if definition.kind is Kind.MULTI_SELECT:
        return SelectMultipleField(definition.label, needed, choices=options("", pairs))
    if definition.kind is Kind.USER:
        return SelectField(definition.label, needed, choices=options("Choose a person", dialog.people_by_external_id))
    return StringField(definition.label, [*needed, Length(max=255)])


def _value(definition: DestinationField, found: Field) -> FieldValue:
    value = found.data
    if isinstance(value, dt.datetime):
        value = value.strftime("%Y-%m-%dT%H:%M")
    elif isinstance(value, dt.date):
        value = value.isoformat()
    elif definition.kind is Kind.NUMBER:
        value = str(value)
    return FieldValue(definition.kind, value)
