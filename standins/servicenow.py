"""A stand-in for a ServiceNow instance (API key, OAuth), in memory, on a real socket.

It answers what a client of ours may call, in ServiceNow's wire format and with ServiceNow's traps: query terms and body
fields it does not understand are dropped without a word, access rules hide rows and fields, errors come under status
200. Everything else is 501, so that a new call cannot pass unnoticed. `servicenow_people` and `servicenow_tables` say
who and what is there, `servicenow_state` which knobs make it difficult; `/_standin/…` offers the same over HTTP.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, g, request

from standins import servicenow_wire as wire
from standins.servicenow_oauth import oauth
from standins.servicenow_pages import pages
from standins.servicenow_people import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_NAME
from standins.servicenow_state import Sandbox
from standins.servicenow_table_routes import tables
from standins.standin import Standin
from standins.wire import unavailable

__all__ = ["API_KEY", "CLIENT_ID", "CLIENT_SECRET", "PASSWORD", "USER_NAME", "ServiceNowStandin"]

SECRET_NAMES = frozenset({"client_secret", "password", "token", "refresh_token"})


class ServiceNowStandin(Standin, Sandbox):
    """The sandbox ServiceNow: `app` for any WSGI server, `serve()` for a socket; knobs are inherited from `Sandbox`."""

    title = "ServiceNow"
    api_prefix = "/api/"
    blueprints = (tables, oauth, pages)

    def greeting(self, url: str) -> list[str]:
        """What a person who starts the sandbox needs to know."""
        return [
            f"Sandbox ServiceNow at {url}",
            f"  API key: API Key {API_KEY}, User ID {USER_NAME}",
            f"  OAuth: API Client ID {CLIENT_ID}, API Client Secret {CLIENT_SECRET},",
            f"    Username {USER_NAME}, Password {PASSWORD} (or both empty)",
        ]

    def _signed_in(self) -> bool:
        g.user = wire.authenticate(request, self)
        return bool(g.user)

    def _recorded(self, raw: bytes) -> tuple[str, Any]:
        query = urlencode({name: "***" if name == "token" else text for name, text in request.args.items()})
        body = g.body if g.body is not None else _without_secrets() or raw.decode(errors="replace") or None
        return query, body

    def _closed(self) -> Response | None:
        """The page of a sleeping instance."""
        return wire.hibernating() if self.knobs.hibernating else None

    def _refused(self, raw: bytes) -> Response | None:
        """Refusals that come before any route looks at the request."""
        if not g.user:
            return wire.not_authenticated()
        if request.method not in ("POST", "PATCH", "PUT"):
            return None
        if request.mimetype != "application/json":
            return wire.refuse(415, "Unsupported Media Type", f"Content type '{request.mimetype}' is not supported")
        if not isinstance(g.body, dict):
            return wire.refuse(400, "Exception while reading request", "The payload is not valid JSON.")
        return None

    def _refusal(self, status: int) -> Response:
        """HTML for 5xx, ServiceNow's error shape for the rest."""
        if status == 401:
            return wire.not_authenticated()
        if status >= 500:
            return unavailable(status)
        if status == 429:
            detail = "Rate limit of 100 requests per hour for Table API exceeded"
            return wire.refuse(429, "Rate limit exceeded", detail)
        return wire.refuse(status, "Operation Failed", "Refused by the sandbox.")


def _without_secrets() -> dict[str, str]:
    """A form as it is recorded: secrets are judged, never kept."""
    return {name: "***" if name in SECRET_NAMES else text for name, text in request.form.items()}
