"""The Integrations page and the dialog for a new connection."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.integrations import blueprint, cards
from blueprints.rendering import Message, done, is_htmx, render
from forms.connection import ConnectionForm, connection_form
from models import Connection
from providers.base import AuthMethod, Provider
from providers.errors import InvalidInput, ProviderError
from services import connections
from services.actors import Permission
from services.connection_health import Found, Told
from services.errors import Missing, Refused

PAGE = "integrations/index.html"


@blueprint.get("")
@requires(Permission.CONNECTION_MANAGE)
def index() -> Response:
    """All cards."""
    return render(PAGE, **cards.page_context(request.args.get("checked", type=int)))


@blueprint.route("/<string:provider_key>/<string:method_key>/new", methods=["GET", "POST"])
@requires(Permission.CONNECTION_MANAGE)
def new(provider_key: str, method_key: str) -> Response:
    """The dialog for a new connection; Save checks the typed values and stores them only when they work."""
    provider, method = provider_and_method(provider_key, method_key)
    if method.consent is not None:
        return done(url_for("connect.install", provider_key=provider.key), "")
    form = connection_form(provider, method)
    if not form.validate_on_submit():
        return form_dialog(form, refused=form.is_submitted())
    try:
        connections.create(actor(), provider, form.typed())
    except (ProviderError, Refused) as error:
        return form_dialog(form, refused=True, message=explain(form, error))
    return saved(provider, f"{provider.label} is connected and active")


@blueprint.post("/<string:provider_key>/choose")
@requires(Permission.CONNECTION_MANAGE)
def choose(provider_key: str) -> Response:
    """Another way to sign in was chosen without JavaScript: go to its dialog."""
    provider, method = provider_and_method(provider_key, request.form.get("auth_method", ""))
    return done(url_for("integrations.new", provider_key=provider.key, method_key=method.key), "")


@blueprint.post("/<string:provider_key>/<string:method_key>/test")
@requires(Permission.CONNECTION_MANAGE)
def test_new(provider_key: str, method_key: str) -> Response:
    """Try the typed values of a new connection; saves nothing."""
    provider, method = provider_and_method(provider_key, method_key)
    if method.consent is not None:
        raise Missing(method_key)  # nothing typed can be tried: it takes a person's consent
    return try_typed(connection_form(provider, method))


def provider_and_method(provider_key: str, method_key: str) -> tuple[Provider, AuthMethod]:
    """The provider and its way to connect. Raises Missing."""
    provider = connections.providers_or_missing(provider_key)
    try:
        return provider, provider.auth_method(method_key)
    except KeyError:
        raise Missing(method_key) from None


def try_typed(form: ConnectionForm, stored: Connection | None = None) -> Response:
    """Check what was typed and show the outcome in the same dialog, with everything typed still in it."""
    if not form.validate_on_submit():
        return form_dialog(form, stored, refused=True)
    try:
        found = connections.try_out(actor(), form.provider, form.typed(), stored)
    except (ProviderError, Refused) as error:
        return form_dialog(form, stored, refused=True, message=explain(form, error))
    return form_dialog(form, stored, message=works(found, "Connection works", "Nothing was saved."), told=found.told)


def works(found: Found, sentence: str, *details: str) -> Message:
    """What a check that went well says: who it is signed in as, and what is missing."""
    account = found.result.account
    site = f" on {account.site_name}" if account.site_name else ""
    complaint = found.told.complaint if found.told else ""
    return Message(
        "status", sentence, " ".join(filter(None, (f"Signed in as {account.name}{site}.", complaint, *details)))
    )


def explain(form: ConnectionForm, error: ProviderError | Refused) -> Message:
    """A failure as an alert; sentences that belong to single fields go there."""
    if isinstance(error, Refused):
        form.refuse(error.field_errors)
        return Message("alert", str(error))
    if isinstance(error, InvalidInput):
        form.refuse(error.field_errors)
    return provider_message(error, form.provider.key)


def form_dialog(
    form: ConnectionForm,
    stored: Connection | None = None,
    *,
    refused: bool = False,
    message: Message | None = None,
    told: Told | None = None,
) -> Response:
    """The dialog with the form in it; `told` is what a test found to be allowed."""
    addresses = _addresses(form, stored)
    siblings = [m for m in form.provider.auth_methods if m.opener == form.method.opener]
    context: dict[str, Any] = {
        "form": form,
        "provider": form.provider,
        "method": form.method,
        "siblings": siblings if stored is None and len(siblings) > 1 else [],
        "stored": stored,
        "message": message,
        "told": told,
        "secret_gone": request.method == "POST" and not is_htmx(),
        "dialog": "integrations/_form_dialog.html",
        **addresses,
    }
    page = {} if is_htmx() else cards.page_context()
    status = 422 if refused else 200
    return render(PAGE, partial="integrations/_form_dialog.html", status=status, **page, **context)


def _addresses(form: ConnectionForm, stored: Connection | None) -> dict[str, str]:
    if stored is not None:
        return {
            "save_url": url_for("integrations.edit", connection_id=stored.id),
            "test_url": url_for("integrations.test", connection_id=stored.id),
            "submit": form.method.submit_existing,
        }
    where = {"provider_key": form.provider.key, "method_key": form.method.key}
    return {
        "save_url": url_for("integrations.new", **where),
        "test_url": url_for("integrations.test_new", **where),
        "submit": form.method.submit_new,
    }


def saved(provider: Provider, sentence: str) -> Response:
    """The dialog closes, the card shows the new state, the sentence says what happened."""
    return done(url_for("integrations.index"), sentence, partials=cards.rendered_card(provider) if is_htmx() else "")
