"""System Info, and putting the sandbox strip away."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request

from blueprints.access import requires
from blueprints.rendering import is_htmx, render
from blueprints.sessions import safe_next
from services import background
from services import system as service
from services.actors import Permission
from services.runtime import runtime
from services.sessions import ABSOLUTE, IDLE, MOST

THIRTY_DAYS = 30 * 24 * 3600


def attach(blueprint: Blueprint) -> None:
    """Put the views of this file under the settings blueprint."""
    blueprint.add_url_rule("", "home", system)
    blueprint.add_url_rule("/system", "system", system)
    blueprint.add_url_rule("/sandbox/dismiss", "dismiss_sandbox", dismiss_sandbox, methods=["POST"])


@requires(Permission.SYSTEM_READ)
def system() -> Response:
    """How this installation runs, and what should be put right."""
    now = runtime()
    return render(
        "settings/system.html",
        info=service.info(reached_under=request.host_url),
        settings=now.settings,
        outbound=[entry.strip() for entry in now.settings.outbound_allow.split(",") if entry.strip()],
        background=background.state(),
        now=service.now_text(),
        process=service.process(),
        limits={"idle": IDLE, "absolute": ABSOLUTE, "sessions": MOST},
    )


@requires(Permission.OWN_ACCOUNT)
def dismiss_sandbox() -> Response:
    """Hide the sandbox strip in this browser."""
    if is_htmx():
        response = make_response("", 204)
    else:
        response = make_response(redirect(safe_next(request.form.get("next", "")), 303))
    response.set_cookie("pp-sandbox", "dismissed", max_age=THIRTY_DAYS, path="/", httponly=True, samesite="Lax")
    return response
