"""The Ticket section of an incident and everything done there."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request, url_for

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.incidents import blueprint, pages, ticket_dialog
from blueprints.incidents.ticket_section import section, view
from blueprints.rendering import Message, done, is_htmx, render
from models import Incident, Ticket, TicketState
from providers.errors import ProviderError
from services import (
    incidents,
    integration_users,
    store,
    ticket_care,
    ticket_outcomes,
    ticket_settling,
    tickets,
)
from services.actors import Permission
from services.errors import Refused


@blueprint.get("/incidents/<int:incident_id>/tickets")
@requires(Permission.INCIDENT_READ)
def ticket_section(incident_id: int) -> Response:
    """The section as stored; asks no provider. A page that shows it already gets only the times of the last look."""
    incident = incidents.get(actor(), incident_id)
    if not is_htmx():
        return done(url_for("incidents.detail", incident_id=incident.id), "")
    context = section(incident)
    if request.args.get("seen") == context["seen"]:
        response = render("incidents/_ticket_times.html", **context)
        response.headers["HX-Reswap"] = "none"
        return response
    body = render_template("incidents/_tickets.html", incident=incident, **context)
    return done("", "", partials=body + pages.parts(incident, pages.filters()))


@blueprint.route("/incidents/<int:incident_id>/tickets/new", methods=["GET", "POST"])
@requires(Permission.TICKET_WRITE)
def new_ticket(incident_id: int) -> Response:
    """The dialog. Posting here only redraws it with what follows from the choices made (Continue without
    JavaScript).
    """
    incident = incidents.get(actor(), incident_id)
    form, trouble = ticket_dialog.build(incident)
    return ticket_dialog.draw(incident, form, page_around(incident), message=trouble)


@blueprint.post("/incidents/<int:incident_id>/tickets")
@requires(Permission.TICKET_WRITE)
def create_ticket(incident_id: int) -> Response:
    """Create the ticket: one call, however often this is posted."""
    incident = incidents.get(actor(), incident_id)
    form, trouble = ticket_dialog.build(incident)
    if trouble or not form.validate_on_submit() or not form.dialog.complete:
        message = trouble or (None if form.errors else Message("alert", "Choose where the ticket goes, then continue."))
        return ticket_dialog.draw(incident, form, page_around(incident), status=422, message=message)
    try:
        ticket = tickets.create(actor(), incident.id, form.wanted())
    except Refused as error:
        form.refuse(error.field_errors)
        return ticket_dialog.draw(
            incident, form, page_around(incident), status=422, message=Message("alert", str(error))
        )
    if ticket.state in (TicketState.REJECTED, TicketState.FAILED):
        return _not_created(incident, form, ticket)
    return changed(incident, sentence_for(ticket))


def _not_created(incident: Incident, form: Any, ticket: Ticket) -> Response:
    """The dialog again with everything typed, the provider's reason at its fields, and a new one-time key."""
    rest = form.refuse(ticket.field_errors)
    detail = "; ".join(rest) if ticket.field_errors and rest else ("" if ticket.field_errors else ticket.reason)
    form.renew()
    link = view(ticket, True).attempt_url
    sentence = f"Not created: {ticket_outcomes.label(ticket)} refused the ticket"
    if ticket.state == TicketState.FAILED:
        sentence = "Not created: nothing was sent"
    message = Message("alert", sentence, detail, link, "See what happened" if link else "")
    return ticket_dialog.draw(incident, form, page_around(incident), status=422, message=message)


def sentence_for(ticket: Ticket) -> str:
    """What to say after a request was made or looked for."""
    if ticket.state == TicketState.CREATED:
        return f"Ticket {ticket.external_key} created"
    if ticket.state == TicketState.UNCLEAR:
        return f"Being confirmed: {ticket_outcomes.label(ticket)} did not say whether the ticket was created"
    return "The ticket is being created"


def changed(incident: Incident, sentence: str) -> Response:
    """The section and timeline as they are now, with a sentence."""
    target = url_for("incidents.detail", incident_id=incident.id)
    if not is_htmx():
        return done(target, sentence)
    fresh = store.get(Incident, incident.id)
    body = render_template("incidents/_tickets.html", incident=fresh, oob=True, **section(fresh))
    return done(target, sentence, partials=body + pages.parts(fresh, pages.filters()))


def page_around(incident: Incident) -> dict[str, Any]:
    """What the incident's page needs when the dialog stands on it."""
    return {} if is_htmx() else pages.detail(incident, pages.filters())


def load(incident_id: int, ticket_id: int) -> tuple[Incident, Ticket]:
    """Incident and ticket of an address. Raises Missing."""
    return incidents.get(actor(), incident_id), tickets.get(incident_id, ticket_id)


@blueprint.post("/incidents/<int:incident_id>/tickets/<int:ticket_id>/refresh")
@requires(Permission.TICKET_WRITE)
def refresh_ticket(incident_id: int, ticket_id: int) -> Response:
    """Ask the provider how the ticket stands."""
    incident, ticket = load(incident_id, ticket_id)
    ticket = ticket_care.refresh(actor(), ticket)
    # Read by the page itself right after creating: no sentence needed for that.
    return changed(incident, "" if request.form.get("quiet") else f"Ticket {ticket.external_key} is up to date")


@blueprint.post("/incidents/<int:incident_id>/tickets/<int:ticket_id>/look")
@requires(Permission.TICKET_WRITE)
def look_for_ticket(incident_id: int, ticket_id: int) -> Response:
    """Look now for a ticket whose creation has no known outcome."""
    incident, ticket = load(incident_id, ticket_id)
    state = ticket_settling.step(actor(), ticket.id)
    ticket = store.get(Ticket, ticket.id)
    return changed(incident, sentence_for(ticket) if state else "Not found yet. Patchpanel goes on looking.")


@blueprint.route("/incidents/<int:incident_id>/tickets/<int:ticket_id>/assign", methods=["GET", "POST"])
@requires(Permission.TICKET_WRITE)
def assign_ticket(incident_id: int, ticket_id: int) -> Response:
    """Assign again, or to another person."""
    incident, ticket = load(incident_id, ticket_id)
    if request.method == "GET":
        return _assign_dialog(incident, ticket)
    try:
        ticket = ticket_care.assign(actor(), ticket, request.form.get("integration_user", 0, type=int))
    except ProviderError as error:
        return _assign_dialog(incident, ticket, provider_message(error), 422)
    return changed(incident, f"Ticket {ticket.external_key} is assigned to {ticket.assignee}")


def _assign_dialog(incident: Incident, ticket: Ticket, message: Message | None = None, status: int = 200) -> Response:
    context = {
        "incident": incident,
        "ticket": ticket,
        "people": integration_users.choices(ticket.connection_id or 0, "", ticket_dialog.PEOPLE_IN_LIST),
        "message": message,
        "dialog": "incidents/_ticket_assign.html",
    }
    page = page_around(incident)
    return render(
        "incidents/detail.html", partial="incidents/_ticket_assign.html", status=status, **{**page, **context}
    )
