"""A provider's fields as a form: no provider has a form class of its own."""

from __future__ import annotations

from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import DateField, EmailField, Field, PasswordField, StringField, URLField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from models import Connection
from providers.base import AuthMethod, FieldKind, Provider
from providers.base import Field as ProviderField
from services.connections import Typed

WIDGETS = {
    FieldKind.TEXT: StringField,
    FieldKind.URL: URLField,
    FieldKind.EMAIL: EmailField,
    FieldKind.SECRET: PasswordField,
}
KEEP = "leave blank to keep"


class ConnectionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Base of the generated forms: the fields every provider's dialog has."""

    description = StringField(
        "Description", [Optional(), Length(max=200)], description="What you call this connection. Optional."
    )
    credential_expires_on = DateField(
        "Secret expires on", [Optional()], description="Patchpanel warns you before this day. Optional."
    )

    provider: Provider
    method: AuthMethod

    def typed(self) -> Typed:
        """What was typed, split into settings and secrets. Secrets are neither trimmed nor changed."""
        values = {f.name: self[f.name].data or "" for f in self.method.fields}
        return Typed(
            auth_method=self.method.key,
            settings={f.name: values[f.name].strip() for f in self.method.fields if not f.secret},
            credentials={f.name: values[f.name] for f in self.method.fields if f.secret and values[f.name]},
            description=(self.description.data or "").strip(),
            expires_on=self.credential_expires_on.data,
        )

    def refuse(self, field_errors: dict[str, str]) -> None:
        """Put sentences from a service at the fields they belong to."""
        for name, sentence in field_errors.items():
            if name in self:
                self[name].errors = [*self[name].errors, sentence]


Form = TypeVar("Form", bound=ConnectionForm)


def connection_form(provider: Provider, method: AuthMethod, connection: Connection | None = None) -> ConnectionForm:
    """The form of one way to connect, filled from `connection` (secrets never are)."""
    form = generated(ConnectionForm, method, connection)
    form.provider = provider
    return form


def generated(base: type[Form], method: AuthMethod, connection: Connection | None) -> Form:
    """A form of this class with the fields of a way to connect."""
    attributes: dict[str, Any] = {f.name: _field(f, connection) for f in method.fields}
    cls = type("GeneratedConnectionForm", (base,), attributes)
    stored: dict[str, Any] = {}
    if connection is not None:
        stored = {
            **{f.name: connection.settings.get(f.name, "") for f in method.fields if not f.secret},
            "description": connection.description,
            "credential_expires_on": connection.credential_expires_on,
        }
    form = cls(data=stored)
    form.method = method
    return form


def _field(definition: ProviderField, connection: Connection | None) -> Field:
    kept = definition.secret and connection is not None and definition.name in connection.credentials
    presence = DataRequired(f"Enter the {definition.label}.") if definition.required and not kept else Optional()
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if definition.secret:
        attributes["autocomplete"] = "new-password"
    if definition.placeholder:
        attributes["placeholder"] = definition.placeholder
    if kept:
        attributes["placeholder"] = KEEP
    checks = [presence, _no_mask] if definition.secret else [presence]
    return WIDGETS[definition.kind](
        definition.label,
        [*checks, Length(max=definition.max_length)],
        description=definition.help,
        render_kw=attributes,
    )


def _no_mask(_form: FlaskForm, field: Field) -> None:
    """A mask copied from some page is not a secret."""
    text = field.data or ""
    if text and not text.strip("•*●"):
        raise ValidationError("This looks like a mask, not the secret itself. Paste the secret.")
