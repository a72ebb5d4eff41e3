"""Configure: where the tickets of a connection go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, render_template, request, url_for

import providers
from blueprints.access import actor, requires
from blueprints.destination_steps import Way, walk
from blueprints.errors import provider_message
from blueprints.integrations import blueprint
from blueprints.rendering import Message, done, is_htmx, keep_message, render
from forms.routing import RateForm, RuleForm, rule_form
from models import Connection, Incident, RoutingRule
from providers.base import CreatesTickets
from providers.errors import ProviderError
from services import connections, destinations, dry_run, incidents, integration_users, outbound, routing, ticket_rules
from services.actors import Permission
from services.errors import Missing, Refused

PAGE = "integrations/configure.html"
DIALOG = "integrations/_rule_dialog.html"
PEOPLE_IN_LIST = 200
BASE = "/connections/<int:connection_id>/configure"


@blueprint.get(BASE)
@requires(Permission.CONNECTION_MANAGE)
def configure(connection_id: int) -> Response:
    """The rules, what they leave open, and which of them an incident would take."""
    connection = _load(connection_id)
    return render(PAGE, **_page(connection, request.args.get("incident", "")))


@blueprint.route(BASE + "/rules/new", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def new_rule(connection_id: int) -> Response:
    """The dialog for a new rule."""
    return _rule_dialog(_load(connection_id), None)


@blueprint.route(BASE + "/rules/<int:rule_id>", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def edit_rule(connection_id: int, rule_id: int) -> Response:
    """The dialog for a stored rule."""
    connection = _load(connection_id)
    return _rule_dialog(connection, routing.get(connection.id, rule_id))


@blueprint.post(BASE + "/rules/<int:rule_id>/move")
@requires(Permission.CONNECTION_MANAGE)
def move_rule(connection_id: int, rule_id: int) -> Response:
    """Ask the rule earlier or later (`to`), or at the place it was dragged to (`place`)."""
    connection = _load(connection_id)
    key = request.form.get("incident", "")
    try:
        message = _move(connection, rule_id)
    except (Missing, Refused) as error:
        if not is_htmx():
            raise
        sentence = str(error) if isinstance(error, Refused) else "This rule was removed meanwhile"
        return _rules(connection, key, Message("alert", sentence), status=422)
    if is_htmx():
        return _rules(connection, key, message)
    keep_message(message)
    where = {"connection_id": connection.id, "incident": key or None, "_anchor": f"rule-{rule_id}"}
    return done(url_for("integrations.configure", **where), "")


def _move(connection: Connection, rule_id: int) -> Message:
    rule = routing.get(connection.id, rule_id)
    number = request.form.get("place", type=int)
    if number is None or "to" in request.form:
        place = routing.move(actor(), connection, rule.id, up=request.form.get("to") == "up")
    else:
        place = routing.move_to(actor(), connection, rule.id, number)
    sentence = f"Moved: now rule {place.number} of {place.count}"
    return Message("status", sentence, f"When {routing.words(rule)} → {' / '.join(rule.destination_names.values())}")


def _rules(connection: Connection, incident_key: str, message: Message, *, status: int = 200) -> Response:
    """The list in its new order, what that means for the incident asked about, and the message."""
    context = _page(connection, incident_key)
    told = render_template("_status.html", message=message)
    which = render_template("integrations/_which.html", **context, oob=True)
    response = make_response(render_template("integrations/_rules.html", **context) + which + told, status)
    response.vary.add("HX-Request")
    return response


@blueprint.post(BASE + "/rules/<int:rule_id>/remove")
@requires(Permission.CONNECTION_MANAGE)
def remove_rule(connection_id: int, rule_id: int) -> Response:
    """Remove the rule; tickets stay as they are."""
    connection = _load(connection_id)
    routing.remove(actor(), connection, rule_id)
    return _back(connection, "The rule was removed")


@blueprint.post(BASE + "/dry-run")
@requires(Permission.CONNECTION_MANAGE)
def try_rule(connection_id: int) -> Response:
    """Ask the provider whether it would take an incident's ticket; creates nothing."""
    connection = _load(connection_id)
    key = request.form.get("incident", "")
    incident, _ = _asked(key)
    context: dict[str, Any] = {}
    if incident is not None:
        try:
            context["outcome"] = dry_run.ask(actor(), connection, incident)
        except Refused as error:
            context["messages"] = [Message("alert", str(error))]
        except ProviderError as error:
            context["messages"] = [provider_message(error, connection.provider_key)]
    return render(PAGE, **{**_page(connection, key), **context})


