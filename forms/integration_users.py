"""The form of the Add User dialog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SearchField, SelectField, SelectMultipleField
from wtforms.validators import DataRequired, InputRequired, Length

from services.integration_users import PersonChoice, Source

LONGEST_ID = 200


class Refusable(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form that takes a service's sentences."""

    def refuse(self, field_errors: Mapping[str, str]) -> None:
        """Put sentences from a service at the fields they belong to."""
        for name, sentence in field_errors.items():
            self[name].errors = [*self[name].errors, sentence]


class AddUserForm(Refusable):
    """Where to look, for which address, and who was meant. Name and user name are shown, never read from the form."""

    connection_id = SelectField("Integration", [DataRequired("Choose the integration.")])
    email = EmailField(
        "Email",
        [DataRequired("Enter the e-mail address.")],
        description="The address the person has in the ticket system.",
    )
    external_id = HiddenField(validators=[Length(max=LONGEST_ID)])

    @property
    def source_id(self) -> int:
        """The chosen connection; only for a form that validated (the select offers ids only)."""
        return int(self.connection_id.data)


def add_user_form(known: Sequence[Source]) -> AddUserForm:
    """The form for these connections; the only one is chosen already."""
    form = AddUserForm()
    offered = [(str(source.id), source.label + ("" if source.enabled else ": switched off")) for source in known]
    if len(offered) == 1:
        form.connection_id.data = form.connection_id.data or offered[0][0]
    else:
        offered.insert(0, ("", "Choose …"))
    form.connection_id.choices = offered
    return form


class ReassignForm(Refusable):
    """Which tickets of a person go to whom. The tickets are drawn by the page as a table."""

    ticket = SelectMultipleField(
        "Tickets", [InputRequired("Choose at least one ticket.")], coerce=int, validate_choice=False
    )
    person_search = SearchField("Find person", [Length(max=100)], description="Part of a name or e-mail address.")
    integration_user = SelectField("Give them to", [DataRequired("Choose who gets the tickets.")])
    # More people than a list should hold: they are searched for.
    many_people: bool = False

    @property
    def taker_id(self) -> int:
        """The chosen person; only for a form that validated (the select offers ids only)."""
        return int(self.integration_user.data)


def reassign_form(people: Sequence[PersonChoice]) -> ReassignForm:
    """The form that offers these people."""
    form = ReassignForm()
    offered = [(str(person.id), f"{person.name} ({person.email})") for person in people]
    form.integration_user.choices = [("", "Choose a person …"), *offered]
    return form
