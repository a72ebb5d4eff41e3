"""Routing rules: kept in order, asked per incident, explained in words."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from extensions import db
from models import Connection, Incident, IntegrationUser, RoutingRule, Severity
from providers.base import utcnow
from providers.values import DestinationField, DestinationFieldKind, DestinationSchema, FieldValue
from services import destinations, events, outbound, store
from services.actors import Actor
from services.errors import Missing, Refused

MOST_RULES = 100


@dataclass(frozen=True)
class Draft:
    """A rule as typed."""

    conditions: Mapping[str, Any]
    destination: Mapping[str, str]
    destination_names: Mapping[str, str]
    field_defaults: Mapping[str, FieldValue] = field(default_factory=dict)
    severity_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    integration_user_id: int | None = None
    automatic: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a rule takes an incident, and why: each condition in words with its answer."""

    rule: RoutingRule
    reasons: tuple[tuple[str, bool], ...]
    taken: bool


def of_connection(connection_id: int) -> Sequence[RoutingRule]:
    """The rules in the order they are asked: those with conditions by position, then the default."""
    query = select(RoutingRule).where(RoutingRule.connection_id == connection_id).order_by(RoutingRule.position)
    # Anew, even when older copies are at hand: they are read under a lock, too.
    found = db.session.scalars(query.execution_options(populate_existing=True)).all()
    return sorted(found, key=lambda rule: rule.is_default)


def get(connection_id: int, rule_id: int) -> RoutingRule:
    """A rule of this connection. Raises Missing."""
    rule = store.get(RoutingRule, rule_id)
    if rule.connection_id != connection_id:
        raise Missing(f"RoutingRule {rule_id}")
    return rule


def explain(connection_id: int, incident: Incident) -> list[Verdict]:
    """What each rule says of the incident; the first that takes it is marked."""
    verdicts, found = [], False
    for rule in of_connection(connection_id):
        reasons = tuple(_reasons(rule, incident))
        takes = not found and all(holds for _, holds in reasons)
        found = found or takes
        verdicts.append(Verdict(rule, reasons, takes))
    return verdicts


def route(connection_id: int, incident: Incident) -> RoutingRule | None:
    """The rule that takes the incident, None when no rule does."""
    return next((verdict.rule for verdict in explain(connection_id, incident) if verdict.taken), None)


def takes(rule: RoutingRule, incident: Incident) -> bool:
    """Whether all conditions of the rule hold for the incident."""
    return all(holds for _, holds in _reasons(rule, incident))


def _reasons(rule: RoutingRule, incident: Incident) -> list[tuple[str, bool]]:
    conditions = rule.conditions
    reasons = []
    if sources := conditions.get("source"):
        holds = incident.source.lower() in {source.lower() for source in sources}
        reasons.append((f"source is {_either(sources)} (it is “{incident.source}”)", holds))
    if severities := conditions.get("severity"):
        reasons.append(
            (f"severity is {_either(severities)} (it is “{incident.severity}”)", incident.severity in severities)
        )
    if labels := conditions.get("label"):
        holds = bool({label.lower() for label in labels} & {label.lower() for label in incident.labels})
        has = ", ".join(incident.labels) or "none"
        reasons.append((f"one of its labels is {_either(labels)} (they are: {has})", holds))
    if pattern := conditions.get("resource"):
        holds = fnmatch.fnmatchcase(incident.resource.lower(), pattern.lower())
        reasons.append((f"resource matches “{pattern}” (it is “{incident.resource or 'none'}”)", holds))
    return reasons


def _either(values: Sequence[str]) -> str:
    return " or ".join(f"“{value}”" for value in values)


def words(rule: RoutingRule) -> str:
    """The conditions of a rule in one line."""
    conditions = rule.conditions
    parts = []
    for name, label in (("source", "source"), ("severity", "severity"), ("label", "label")):
        if conditions.get(name):
            parts.append(f"{label} is {_either(conditions[name])}")
    if conditions.get("resource"):
        parts.append(f"resource matches “{conditions['resource']}”")
    return " and ".join(parts) or "every other incident"


def save(actor: Actor, connection: Connection, draft: Draft, rule_id: int | None = None) -> RoutingRule:
    """Store a new or changed rule. Raises Refused when it would be a second default, or one too many."""
    now = utcnow()
    with store.write() as session:
        store.locked(session, Connection, connection.id)
        _refuse(session, connection.id, draft, rule_id)
        if rule_id is None:
            rule = RoutingRule(
                connection_id=connection.id, position=_next_position(session, connection.id), created_at=now
            )
            session.add(rule)
        else:
            rule = store.locked(session, RoutingRule, rule_id)
        rule.conditions = dict(draft.conditions)
        rule.destination = dict(draft.destination)
        rule.destination_names = dict(draft.destination_names)
        rule.field_defaults = {n: {"kind": str(f.kind), "value": f.value} for n, f in draft.field_defaults.items()}
        rule.severity_values = {severity: dict(values) for severity, values in draft.severity_values.items()}
        rule.integration_user_id = draft.integration_user_id
        rule.automatic = draft.automatic
        rule.updated_at = now
        session.flush()
        _event(session, actor, "routing_rule.saved", connection, rule)
    destinations.forget(connection.id)
    return rule