def _load(connection_id: int) -> Connection:
    connection = connections.get(actor(), connection_id)
    if not providers.get(connection.provider_key).can(CreatesTickets):
        raise Missing(f"Connection {connection_id}")
    return connection


def _back(connection: Connection, sentence: str) -> Response:
    return done(url_for("integrations.configure", connection_id=connection.id), sentence)


def _page(connection: Connection, incident_key: str) -> dict[str, Any]:
    rules = routing.of_connection(connection.id)
    incident, complaint = _asked(incident_key)
    return {
        "connection": connection,
        "provider": providers.get(connection.provider_key),
        "name": outbound.display_name(connection),
        "rules": [(rule, routing.words(rule), _gaps(connection, rule)) for rule in rules],
        "people": integration_users.named([rule.integration_user_id for rule in rules if rule.integration_user_id]),
        "incident_key": incident_key,
        "complaint": complaint,
        "asked": incident,
        "verdicts": routing.explain(connection.id, incident) if incident else [],
        "rule_words": routing.words,
        "change_rules": ticket_rules.offered(connection.provider_key),
        "rate_form": RateForm(data={"rate": connection.automatic_rate}),
    }


def _asked(key: str) -> tuple[Incident | None, str]:
    if not key.strip():
        return None, ""
    number = key.strip().upper().removeprefix("INC-")
    try:
        if not number.isdecimal():
            raise Missing(key)
        return incidents.get(actor(), int(number)), ""
    except Missing:
        return None, f"There is no incident {key.strip()}. Type its key, for example INC-12."


def _gaps(connection: Connection, rule: RoutingRule) -> routing.Gaps | str:
    """What the rule leaves open, or why that cannot be told."""
    if not connection.enabled:
        return "The connection is switched off: its fields were not asked for."
    try:
        return routing.gaps(rule, destinations.schema(actor(), connection, rule.destination))
    except ProviderError as error:
        return f"The fields of this destination could not be read: {error.cause}"


def _rule_dialog(connection: Connection, rule: RoutingRule | None) -> Response:
    typed = request.form if request.method == "POST" else {}
    way, trouble = _way(connection, typed, rule)
    form = _form(connection, way, rule)
    saving = request.method == "POST" and "save" in request.form
    if not saving or trouble or not form.validate() or way.schema is None:
        refused = saving or bool(trouble)
        return _draw(connection, rule, form, way, message=trouble, status=422 if refused else 200)
    try:
        routing.save(actor(), connection, form.draft(way.names), rule.id if rule else None)
    except Refused as error:
        for name, text in error.field_errors.items():
            form[name].errors = [*form[name].errors, text]
        return _draw(connection, rule, form, way, message=Message("alert", str(error)), status=422)
    return _back(connection, "The rule was saved")


def _way(connection: Connection, typed: Mapping[str, str], rule: RoutingRule | None) -> tuple[Way, Message | None]:
    way = Way()
    stored = rule.destination if rule else {}
    try:
        walk(connection, way, typed or stored)
    except ProviderError as error:
        return way, provider_message(error, connection.provider_key)
    return way, None


def _form(connection: Connection, way: Way, rule: RoutingRule | None) -> RuleForm:
    people = integration_users.choices(connection.id, "", PEOPLE_IN_LIST)
    form = rule_form(
        way.steps,
        way.schema,
        [(str(person.id), f"{person.name} ({person.email})") for person in people],
        [(person.external_id, person.name) for person in people],
        rule,
        way.chosen,
    )
    for step, _ in way.steps:
        form[step.key].data = way.chosen.get(step.key, "")
    return form


def _draw(
    connection: Connection,
    rule: RoutingRule | None,
    form: RuleForm,
    way: Way,
    *,
    message: Message | None,
    status: int,
) -> Response:
    where = {"connection_id": connection.id}
    url = (
        url_for("integrations.edit_rule", **where, rule_id=rule.id)
        if rule
        else url_for("integrations.new_rule", **where)
    )
    context = {"form": form, "way": way, "rule": rule, "rule_url": url, "message": message, "dialog": DIALOG}
    page = {"connection": connection} if is_htmx() else _page(connection, "")
    return render(PAGE, partial=DIALOG, status=status, **{**page, **context})
