"""The ticket dialog as a form: its destination fields follow from what the provider demands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, SearchField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from forms.destination_fields import PREFIX, Choices, drawable, form_field, options, shown, value_of
from models import Incident
from providers.values import Choice, DestinationField, DestinationSchema, Step
from services.tickets import Wanted, new_form_key


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
    # What the routing rule puts into destination fields, by field id.
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> list[DestinationField]:
        """What is asked for: all required fields, and the optional ones the rule fills."""
        if self.schema is None:
            return []
        filled = [f for f in self.schema.optional if f.id in self.defaults]
        return [f for f in (*self.schema.fields, *filled) if drawable(f)]

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
        required = {f.id for f in self.dialog.schema.fields} if self.dialog.schema else set()
        typed = {f.id: value_of(f, self[PREFIX + f.id]) for f in self.dialog.fields}
        return Wanted(
            form_key=self.form_key.data or "",
            connection_id=int(self.connection.data),
            integration_user_id=int(self.integration_user.data),
            summary=" ".join(self.summary.data.split()),
            description=(self.description.data or "").replace("\r\n", "\n"),
            destination={step.key: self[step.key].data for step, _ in self.dialog.steps},
            values={name: v for name, v in typed.items() if name in required or v.value not in (None, "", [])},
            assignee_on_create=self.dialog.schema.assignee_on_create if self.dialog.schema else True,
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


def ticket_form(dialog: Dialog, incident: Incident) -> TicketForm:
    """The dialog's form. A fresh one is filled from the incident."""
    attributes: dict[str, Any] = {}
    for step, choices in dialog.steps:
        attributes[step.key] = SelectField(
            step.label,
            [DataRequired(f"Choose the {step.label.lower()}.")],
            choices=options(f"Choose the {step.label.lower()}", ((c.value, c.label) for c in choices)),
        )
    required = {f.id for f in dialog.schema.fields} if dialog.schema else set()
    for definition in dialog.fields:
        must = definition.id in required
        attributes[PREFIX + definition.id] = form_field(definition, dialog.people_by_external_id, required=must)
    cls = type("GeneratedTicketForm", (TicketForm,), attributes)
    filled = {
        "form_key": new_form_key(),
        "summary": incident.title[:250],
        "description": incident.description,
        **dialog.chosen,
        **{PREFIX + f.id: shown(f, dialog.defaults[f.id]) for f in dialog.fields if f.id in dialog.defaults},
    }
    form: TicketForm = cls(data=filled)
    form.dialog = dialog
    form.connection.choices = options("Choose an integration", dialog.connections)
    form.integration_user.choices = options("Choose a person", dialog.people)
    return form
