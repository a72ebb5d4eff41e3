"""Leaving for the vendor: Install, Edit of a connection made by consent, Reconnect."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

import providers
from blueprints.access import actor, requires
from blueprints.connect import blueprint
from blueprints.connect.leaving import back, leave, may_leave, visitor
from blueprints.integrations import cards
from blueprints.rendering import Message, is_htmx, render
from forms.oauth import ConsentForm, consent_form
from models import Connection
from models.crypto import CannotOpen
from providers.base import AuthMethod, Provider
from services import connections, oauth
from services.actors import Permission
from services.errors import Missing
from services.oauth_flows import redirect_uri

PAGE = "integrations/index.html"
DIALOG = "connect/_consent_dialog.html"


@blueprint.route("/<string:provider_key>/install", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def install(provider_key: str) -> Response:
    """To the vendor at once when the organisation's app is known, else (or with ?another=1) the dialog for it."""
    provider = connections.providers_or_missing(provider_key)
    method = oauth.method_of(provider)
    form = consent_form(method)
    if form.validate_on_submit():
        return leave(oauth.begin(visitor(), provider, form.app(), description=form.described()))
    app = None if form.is_submitted() or "another" in request.args or _from_elsewhere() else _known(provider, method)
    if app is not None:
        return leave(oauth.begin(visitor(), provider, app))
    return _dialog(provider, method, form)


def _from_elsewhere() -> bool:
    """Whether another site's page led here: then nobody pressed Install, and it is not done at once."""
    return request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site")


def _known(provider: Provider, method: AuthMethod) -> oauth.App | None:
    try:
        return oauth.known_app(provider, method)
    except CannotOpen:
        return None


@blueprint.route("/connections/<int:connection_id>/edit", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def edit(connection_id: int) -> Response:
    """Description and app of a connection. Another app needs a new consent; the site stays the same."""
    connection, provider, method = _load(connection_id)
    form = consent_form(method, connection)
    if not form.validate_on_submit():
        return _dialog(provider, method, form, connection)
    app = form.app(_stored(connection))
    oauth.describe(actor(), connection, form.described(), form.credential_expires_on.data)
    if app == _stored(connection):
        return back(Message("status", "Connection updated"))
    return leave(oauth.begin(visitor(), provider, app, connection=connection))


@blueprint.get("/connections/<int:connection_id>/reconnect")
@requires(Permission.CONNECTION_MANAGE)
def reconnect(connection_id: int) -> Response:
    """Ask for the consent again with the stored app; without a usable one, ask for that first."""
    connection, provider, method = _load(connection_id)
    app = None if _from_elsewhere() else _stored(connection)
    if app is None:
        return _dialog(provider, method, consent_form(method, connection), connection)
    return leave(oauth.begin(visitor(), provider, app, connection=connection))


def _load(connection_id: int) -> tuple[Connection, Provider, AuthMethod]:
    connection = connections.get(actor(), connection_id)
    provider = providers.get(connection.provider_key)
    method = provider.auth_method(connection.auth_method)
    if method.consent is None:
        raise Missing(f"Connection {connection_id}")
    return connection, provider, method


def _stored(connection: Connection) -> oauth.App | None:
    try:
        return oauth.app_of(connection)
    except CannotOpen:
        return None


def _dialog(
    provider: Provider, method: AuthMethod, form: ConsentForm, connection: Connection | None = None
) -> Response:
    url = url_for("connect.install", provider_key=provider.key)
    if connection is not None:
        url = url_for("connect.edit", connection_id=connection.id)
    form.secret_is_kept = connection is not None and _stored(connection) is not None
    context: dict[str, Any] = {
        "form": form,
        "provider": provider,
        "method": method,
        "stored": connection,
        "url": url,
        "redirect_uri": redirect_uri(provider),
        "submit": method.submit_existing if connection is not None else method.submit_new,
        "dialog": DIALOG,
    }
    page = {} if is_htmx() else cards.page_context()
    status = 422 if form.is_submitted() else 200
    return may_leave(render(PAGE, partial=DIALOG, status=status, **page, **context), method)
