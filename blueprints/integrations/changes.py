"""When things change: which rules tie the incidents and tickets of a connection together."""

from __future__ import annotations

from flask import Response, request, url_for

from blueprints.access import actor, requires
from blueprints.integrations import blueprint
from blueprints.integrations.connection_views import load
from blueprints.rendering import done
from services import ticket_rules
from services.actors import Permission


@blueprint.post("/connections/<int:connection_id>/configure/when-things-change")
@requires(Permission.CONNECTION_MANAGE)
def when_things_change(connection_id: int) -> Response:
    """Save which rules are on: those that are ticked, and no others."""
    connection, _ = load(connection_id)
    ticket_rules.change(actor(), connection, request.form.getlist("rule"))
    where = url_for("integrations.configure", connection_id=connection.id, _anchor="when-things-change")
    return done(where, "Saved what happens when things change")