def _refuse(session: Session, connection_id: int, draft: Draft, rule_id: int | None) -> None:
    others = session.scalars(
        select(RoutingRule).where(RoutingRule.connection_id == connection_id, RoutingRule.id != (rule_id or 0))
    ).all()
    if not draft.conditions and any(rule.is_default for rule in others):
        raise Refused("There is a default rule already: give this one at least one condition, or change that one.")
    if rule_id is None and len(others) >= MOST_RULES:
        raise Refused(f"A connection takes at most {MOST_RULES} rules.")
    if draft.automatic and draft.integration_user_id is None:
        text = "Choose who gets the tickets that are created without asking."
        raise Refused(text, field_errors={"integration_user": text})
    if draft.integration_user_id is not None:
        person = session.get(IntegrationUser, draft.integration_user_id)
        if person is None or person.connection_id != connection_id:
            raise Refused("Choose a person of this integration.")


def _next_position(session: Session, connection_id: int) -> int:
    last = session.scalar(select(func.max(RoutingRule.position)).where(RoutingRule.connection_id == connection_id))
    return (last or 0) + 1


@dataclass(frozen=True)
class Place:
    """Where a rule stands among those with conditions: `number` of `count`, counted from 1."""

    number: int
    count: int


def move(actor: Actor, connection: Connection, rule_id: int, *, up: bool) -> Place:
    """Ask the rule one place earlier or later. Returns its new place. Raises as `move_to`."""
    return _move(actor, connection, rule_id, lambda number: number - 1 if up else number + 1)


def move_to(actor: Actor, connection: Connection, rule_id: int, number: int) -> Place:
    """Ask the rule at this place, counted from 1; those between it and its old place make room.

    A number beyond the ends means the end. Returns its new place. Raises Missing when the rule is gone, and Refused for
    the default rule, which stays last.
    """
    return _move(actor, connection, rule_id, lambda _: number)


def _move(actor: Actor, connection: Connection, rule_id: int, wanted: Callable[[int], int]) -> Place:
    """`wanted` gets the rule's number as it is under the lock, for two people may move rules at once."""
    with store.write() as session:
        store.locked(session, Connection, connection.id)
        rules = list(of_connection(connection.id))
        moved = next((rule for rule in rules if rule.id == rule_id), None)
        if moved is None:
            raise Missing(f"RoutingRule {rule_id}")
        if moved.is_default:
            raise Refused("The default rule stays last.")
        others = [rule for rule in rules if not rule.is_default and rule is not moved]
        before = rules.index(moved) + 1
        number = min(max(wanted(before), 1), len(others) + 1)
        if number != before:
            others.insert(number - 1, moved)
            for position, rule in enumerate(others, start=1):
                rule.position = position
            _event(session, actor, "routing_rule.moved", connection, moved)
        return Place(number, len(rules) - any(rule.is_default for rule in rules))


def remove(actor: Actor, connection: Connection, rule_id: int) -> None:
    """Remove a rule. Raises Missing."""
    with store.write() as session:
        store.locked(session, Connection, connection.id)
        rule = store.locked(session, RoutingRule, rule_id)
        if rule.connection_id != connection.id:
            raise Missing(f"RoutingRule {rule_id}")
        _event(session, actor, "routing_rule.removed", connection, rule)
        session.delete(rule)


def defaults_for(rule: RoutingRule, incident: Incident) -> dict[str, Any]:
    """What the rule puts into the destination's fields for this incident; severity decides over stored defaults."""
    values = {name: stored["value"] for name, stored in rule.field_defaults.items()}
    return values | rule.severity_values.get(incident.severity, {})


@dataclass(frozen=True)
class Gaps:
    """Required fields of a rule's destination that nobody fills: responders are asked, or it cannot be drawn at all."""

    asked: tuple[DestinationField, ...]
    impossible: tuple[DestinationField, ...]


def gaps(rule: RoutingRule, schema: DestinationSchema) -> Gaps:
    """Compare what the destination demands with what the rule stores."""
    mapped = (
        set.intersection(*(set(rule.severity_values.get(s, {})) for s in Severity)) if rule.severity_values else set()
    )
    filled = set(rule.field_defaults) | mapped
    open_fields = [f for f in schema.fields if f.id not in filled]
    unsupported = DestinationFieldKind.UNSUPPORTED
    return Gaps(
        tuple(f for f in open_fields if f.kind is not unsupported),
        tuple(f for f in open_fields if f.kind is unsupported),
    )


def _event(session: Session, actor: Actor, action: str, connection: Connection, rule: RoutingRule) -> None:
    name = " / ".join(rule.destination_names.values()) or "no destination"
    target = f"{outbound.display_name(connection)}: {words(rule)} → {name}"
    events.record(session, actor, action, kind="routing_rule", target_id=rule.id, target=target)
