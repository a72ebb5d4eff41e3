"""One stored connection: look, change, check, switch, disconnect."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request, url_for

import providers
from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.integrations import blueprint, cards
from blueprints.integrations.views import PAGE, explain, form_dialog, saved, try_typed, works
from blueprints.rendering import Message, done, is_htmx, keep_message, render
from forms.connection import connection_form
from models import Connection
from providers.base import Provider, ReceivesWebhooks
from providers.errors import ProviderError
from services import connection_health, connections, disconnecting
from services.actors import Permission
from services.errors import Missing, Refused

SHOW_DIALOG = "integrations/_show_dialog.html"
STATE = "integrations/_connection_state.html"


@blueprint.get("/connections/<int:connection_id>")
@requires(Permission.CONNECTION_MANAGE)
def show(connection_id: int) -> Response:
    """The connection, read-only; secrets are not part of it."""
    return _show(*load(connection_id))


def _show(
    connection: Connection, provider: Provider, *, message: Message | None = None, status: int = 200, card: bool = False
) -> Response:
    """The read-only dialog; with `card` htmx gets the card as it is now besides."""
    context = {**_context(connection, provider), "message": message, "dialog": SHOW_DIALOG}
    page = {} if is_htmx() else cards.page_context()
    response = render(PAGE, partial=SHOW_DIALOG, status=status, **page, **context)
    if card and is_htmx():
        response.set_data(response.get_data(as_text=True) + cards.rendered_card(provider))
    return response


def _context(connection: Connection, provider: Provider) -> dict[str, Any]:
    return {
        "connection": connection,
        "provider": provider,
        "method": provider.auth_method(connection.auth_method),
        "line": cards.line(connection),
        "edit_url": _edit_url(connection, provider),
        "receives_webhooks": provider.can(ReceivesWebhooks),
    }


@blueprint.route("/connections/<int:connection_id>/edit", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def edit(connection_id: int) -> Response:
    """The same form with the stored values; blank secrets are kept."""
    connection, provider = load(connection_id)
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
    connection, provider = load(connection_id)
    if provider.auth_method(connection.auth_method).consent is not None:
        raise Missing(f"Connection {connection_id}")  # nothing typed can be tried: it takes a person's consent
    return try_typed(connection_form(provider, provider.auth_method(connection.auth_method), connection), connection)


@blueprint.post("/connections/<int:connection_id>/check")
@requires(Permission.CONNECTION_MANAGE)
def check(connection_id: int) -> Response:
    """Ask the provider now; the answer shows where the button stands, on the card or in the dialog."""
    connection, provider = load(connection_id)
    in_dialog = request.form.get("from") == "dialog"
    try:
        found = connection_health.check(actor(), connection, permissions=True)
    except ProviderError as error:
        return _check_failed(connection, provider, error, in_dialog=in_dialog)
    message = works(found, f"{provider.label} is connected and active")
    if in_dialog:
        return _show(found.connection, provider, message=message, card=True)
    if is_htmx():
        status = render_template("_status.html", message=message)
        return _pieces(cards.rendered_card(provider, checked=connection.id) + status)
    keep_message(message)
    return done(url_for("integrations.index", checked=connection.id, _anchor=f"connection-{connection.id}"), "")


def _check_failed(connection: Connection, provider: Provider, error: ProviderError, *, in_dialog: bool) -> Response:
    """The alert, and the card as it stands after the failure."""
    message = provider_message(error, provider.key)
    if is_htmx():
        alert, card = render_template("_alert.html", message=message), cards.rendered_card(provider)
        state = render_template(STATE, **_context(connection, provider), oob=True) if in_dialog else ""
        return _pieces(alert + card + state, 502)
    if in_dialog:
        return _show(connection, provider, message=message, status=502)
    return render(PAGE, status=502, **cards.page_context(messages=[message]))


def _pieces(html: str, status: int = 200) -> Response:
    response = make_response(html, status)
    response.vary.add("HX-Request")
    return response


@blueprint.post("/connections/<int:connection_id>/switch")
@requires(Permission.CONNECTION_MANAGE)
def switch(connection_id: int) -> Response:
    """Switch on or off."""
    connection, provider = load(connection_id)
    on = request.form.get("on") == "1"
    connections.switch(actor(), connection, on=on)
    return saved(
        provider, "The connection is switched on" if on else "The connection is switched off and makes no calls"
    )


@blueprint.route("/connections/<int:connection_id>/disconnect", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def disconnect(connection_id: int) -> Response:
    """Ask, saying what stops and what stays; then remove."""
    connection, provider = load(connection_id)
    if request.method == "POST":
        disconnecting.disconnect(actor(), connection)
        return saved(provider, f"{provider.label} is disconnected")
    context = {
        "connection": connection,
        "provider": provider,
        "line": cards.line(connection),
        "consequences": disconnecting.consequences(connection),
        "dialog": "integrations/_disconnect_dialog.html",
    }
    page = {} if is_htmx() else cards.page_context()
    return render(PAGE, partial="integrations/_disconnect_dialog.html", **page, **context)


def _edit_url(connection: Connection, provider: Provider) -> str:
    by_consent = provider.auth_method(connection.auth_method).consent is not None
    return url_for("connect.edit" if by_consent else "integrations.edit", connection_id=connection.id)


def load(connection_id: int) -> tuple[Connection, Provider]:
    """The connection and its provider. Raises Missing."""
    connection = connections.get(actor(), connection_id)
    return connection, providers.get(connection.provider_key)
