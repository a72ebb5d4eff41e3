"""Activity (outbound calls) and the audit log."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

import providers
from blueprints.access import requires
from blueprints.rendering import render
from services import activity as activity_service
from services import audit as audit_service
from services.activity import Outcome
from services.actors import Permission

OUTCOMES = ((Outcome.ALL, "All"), (Outcome.FAILED, "Failed"), (Outcome.NEVER_FINISHED, "Never finished"))


def attach(blueprint: Blueprint) -> None:
    """Put the views of this file under the settings blueprint."""
    blueprint.add_url_rule("/activity", "activity", activity)
    blueprint.add_url_rule("/activity/<int:attempt_id>", "attempt", attempt)
    blueprint.add_url_rule("/audit", "audit", audit)


def _outcome() -> Outcome:
    try:
        return Outcome(request.args.get("outcome", ""))
    except ValueError:
        return Outcome.ALL


@requires(Permission.ACTIVITY_READ)
def activity() -> Response:
    """Every call to the outside, newest first."""
    provider_key, outcome = request.args.get("provider", "")[:40], _outcome()
    found = activity_service.page(provider_key=provider_key, outcome=outcome, cursor=request.args.get("cursor"))

    def address(cursor: str | None = None, chosen: Outcome = outcome) -> str:
        return url_for(
            "settings.activity", provider=provider_key or None, outcome=chosen.value or None, cursor=cursor or None
        )

    return render(
        "settings/activity.html",
        attempts=found.items,
        state=activity_service.state,
        label=activity_service.provider_label,
        providers=providers.all_providers(),
        provider_key=provider_key,
        outcome=outcome,
        outcomes=[(chosen, words, address(chosen=chosen)) for chosen, words in OUTCOMES],
        next_url=address(found.next_cursor) if found.next_cursor else None,
        previous_url=address(found.previous_cursor) if found.previous_cursor else None,
    )


@requires(Permission.ACTIVITY_READ)
def attempt(attempt_id: int) -> Response:
    """One call with everything that is known about it."""
    found = activity_service.get(attempt_id)
    return render(
        "settings/attempt.html",
        attempt=found,
        state=activity_service.state(found),
        label=activity_service.provider_label(found.provider_key),
    )


@requires(Permission.AUDIT_READ)
def audit() -> Response:
    """Who changed what, newest first."""
    action = request.args.get("action", "")[:60]
    found = audit_service.page(action=action, cursor=request.args.get("cursor"))

    def address(cursor: str | None) -> str | None:
        return url_for("settings.audit", action=action or None, cursor=cursor) if cursor else None

    return render(
        "settings/audit.html",
        events=found.items,
        actions=audit_service.actions(),
        action=action,
        next_url=address(found.next_cursor),
        previous_url=address(found.previous_cursor),
    )
