"""Linking, unlinking and deciding: what people settle themselves."""

from __future__ import annotations

from flask import Response, make_response, render_template, request

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.incidents import blueprint
from blueprints.incidents.tickets import changed, load, page_around, sentence_for
from blueprints.rendering import Message, is_htmx, render
from providers.base import CreatesTickets
from providers.errors import InvalidInput, ProviderError
from services import connections, incidents, outbound, ticket_care
from services.actors import Permission
from services.errors import Refused


@blueprint.route("/incidents/<int:incident_id>/tickets/link", methods=["GET", "POST"])
@requires(Permission.TICKET_WRITE)
def link_ticket(incident_id: int) -> Response:
    """Tie an existing ticket to the incident."""
    incident = incidents.get(actor(), incident_id)
    message, status = None, 200
    if request.method == "POST":
        try:
            connection_id = request.form.get("connection", 0, type=int)
            ticket = ticket_care.link(actor(), incident.id, connection_id, request.form.get("reference", ""))
            return changed(incident, f"Ticket {ticket.external_key} is linked")
        except (ProviderError, Refused) as error:
            message, status = reference_trouble(error), 422
    usable = connections.with_capability(CreatesTickets)
    context = {
        "incident": incident,
        "choices": [(c.id, outbound.display_name(c)) for c in usable],
        "typed": request.form,
        "message": message,
        "dialog": "incidents/_ticket_link.html",
    }
    page = page_around(incident)
    return render("incidents/detail.html", partial="incidents/_ticket_link.html", status=status, **{**page, **context})


def reference_trouble(error: ProviderError | Refused) -> Message:
    """Why a key or link cannot be used."""
    if isinstance(error, Refused):
        return Message("alert", str(error))
    if isinstance(error, InvalidInput):
        return Message("alert", error.cause)
    return provider_message(error)


@blueprint.route("/incidents/<int:incident_id>/tickets/<int:ticket_id>/unlink", methods=["GET", "POST"])
@requires(Permission.TICKET_WRITE)
def unlink_ticket(incident_id: int, ticket_id: int) -> Response:
    """Forget the tie; the ticket stays at the provider."""
    incident, ticket = load(incident_id, ticket_id)
    if request.method == "POST":
        ticket_care.unlink(actor(), ticket)
        return changed(incident, f"Ticket {ticket.external_key} is unlinked")
    context = {"incident": incident, "ticket": ticket, "dialog": "incidents/_ticket_unlink.html"}
    page = page_around(incident)
    return render("incidents/detail.html", partial="incidents/_ticket_unlink.html", **{**page, **context})


@blueprint.route("/incidents/<int:incident_id>/tickets/<int:ticket_id>/decide", methods=["POST"])
@requires(Permission.TICKET_WRITE)
def decide_ticket(incident_id: int, ticket_id: int) -> Response:
    """A person settles what the provider leaves open: adopt, create again, cancel."""
    incident, ticket = load(incident_id, ticket_id)
    choice = request.form.get("decision", "")
    if choice == "adopt":
        try:
            ticket = ticket_care.adopt(actor(), ticket, request.form.get("reference", ""))
        except (ProviderError, Refused) as error:
            return _decision_refused(reference_trouble(error))
        return changed(incident, f"Ticket {ticket.external_key} is taken")
    if choice == "again":
        ticket = ticket_care.create_again(actor(), ticket)
        return changed(incident, sentence_for(ticket))
    ticket_care.cancel(actor(), ticket)
    return changed(incident, "The request is cancelled")


def _decision_refused(message: Message) -> Response:
    template = "_alert.html" if is_htmx() else "error.html"
    response = make_response(render_template(template, message=message, status=409), 409)
    response.vary.add("HX-Request")
    return response
