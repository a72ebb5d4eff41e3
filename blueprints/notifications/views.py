"""Notifications: what was told, newest first, and what of it is new."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from blueprints.access import actor, requires
from blueprints.rendering import done, render
from services import notices
from services.actors import Permission
from services.notices import Level

blueprint = Blueprint("notifications", __name__)
# Colour and word of each level.
BADGES = {
    Level.PROBLEM: ("danger", "Problem"),
    Level.WARNING: ("attention", "Warning"),
    Level.GOOD: ("active", "Solved"),
    Level.INFO: ("neutral", "Note"),
}


@blueprint.get("")
@requires(Permission.OWN_ACCOUNT)
def index() -> Response:
    """What this person may see."""
    found = notices.page(actor(), cursor=request.args.get("cursor"))

    def address(cursor: str | None) -> str | None:
        return url_for("notifications.index", cursor=cursor) if cursor else None

    return render(
        "notifications/index.html",
        notices=found.items,
        badges=BADGES,
        seen_up_to=notices.seen_up_to(actor()),
        newest=notices.newest(actor()),
        next_url=address(found.next_cursor),
        previous_url=address(found.previous_cursor),
    )


@blueprint.post("/read")
@requires(Permission.OWN_ACCOUNT)
def read() -> Response:
    """Everything up to what the page showed is read; what came meanwhile stays new."""
    notices.mark_seen(actor(), request.form.get("up_to", 0, type=int))
    return done(url_for("notifications.index"), "All notifications are marked as read")
