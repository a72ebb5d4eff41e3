"""One stored connection: look, change, check, switch, disconnect."""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for

import providers
from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.integrations import blueprint, cards
from blueprints.integrations.views import PAGE, explain, form_dialog, saved, try_typed
from blueprints.rendering import done, is_htmx, render
from forms.connection import connection_form
from models import Connection
from providers.base import Provider
from providers.errors import ProviderError
from services import connections
from services.actors import Permission
from services.errors import Missing, Refused


@blueprint.get("/connections/<int:connection_id>")
@requires(Permission.CONNECTION_MANAGE)
def show(connection_id: int) -> Response:
    """The connection, read-only; secrets are not part of it."""
    connection, provider = _load(connection_id)
    context = {
        "connection": connection,
        "provider": provider,
        "method": provider.auth_method(connection.auth_method),
        "line": cards.line(connection),
        "edit_url": _edit_url(connection, provider),
        "dialog": "integrations/_show_dialog.html",
    }
    page = {} if is_htmx() else cards.page_context()
    return render(PAGE, partial="integrations/_show_dialog.html", **page, **context)


@blueprint.route("/connections/<int:connection_id>/edit", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def edit(connection_id: int) -> Response:
    """The same form with the stored values; blank secrets are kept."""
    connection, provider = _load(connection_id)
    if provider.auth_method(connection.auth_method).consent is not None:
        return done(_edit_url(connection, provider), "")
    form = connection_form(provider, provider.auth_method(connection.auth_method), connection)
    if not form.validate_on_submit():
        return form_dialog(form, connection, refused=form.is_submitted())
    try:
        connection = connections.update(actor(), connection, form.typed())
    except (ProviderError, Refused) as error:
        return form_dialog(form, connection, refused=True, message=explain(form, error))
    return saved(provider, "Connection updated" if connection.enabled else "Connection saved")


@blueprint.post("/connections/<int:connection_id>/test")
@requires(Permission.CONNECTION_MANAGE)
def test(connection_id: int) -> Response:
    """Try the typed values together with the kept secrets; saves nothing."""
    connection, provider = _load(connection_id)
    if provider.auth_method(connection.auth_method).consent is not None:
        raise Missing(f"Connection {connection_id}")  # nothing typed can be tried: it takes a person's consent
    return try_typed(connection_form(provider, provider.auth_method(connection.auth_method), connection), connection)


@blueprint.post("/connections/<int:connection_id>/check")
@requires(Permission.CONNECTION_MANAGE)
def check(connection_id: int) -> Response:
    """Ask the provider now."""
    connection, provider = _load(connection_id)
    try:
        connections.check(actor(), connection)
    except ProviderError as error:
        return _check_failed(provider, error)
    return saved(provider, f"{provider.label} is connected and active")


def _check_failed(provider: Provider, error: ProviderError) -> Response:
    """The alert, and the card as it stands after the failure."""
    message = provider_message(error, provider.key)
    if is_htmx():
        alert = render_template("_alert.html", message=message)
        response = make_response(alert + cards.rendered_card(provider), 502)
        response.vary.add("HX-Request")
        return response
    return render(PAGE, status=502, **cards.page_context(messages=[message]))


@blueprint.post("/connections/<int:connection_id>/switch")
@requires(Permission.CONNECTION_MANAGE)
def switch(connection_id: int) -> Response:
    """Switch on or off."""
    connection, provider = _load(connection_id)
    on = request.form.get("on") == "1"
    connections.switch(actor(), connection, on=on)
    return saved(
        provider, "The connection is switched on" if on else "The connection is switched off and makes no calls"
    )


@blueprint.route("/connections/<int:connection_id>/disconnect", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def disconnect(connection_id: int) -> Response:
    """Ask, saying what stops and what stays; then remove."""
    connection, provider = _load(connection_id)
    if request.method == "POST":
        connections.disconnect(actor(), connection)
        return saved(provider, f"{provider.label} is disconnected")
    context = {
        "connection": connection,
        "provider": provider,
        "line": cards.line(connection),
        "consequences": connections.consequences(connection),
        "dialog": "integrations/_disconnect_dialog.html",
    }
    page = {} if is_htmx() else cards.page_context()
    return render(PAGE, partial="integrations/_disconnect_dialog.html", **page, **context)


def _edit_url(connection: Connection, provider: Provider) -> str:
    by_consent = provider.auth_method(connection.auth_method).consent is not None
    return url_for("connect.edit" if by_consent else "integrations.edit", connection_id=connection.id)


def _load(connection_id: int) -> tuple[Connection, Provider]:
    connection = connections.get(actor(), connection_id)
    return connection, providers.get(connection.provider_key)
