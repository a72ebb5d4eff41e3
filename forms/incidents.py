"""Forms of incidents. What their values may be is said once, in services/incidents.py; its sentences end up here."""

from __future__ import annotations

from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice

from models import Incident, Severity
from services.incidents import LIMITS, LONGEST_NOTE, Draft

SEVERITIES = [SelectChoice(severity.value, severity.value.capitalize()) for severity in Severity]


class RefusableForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form that takes a service's refusal."""

    def refuse(self, sentence: str, field_errors: Mapping[str, str]) -> None:
        """Put the sentences at the fields they belong to, or above the form when they belong to none."""
        known = {name: text for name, text in field_errors.items() if name in self}
        for name, text in known.items():
            self[name].errors = [*self[name].errors, text]
        if not known:
            self.form_errors = [*self.form_errors, sentence]


class IncidentForm(RefusableForm):
    """A new incident, or an edit of one."""

    title = StringField("Title", render_kw={"required": True, "maxlength": LIMITS["title"], "autocomplete": "off"})
    description = TextAreaField("Description", render_kw={"rows": 7, "maxlength": LIMITS["description"]})
    severity = SelectField("Severity", choices=SEVERITIES, default=Severity.MEDIUM.value, validate_choice=False)
    source = StringField("Source", render_kw={"maxlength": LIMITS["source"], "autocomplete": "off"})
    labels = StringField("Labels", render_kw={"autocomplete": "off"})
    # The state of the incident the edit was made on; not used for a new one.
    version = HiddenField()

    def draft(self) -> Draft:
        """What was typed."""
        return Draft(
            title=self.title.data or "",
            description=self.description.data or "",
            severity=self.severity.data or "",
            source=self.source.data or "",
            labels=(self.labels.data or "").split(","),
        )

    def edited_version(self) -> int:
        """The version the edit was made on; 0, which no incident has, when the form does not say."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class NoteForm(RefusableForm):
    """A note on the timeline."""

    text = TextAreaField("Note", render_kw={"rows": 3, "maxlength": LONGEST_NOTE})


def edit_form(incident: Incident) -> IncidentForm:
    """The form filled from the incident, or from what was just sent."""
    return IncidentForm(
        data={
            "title": incident.title,
            "description": incident.description,
            "severity": incident.severity,
            "source": incident.source,
            "labels": ", ".join(incident.labels),
            "version": str(incident.version),
        }
    )
