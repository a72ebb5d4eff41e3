"""Forms of the Users page."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length

from forms.sign_in import trimmed
from models import Role

ROLES = [SelectChoice(str(role), role.title()) for role in Role]
ROLE_HELP = "Admin: everything, including these settings. Responder: incidents and tickets. Member: reads incidents."


class AddUserForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A new person."""

    name = StringField("Name", [DataRequired("Enter the person's name."), Length(max=200)], filters=[trimmed])
    email = EmailField("Email", [DataRequired("Enter the person's e-mail address.")], filters=[trimmed])
    role = SelectField("Role", choices=ROLES, default=str(Role.MEMBER), description=ROLE_HELP)
    password = PasswordField(
        "Password",
        description="Leave it empty to get a link, shown once, with which the person chooses a password. "
        "Otherwise at least 15 characters.",
    )


class UserForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """What a person may do."""

    active = BooleanField(
        "Active", description="A person who is not active cannot sign in; their sessions end at once."
    )
    role = SelectField("Role", choices=ROLES, description=ROLE_HELP)


def refuse(form: FlaskForm, field_errors: dict[str, str], sentence: str) -> None:
    """Put a service's no onto the form: beside the fields it names, else above the form."""
    for name, reason in field_errors.items():
        if name in form:
            form[name].errors = [*form[name].errors, reason]
            return
    form.form_errors.append(sentence)
