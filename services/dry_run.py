"""Asking a provider whether it would take an incident's ticket, without creating one."""

from __future__ import annotations

from dataclasses import dataclass

from models import Connection, Incident, IntegrationUser, RoutingRule
from providers.errors import InvalidInput
from providers.values import DestinationField, FieldValue, TicketDraft
from services import destinations, outbound, routing, store, tickets
from services.actors import Actor
from services.errors import Missing, Refused
from services.runtime import settings


@dataclass(frozen=True)
class Outcome:
    """What came of it: `accepted` is None when the provider has no way to say."""

    accepted: bool | None
    complaints: tuple[str, ...] = ()
    # Required fields the rule leaves to responders: they were left out of the question.
    left_open: tuple[str, ...] = ()


def ask(actor: Actor, connection: Connection, incident: Incident) -> Outcome:
    """Let the provider validate the ticket the rules would make of this incident.

    Raises Refused when no rule takes the incident or the connection is switched off, ProviderError when it cannot be
    asked.
    """
    rule = routing.route(connection.id, incident)
    if rule is None:
        raise Refused("No rule takes this incident, so there is nothing to try.")
    if not connection.enabled:
        raise Refused("This connection is switched off and makes no calls.")
    schema = destinations.schema(actor, connection, rule.destination)
    known = {f.id: f for f in (*schema.fields, *schema.optional)}
    filled = routing.defaults_for(rule, incident)
    values = {name: FieldValue(known[name].kind, value) for name, value in filled.items() if name in known}
    draft = _draft(incident, rule, values, _assignee(rule), assignee_on_create=schema.assignee_on_create)
    left_open = tuple(f.label for f in schema.fields if f.id not in values)
    try:
        asked = outbound.client_for(connection, actor).dry_run(draft)
    except InvalidInput as error:
        return Outcome(False, _complaints(error, known), left_open)
    return Outcome(True if asked else None, (), left_open)


def _complaints(error: InvalidInput, known: dict[str, DestinationField]) -> tuple[str, ...]:
    named = [f"{known[name].label if name in known else name}: {text}" for name, text in error.field_errors.items()]
    return tuple(named) or (error.vendor_message or error.cause,)


def _assignee(rule: RoutingRule) -> str:
    if rule.integration_user_id is None:
        return ""
    try:
        return store.get(IntegrationUser, rule.integration_user_id).external_id
    except Missing:
        return ""


def _draft(
    incident: Incident,
    rule: RoutingRule,
    values: dict[str, FieldValue],
    assignee_id: str,
    *,
    assignee_on_create: bool,
) -> TicketDraft:
    return TicketDraft(
        marker=tickets.new_marker(),
        summary=incident.title[:250],
        description=incident.description,
        destination=rule.destination,
        values=values,
        assignee_id=assignee_id,
        assignee_on_create=assignee_on_create,
        incident_url=f"{settings().base_url}/incidents/{incident.id}",
        incident_key=incident.key,
    )
