"""The incident pages: list, detail, new, edit, status, notes."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from blueprints.access import actor, requires
from blueprints.incidents import blueprint, pages
from blueprints.rendering import done, is_htmx, render
from forms.incidents import IncidentForm, NoteForm, edit_form
from models import Incident
from services import incidents
from services.actors import Permission
from services.errors import Refused

DIALOG = "incidents/_form_dialog.html"
NOTE = "incidents/_note_form.html"
SAID = {"open": "Incident reopened", "in_progress": "Work started", "resolved": "Incident resolved"}


@blueprint.get("/")
@requires(Permission.INCIDENT_READ)
def root() -> AnyResponse:
    """The home page is the list."""
    return redirect(url_for("incidents.index"), 302)


@blueprint.get("/incidents")
@requires(Permission.INCIDENT_READ)
def index() -> Response:
    """The list; htmx gets its rows only."""
    filters = pages.filters()
    context = pages.listing(filters)
    if not is_htmx():
        context |= pages.choices(filters)
    response = render("incidents/index.html", partial="incidents/_list.html", **context)
    if is_htmx():
        # The address without the empty fields a form would put into it.
        response.headers["HX-Push-Url"] = url_for("incidents.index", **filters.query())
    return response


@blueprint.route("/incidents/new", methods=["GET", "POST"])
@requires(Permission.INCIDENT_WRITE)
def new() -> Response:
    """The dialog for a new incident."""
    form = IncidentForm()
    if form.validate_on_submit():
        try:
            incident = incidents.create(actor(), form.draft())
        except Refused as refusal:
            form.refuse(str(refusal), refusal.field_errors)
        else:
            return done(url_for("incidents.detail", incident_id=incident.id), f"{incident.key} created")
    filters = pages.filters()
    context: dict[str, Any] = {} if is_htmx() else {**pages.listing(filters), **pages.choices(filters)}
    context |= {
        "form": form,
        "heading": "New incident",
        "submit": "Create incident",
        "form_url": url_for("incidents.new", **filters.query()),
        "close_url": url_for("incidents.index", **filters.query()),
        "dialog": DIALOG,
    }
    return render("incidents/index.html", partial=DIALOG, status=_status(form), **context)


@blueprint.get("/incidents/<int:incident_id>")
@requires(Permission.INCIDENT_READ)
def detail(incident_id: int) -> Response:
    """One incident."""
    incident = incidents.get(actor(), incident_id)
    return render("incidents/detail.html", **pages.detail(incident, pages.filters()))


@blueprint.route("/incidents/<int:incident_id>/edit", methods=["GET", "POST"])
@requires(Permission.INCIDENT_WRITE)
def edit(incident_id: int) -> Response:
    """The dialog that edits an incident."""
    incident = incidents.get(actor(), incident_id)
    form = edit_form(incident)
    stored: Incident | None = None
    if form.validate_on_submit():
        try:
            changed = incidents.update(actor(), incident_id, form.draft(), version=form.edited_version())
        except incidents.ChangedMeanwhile as refusal:
            incident = stored = incidents.get(actor(), incident_id)
            # Sending the form again means: I have seen the other edit.
            form.version.data = str(incident.version)
            form.refuse(str(refusal), {})
        except Refused as refusal:
            form.refuse(str(refusal), refusal.field_errors)
        else:
            return _changed(changed, "Changes saved")
    return _edit_dialog(incident, form, stored)


@blueprint.post("/incidents/<int:incident_id>/status")
@requires(Permission.INCIDENT_WRITE)
def status(incident_id: int) -> Response:
    """Start work, resolve, reopen."""
    incident = incidents.change_status(actor(), incident_id, request.form.get("status", ""))
    return _changed(incident, SAID[incident.status])


@blueprint.post("/incidents/<int:incident_id>/notes")
@requires(Permission.INCIDENT_WRITE)
def notes(incident_id: int) -> Response:
    """Write a note on the timeline."""
    form = NoteForm()
    incident = incidents.get(actor(), incident_id)
    if form.validate_on_submit():
        try:
            incident = incidents.add_note(actor(), incident_id, form.text.data or "")
        except Refused as refusal:
            form.refuse(str(refusal), refusal.field_errors)
        else:
            return _changed(incident, "Note added", note=True)
    filters = pages.filters()
    context = {"incident": incident, "query": filters.query(), "note_form": form}
    page = {} if is_htmx() else pages.detail(incident, filters, note=form)
    return render("incidents/detail.html", partial=NOTE, status=422, **{**context, **page})


def _edit_dialog(incident: Incident, form: IncidentForm, stored: Incident | None) -> Response:
    filters = pages.filters()
    query = filters.query()
    context: dict[str, Any] = {} if is_htmx() else pages.detail(incident, filters)
    context |= {
        "form": form,
        "heading": f"Edit {incident.key}",
        "submit": "Save changes",
        "form_url": url_for("incidents.edit", incident_id=incident.id, **query),
        "close_url": url_for("incidents.detail", incident_id=incident.id, **query),
        "stored": stored,
        "dialog": DIALOG,
    }
    return render("incidents/detail.html", partial=DIALOG, status=_status(form), **context)


def _status(form: IncidentForm) -> int:
    return 422 if form.is_submitted() else 200


def _changed(incident: Incident, sentence: str, *, note: bool = False) -> Response:
    """The page of the incident as it is now."""
    filters = pages.filters()
    target = url_for("incidents.detail", incident_id=incident.id, **filters.query())
    if not is_htmx():
        return done(target, sentence)
    partials = pages.parts(incident, filters)
    if note:
        empty = NoteForm(formdata=None)
        partials = render_template(NOTE, incident=incident, query=filters.query(), note_form=empty) + partials
    return done(target, sentence, partials=partials)
