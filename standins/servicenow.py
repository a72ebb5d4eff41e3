"""A stand-in for a ServiceNow instance (API key, OAuth), in memory, on a real socket.

It answers what a client of ours may call, in ServiceNow's wire format and with ServiceNow's traps: query terms and body
fields it does not understand are dropped without a word, access rules hide rows and fields, errors come under status
200. Everything else is 501, so that a new call cannot pass unnoticed. `servicenow_people` and `servicenow_tables` say
who and what is there, `servicenow_state` which knobs make it difficult; `/_standin/…` offers the same over HTTP.
"""

from __future__ import annotations

import json
import ssl
import time
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from standins import servicenow_wire as wire
from standins.jira_faults import Fault
from standins.jira_issues import Call
from standins.server import RunningServer, dripping, serve
from standins.servicenow_control import control
from standins.servicenow_oauth import oauth
from standins.servicenow_pages import pages
from standins.servicenow_people import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_NAME
from standins.servicenow_state import Sandbox
from standins.servicenow_table_routes import tables

__all__ = ["API_KEY", "CLIENT_ID", "CLIENT_SECRET", "PASSWORD", "USER_NAME", "ServiceNowStandin"]

API_PREFIX = "/api/"
MAX_BODY = 4 * 1024 * 1024
SECRET_NAMES = frozenset({"client_secret", "password", "token", "refresh_token"})


class ServiceNowStandin(Sandbox):
    """The sandbox ServiceNow: `app` for any WSGI server, `serve()` for a socket; knobs are inherited from `Sandbox`.

    Args:
        control: also offer the knobs over HTTP at `/_standin/…`.
    """

    def __init__(self, *, control: bool = True) -> None:
        super().__init__()
        self.app = self._build(control)

    def serve(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> RunningServer:
        """Answer on 127.0.0.1 until the returned server is stopped. Raises OSError when the port is taken."""
        return serve(self.app, port, ssl_context)

    def greeting(self, url: str) -> list[str]:
        """What a person who starts the sandbox needs to know."""
        return [
            f"Sandbox ServiceNow at {url}",
            f"  API key: API Key {API_KEY}, User ID {USER_NAME}",
            f"  OAuth: API Client ID {CLIENT_ID}, API Client Secret {CLIENT_SECRET},",
            f"    Username {USER_NAME}, Password {PASSWORD} (or both empty)",
        ]

    def _build(self, with_control: bool) -> Flask:
        app = Flask("standins.servicenow")
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.extensions["sandbox"] = self
        for blueprint in (tables, oauth, *((control,) if with_control else ()), pages):
            app.register_blueprint(blueprint)
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(HTTPException, _unknown)
        return app

    def _before(self) -> Response | None:
        """Record the request, let armed faults act, judge credentials and body; an answer here ends the request."""
        # Always read to the end: an unread body would make the server wait for the client after a cut answer.
        raw = request.get_data(cache=True)
        g.body, g.call = _parsed(raw), None
        if request.path.startswith("/_standin"):
            return None
        g.user = wire.authenticate(request, self)
        self._record(raw)
        if self.knobs.redirect_to:
            return Response(status=302, headers={"Location": self.knobs.redirect_to + request.full_path.rstrip("?")})
        if self.knobs.hibernating:
            return wire.hibernating()
        return self._fault() or (self._refused() if request.path.startswith(API_PREFIX) else None)

    def _record(self, raw: bytes) -> None:
        body = g.body if g.body is not None else _without_secrets() or raw.decode(errors="replace") or None
        query = urlencode({name: "***" if name == "token" else text for name, text in request.args.items()})
        g.call = Call(request.method, request.path, query, body, bool(g.user), time.time())
        with self.lock:
            self.calls.append(g.call)
            if request.method == "POST" and "/table/" in request.path:
                self.creates += 1

    def _fault(self) -> Response | None:
        """Hold the request if asked to, then answer with the armed failure if there is one."""
        hold = self.faults.take(request.method, request.path, "hold")
        if hold:
            hold.wait()
        fault = self.faults.take(request.method, request.path, "fail", "html")
        return _failure(fault) if fault else None

    def _refused(self) -> Response | None:
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

    def _after(self, response: Response) -> Response:
        """The faults that concern the answer."""
        if g.get("call") is None:
            return response
        # A streamed answer here is one that will be cut: the client never sees its status.
        g.call.status = None if response.is_streamed else response.status_code
        hold = self.faults.take(request.method, request.path, "hold_after")
        if hold:
            hold.wait()
        drip = self.faults.take(request.method, request.path, "drip")
        if drip and not response.is_streamed:
            length = response.content_length
            response.response = dripping(response.get_data(), drip.seconds or 0.0)
            response.headers["Content-Length"] = str(length)
        return response


def _parsed(raw: bytes) -> Any:
    """The body as JSON, None when it is none."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _without_secrets() -> dict[str, str]:
    """A form as it is recorded: secrets are judged, never kept."""
    return {name: "***" if name in SECRET_NAMES else text for name, text in request.form.items()}


def _failure(fault: Fault) -> Response:
    """The answer of an armed failure: its own body, else HTML for 5xx and ServiceNow's error shape for the rest."""
    if fault.kind == "html":
        return wire.html("Log in", fault.status)
    if isinstance(fault.body, str):
        response = Response(fault.body, status=fault.status, content_type=wire.HTML_TYPE)
    elif fault.body is not None:
        response = wire.answer(fault.body, fault.status)
    elif fault.status == 401:
        response = wire.not_authenticated()
    elif fault.status >= 500:
        response = wire.html("Service unavailable", fault.status)
    elif fault.status == 429:
        response = wire.refuse(429, "Rate limit exceeded", "Rate limit of 100 requests per hour for Table API exceeded")
    else:
        response = wire.refuse(fault.status, "Operation Failed", "Refused by the sandbox.")
    response.headers.update(fault.headers)
    return response


def _unknown(error: HTTPException) -> Response:
    """Any gap in the routes is 501, so that a new call cannot pass unnoticed."""
    if error.code in (404, 405):
        text = f"not implemented in the sandbox ServiceNow: {request.method} {request.path}"
        return wire.answer({"standin": text}, 501)
    return wire.answer({"standin": error.name}, error.code or 500)
