"""Gathering what the ticket dialog offers, and drawing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from blueprints.destination_steps import Way, walk
from blueprints.errors import provider_message
from blueprints.rendering import Message, render
from forms.destination_fields import PREFIX, shown, undrawable
from forms.tickets import Dialog, TicketForm, ticket_form
from models import Connection, Incident
from providers.base import CreatesTickets
from providers.errors import ProviderError
from services import connections, integration_users, outbound, routing, ticket_care
from services.errors import Missing

PEOPLE_IN_LIST = 200


def gather(incident: Incident, typed: Mapping[str, str], *, sent: bool = False) -> tuple[Dialog, Message | None]:
    """Everything there is to choose from, given what is chosen already; and what could not be asked for.

    Args:
        sent: the form was filled in and sent: it is taken with the lists known lately, without asking for newer ones.
    """
    usable = connections.with_capability(CreatesTickets)
    connection = _chosen(usable, typed.get("connection", ""), incident)
    dialog = Dialog(connections=[(str(c.id), outbound.display_name(c)) for c in usable])
    if connection is None:
        return dialog, None
    people = _people(connection, typed)
    dialog.many_people = len(people) >= PEOPLE_IN_LIST or bool(typed.get("person_search"))
    dialog.people = [(str(p.id), f"{p.name} ({p.email})") for p in people]
    dialog.people_by_external_id = [(p.external_id, p.name) for p in people]
    chosen: dict[str, str] = {"connection": str(connection.id)}
    if len(people) == 1:
        chosen["integration_user"] = str(people[0].id)
    rule = routing.route(connection.id, incident)
    if rule is not None and rule.integration_user_id in {person.id for person in people}:
        chosen["integration_user"] = str(rule.integration_user_id)
    usual = rule.destination if rule is not None and rule.destination else connection.destination
    # What was chosen for another integration means nothing here.
    same = typed.get("connection", "") in ("", str(connection.id))
    way, trouble = Way(), None
    try:
        walk(connection, way, typed if same else {}, usual, known=sent)
    except ProviderError as error:
        trouble = provider_message(error, connection.provider_key)
    dialog.steps, dialog.schema = way.steps, way.schema
    dialog.chosen = {**chosen, **way.chosen}
    if rule is not None and rule.destination == way.chosen:
        dialog.defaults = routing.defaults_for(rule, incident)
    return dialog, trouble


def _people(connection: Connection, typed: Mapping[str, str]) -> list[integration_users.PersonChoice]:
    """Who can be chosen: everybody, or with many people those found; whoever is chosen already stays in the list."""
    people = integration_users.choices(connection.id, typed.get("person_search", ""), PEOPLE_IN_LIST)
    number = typed.get("integration_user", "")
    if number.isdecimal() and number not in {str(person.id) for person in people}:
        try:
            kept = integration_users.get_choice(int(number))
        except Missing:
            return people
        if kept.active and kept.connection_id == connection.id:
            people = [kept, *people]
    return people


def _chosen(usable: Any, typed: str, incident: Incident) -> Connection | None:
    """The integration chosen in the form, else the first one without a ticket of this incident."""
    if typed:
        return next((c for c in usable if str(c.id) == typed), None)
    taken = {t.connection_id for t in ticket_care.of_incident(incident.id) if t.is_open}
    return next((c for c in usable if c.id not in taken), usable[0] if usable else None)


def build(incident: Incident) -> tuple[TicketForm, Message | None]:
    """The form for what is typed so far."""
    sent = request.method == "POST"
    dialog, trouble = gather(incident, request.form if sent else request.args, sent=sent)
    form = ticket_form(dialog, incident)
    _complete_choices(form, dialog)
    return form, trouble


def _complete_choices(form: TicketForm, dialog: Dialog) -> None:
    """Selections the page could not have known (a remembered project) are filled in; typed ones stay."""
    for step, choices in dialog.steps:
        values = {choice.value for choice in choices}
        if form[step.key].data not in values:
            form[step.key].data = dialog.chosen.get(step.key, "")
    if form.connection.data in (None, "") and dialog.chosen.get("connection"):
        form.connection.data = dialog.chosen["connection"]
    if form.integration_user.data not in {value for value, _ in dialog.people}:
        form.integration_user.data = dialog.chosen.get("integration_user", "")
    for definition in dialog.fields:
        # Drawn for the first time by this redraw: what was posted could not know it.
        name = PREFIX + definition.id
        if definition.id in dialog.defaults and name not in request.form:
            form[name].data = shown(definition, dialog.defaults[definition.id])


def draw(
    incident: Incident, form: TicketForm, page: dict[str, Any], *, status: int = 200, message: Message | None = None
) -> Response:
    """The dialog, alone for htmx or on the incident's page."""
    blocked = undrawable(form.dialog.schema)
    context = {
        "incident": incident,
        "form": form,
        "dialog_state": form.dialog,
        "blocked": blocked,
        "message": message,
        "dialog": "incidents/_ticket_dialog.html",
    }
    return render(
        "incidents/detail.html",
        partial="incidents/_ticket_dialog.html",
        status=status,
        **{**page, **context},
    )
