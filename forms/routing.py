"""A routing rule as a form: conditions, destination, defaults for its fields, severities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, NumberRange

from forms.destination_fields import PREFIX, Choices, drawable, form_field, options, shown, value_of
from models import RoutingRule, Severity
from providers.values import Choice, DestinationField, DestinationSchema, Step
from services.routing import Draft

SEVERITY = "severity_"


class RuleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """Base of the generated dialogs: the conditions every rule can have, and who gets the tickets."""

    source = StringField("Source", [Length(max=300)], description="One or several, separated by commas.")
    severities = SelectMultipleField(
        "Severity",
        choices=options("", [(s.value, s.value.capitalize()) for s in Severity]),
        description="None chosen means any.",
    )
    label = StringField("Label", [Length(max=300)], description="The incident has one of these; separated by commas.")
    resource = StringField(
        "Asset pattern", [Length(max=300)], description="For the resource of the incident: db-* matches db-1 and db-2."
    )
    integration_user = SelectField("Integration User", description="Chosen in the ticket dialog; can be changed there.")

    automatic = BooleanField(
        "Create without asking",
        description="For incidents that arrive from a program: they get this ticket at once.",
    )

    steps: Sequence[tuple[Step, Sequence[Choice]]]
    schema: DestinationSchema | None

    def conditions(self) -> dict[str, Any]:
        """What must hold; nothing makes it the default rule."""
        typed = {
            "source": _list(self.source.data),
            "severity": self.severities.data or [],
            "label": _list(self.label.data),
            "resource": (self.resource.data or "").strip(),
        }
        return {name: value for name, value in typed.items() if value}

    def draft(self, names: dict[str, str]) -> Draft:
        """The rule as typed; `names` are the destination's names for people."""
        fields = [*defaultable(self.schema)]
        values = {f.id: value_of(f, self[PREFIX + f.id]) for f in fields}
        person = self.integration_user.data
        return Draft(
            conditions=self.conditions(),
            destination={step.key: self[step.key].data for step, _ in self.steps},
            destination_names=names,
            field_defaults={name: v for name, v in values.items() if v.value not in (None, "", [])},
            severity_values=self._severities(),
            integration_user_id=int(person) if person else None,
            automatic=bool(self.automatic.data),
        )

    def _severities(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for definition in mappable(self.schema):
            for severity in Severity:
                value = self[f"{SEVERITY}{severity}_{definition.id}"].data
                if value:
                    found.setdefault(severity, {})[definition.id] = value
        return found


class RateForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """How many tickets may be created without asking."""

    rate = IntegerField(
        "Tickets without asking, at most per minute",
        [NumberRange(1, 600, "Enter a number from 1 to 600.")],
        description="What is above waits and is created in its turn.",
    )


def defaultable(schema: DestinationSchema | None) -> list[DestinationField]:
    """The destination's fields a rule can fill."""
    return [f for f in (*schema.fields, *schema.optional) if drawable(f)] if schema else []


def mappable(schema: DestinationSchema | None) -> list[DestinationField]:
    """The fields an incident's severity can decide."""
    return [f for f in defaultable(schema) if schema and f.id in schema.severity_fields]


def rule_form(
    steps: Sequence[tuple[Step, Sequence[Choice]]],
    schema: DestinationSchema | None,
    people: Choices,
    people_by_external_id: Choices,
    rule: RoutingRule | None,
    chosen: dict[str, str],
) -> RuleForm:
    """The dialog's form for what is chosen so far, filled from `rule`."""
    attributes: dict[str, Any] = {
        step.key: SelectField(
            step.label,
            [DataRequired(f"Choose the {step.label.lower()}.")],
            choices=options(f"Choose the {step.label.lower()}", ((c.value, c.label) for c in choices)),
        )
        for step, choices in steps
    }
    for definition in defaultable(schema):
        attributes[PREFIX + definition.id] = form_field(definition, people_by_external_id, required=False)
    for definition in mappable(schema):
        for severity in Severity:
            name = f"{definition.label} when {severity.capitalize()}"
            pairs = ((c.value, c.label) for c in definition.choices)
            attributes[f"{SEVERITY}{severity}_{definition.id}"] = SelectField(name, choices=options("As above", pairs))
    cls = type("GeneratedRuleForm", (RuleForm,), attributes)
    form: RuleForm = cls(data={**_stored(rule, schema), **chosen})
    form.steps, form.schema = steps, schema
    form.integration_user.choices = options("Whoever is chosen in the dialog", people)
    return form


def _stored(rule: RoutingRule | None, schema: DestinationSchema | None) -> dict[str, Any]:
    if rule is None:
        return {}
    data: dict[str, Any] = {
        "source": ", ".join(rule.conditions.get("source", [])),
        "severities": rule.conditions.get("severity", []),
        "label": ", ".join(rule.conditions.get("label", [])),
        "resource": rule.conditions.get("resource", ""),
        "integration_user": str(rule.integration_user_id or ""),
        "automatic": rule.automatic,
    }
    for definition in defaultable(schema):
        if definition.id in rule.field_defaults:
            data[PREFIX + definition.id] = shown(definition, rule.field_defaults[definition.id]["value"])
    for severity, values in rule.severity_values.items():
        data |= {f"{SEVERITY}{severity}_{name}": value for name, value in values.items()}
    return data


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
