"""Forms of signing in, setting up and changing passwords. Passwords are neither trimmed nor changed."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from services.passwords import SHORTEST

NEW_PASSWORD = f"At least {SHORTEST} characters. A sentence of four or more words is easy to remember."


def trimmed(text: str | None) -> str:
    """Without blanks around it."""
    return (text or "").strip()


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Who are you?"""

    email = EmailField("Email", [DataRequired("Enter your e-mail address.")], filters=[trimmed])
    password = PasswordField("Password", [DataRequired("Enter your password.")])
    next = HiddenField()


class WelcomeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """The first administrator."""

    name = StringField("Name", [DataRequired("Enter your name."), Length(max=200)], filters=[trimmed])
    email = EmailField("Email", [DataRequired("Enter your e-mail address.")], filters=[trimmed])
    password = PasswordField("Password", [DataRequired("Choose a password.")], description=NEW_PASSWORD)


class ResetForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A new password with a reset link."""

    password = PasswordField("New password", [DataRequired("Choose a password.")], description=NEW_PASSWORD)


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Change one's own password."""

    current_password = PasswordField("Current password", [DataRequired("Enter your current password.")])
    new_password = PasswordField("New password", [DataRequired("Choose a new password.")], description=NEW_PASSWORD)
