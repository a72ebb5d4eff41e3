"""Back from the vendor: the call-back, and the choice among several sites."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, redirect, request, url_for

from blueprints.access import actor, requires
from blueprints.connect import blueprint
from blueprints.connect.leaving import back, visitor
from blueprints.errors import provider_message
from blueprints.integrations import cards
from blueprints.rendering import Message, is_htmx, render
from models import Connection
from models.crypto import CannotOpen
from providers.base import Provider
from providers.errors import ProviderError
from providers.oauth import Site
from services import connections, oauth
from services.actors import Permission
from services.errors import Missing, Refused

PAGE = "integrations/index.html"
DIALOG = "connect/_sites_dialog.html"
NOT_CONNECTED = "Nothing was connected"


@blueprint.get("/<string:provider_key>/callback")
@requires(Permission.CONNECTION_MANAGE)
def callback(provider_key: str) -> Response:
    """What the vendor's page sent the browser back with. Leads on at once: code and state leave the address bar."""
    provider = connections.providers_or_missing(provider_key)
    oauth.method_of(provider)
    try:
        outcome = oauth.complete(visitor(), provider, request.args)
    except (ProviderError, Refused, Missing, CannotOpen) as error:
        return back(_failure(provider, error))
    if outcome.flow_id is not None:
        target = url_for("connect.sites", provider_key=provider.key, flow_id=outcome.flow_id)
        return redirect(target, 303)  # type: ignore[return-value]  # werkzeug's redirect answers Flask's own class
    return back(_success(provider, outcome.connection))


@blueprint.route("/<string:provider_key>/sites/<int:flow_id>", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def sites(provider_key: str, flow_id: int) -> Response:
    """The consent covers several sites: the person says which one is meant."""
    provider = connections.providers_or_missing(provider_key)
    found = oauth.choices(visitor(), provider, flow_id)
    if request.method == "GET":
        return _ask(provider, flow_id, found)
    try:
        connection = oauth.choose(visitor(), provider, flow_id, request.form.get("site", ""))
    except Refused as error:
        if not error.field_errors:
            return back(_failure(provider, error))
        return _ask(provider, flow_id, found, problem=str(error))
    except (ProviderError, CannotOpen) as error:
        return back(_failure(provider, error))
    return back(_success(provider, connection))


def _ask(provider: Provider, flow_id: int, found: Sequence[Site], *, problem: str = "") -> Response:
    context = {"provider": provider, "sites": found, "flow_id": flow_id, "problem": problem, "dialog": DIALOG}
    page = {} if is_htmx() else cards.page_context()
    return render(PAGE, partial=DIALOG, status=422 if problem else 200, **page, **context)


def _success(provider: Provider, connection: Connection | None) -> Message:
    name = connection.external_account.get("name", "") if connection is not None else ""
    detail = f"Tickets are reported as {name}." if name else ""
    if connection is not None and not connection.enabled:
        return Message("status", "Connection saved", f"{detail} It is switched off and makes no calls.".strip())
    return Message("status", f"{provider.label} is connected and active", detail)


def _failure(provider: Provider, error: Exception) -> Message:
    if isinstance(error, ProviderError):
        return provider_message(error, provider.key)
    if isinstance(error, Refused):
        return Message("alert", NOT_CONNECTED, str(error))
    if isinstance(error, CannotOpen):
        return Message("alert", NOT_CONNECTED, "The key ring changed meanwhile. Press Install again.")
    detail = "The connection was removed meanwhile." if actor().id else "Sign in first."
    return Message("alert", NOT_CONNECTED, detail)
