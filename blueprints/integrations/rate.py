"""How many tickets a connection may be given without asking."""

from __future__ import annotations

from flask import Response, url_for

from blueprints.access import actor, requires
from blueprints.integrations import blueprint
from blueprints.integrations.connection_views import load
from blueprints.rendering import Message, done, keep_message
from forms.routing import RateForm
from services import automatic_tickets
from services.actors import Permission


@blueprint.post("/connections/<int:connection_id>/configure/rate")
@requires(Permission.CONNECTION_MANAGE)
def rate(connection_id: int) -> Response:
    """Store the rate."""
    connection, _ = load(connection_id)
    form = RateForm()
    back = url_for("integrations.configure", connection_id=connection.id, _anchor="rate")
    if not form.validate_on_submit():
        keep_message(Message("alert", "The rate was not stored", " ".join(form.rate.errors)))
        return done(back, "")
    automatic_tickets.set_rate(actor(), connection, form.rate.data)
    return done(back, "The rate was stored")
