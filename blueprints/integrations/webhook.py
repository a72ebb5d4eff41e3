"""The webhook of a connection: its address, its secret, what to do at the provider, registering it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, request

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.integrations import blueprint, cards
from blueprints.integrations.connection_views import load
from blueprints.integrations.views import PAGE
from blueprints.rendering import Message, is_htmx, render
from models import Connection, Webhook
from providers.base import Provider, ReceivesWebhooks
from providers.errors import ProviderError
from services import webhooks
from services.actors import Permission
from services.errors import Missing, Refused

DIALOG = "integrations/_webhook_dialog.html"
HIDDEN = "the secret, shown once when it is made"


@dataclass(frozen=True)
class Step:
    """One thing to do at the provider; `code` is to be pasted as it stands."""

    text: str
    code: str = ""


@blueprint.get("/connections/<int:connection_id>/webhook")
@requires(Permission.CONNECTION_MANAGE)
def webhook(connection_id: int) -> Response:
    """How it stands."""
    connection, provider = _load(connection_id)
    return _dialog(connection, provider)


@blueprint.post("/connections/<int:connection_id>/webhook")
@requires(Permission.CONNECTION_MANAGE)
def change_webhook(connection_id: int) -> Response:
    """Make a secret, register, or remove, as the button says."""
    connection, provider = _load(connection_id)
    action, secret = request.form.get("action", ""), ""
    try:
        if action == "register":
            webhooks.register(actor(), connection)
            message = Message("status", f"The webhook is registered in {provider.label}")
        elif action == "remove":
            webhooks.remove(actor(), connection)
            message = Message("status", "The webhook is removed")
        else:
            _, secret = webhooks.make_secret(actor(), connection)
            message = Message("status", "Copy the secret now", "It is shown this once. Make a new one if it gets lost.")
    except ProviderError as error:
        return _dialog(connection, provider, message=provider_message(error, provider.key), status=502)
    except Refused as error:
        return _dialog(connection, provider, message=Message("alert", "Not registered", str(error)), status=422)
    return _dialog(connection, provider, message=message, secret=secret)


def _load(connection_id: int) -> tuple[Connection, Provider]:
    connection, provider = load(connection_id)
    if not provider.can(ReceivesWebhooks):
        raise Missing(f"webhook of connection {connection_id}")
    return connection, provider


def _dialog(
    connection: Connection, provider: Provider, *, message: Message | None = None, secret: str = "", status: int = 200
) -> Response:
    stored = webhooks.of(connection.id)
    context: dict[str, Any] = {
        "connection": connection,
        "provider": provider,
        "line": cards.line(connection),
        "webhook": stored,
        "address": webhooks.address(stored) if stored else "",
        "secret": secret,
        "steps": _steps(provider, stored, secret),
        "can_register": webhooks.can_register(connection),
        "message": message,
        "dialog": DIALOG,
    }
    page = {} if is_htmx() else cards.page_context()
    return render(PAGE, partial=DIALOG, status=status, **page, **context)


def _steps(provider: Provider, stored: Webhook | None, secret: str) -> list[Step]:
    if stored is None:
        return []
    steps = []
    for step in provider.client.webhook_steps:  # type: ignore[attr-defined]  # asked for above
        text, _, code = step.partition("\n")
        steps.append(Step(_filled(text, stored, secret), _filled(code, stored, secret)))
    return steps


def _filled(text: str, stored: Webhook, secret: str) -> str:
    return text.replace("{address}", webhooks.address(stored)).replace("{secret}", secret or HIDDEN)
