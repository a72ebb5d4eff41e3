"""A stand-in for Jira Cloud (e-mail + API token on the site, OAuth on the gateway), in memory, on a real socket.

It answers what a client of ours may call, in Jira's wire format and with Jira's traps: bad credentials are anonymous
200s with `X-Seraph-LoginReason`, only `myself` refuses them; the search index lags; people hide their e-mail address.
Everything else is 501, so that a new call cannot pass unnoticed. `jira_people` and `jira_projects` say who and what is
there, `jira_state` which knobs make it difficult; `/_standin/…` offers the same knobs over HTTP.
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from standins import jira_wire as wire
from standins.jira_control import control
from standins.jira_faults import Fault
from standins.jira_issue_routes import issues
from standins.jira_issues import Call
from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET
from standins.jira_oauth_routes import Gateway, oauth
from standins.jira_pages import pages
from standins.jira_people import ADMIN_EMAIL, API_TOKEN
from standins.jira_search import search
from standins.jira_site import site
from standins.jira_state import Sandbox
from standins.server import RunningServer, dripping, serve

__all__ = ["ADMIN_EMAIL", "API_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "JiraStandin"]

API_PREFIX = "/rest/"
CREATE_PATH = "/rest/api/3/issue"
MAX_BODY = 4 * 1024 * 1024
# Verbs the real Jira has on routes of which we implement others: 501 instead of 405.
MISSING_VERBS = (
    (re.compile(r"/project/[^/]+$"), ("PUT", "DELETE")),
    (re.compile(r"/issue/[^/]+$"), ("DELETE",)),
    (re.compile(r"/(comment|remotelink)$"), ("GET",)),
    (re.compile(r"/properties/[^/]+$"), ("DELETE",)),
    (re.compile(r"/field$"), ("POST",)),
)


class JiraStandin(Sandbox):
    """The sandbox Jira: `app` for any WSGI server, `serve()` for a socket; knobs are inherited from `Sandbox`.

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
            f"Sandbox Jira at {url}",
            f"  User Email  {ADMIN_EMAIL}",
            f"  API Token   {API_TOKEN}",
            f"  OAuth app   {CLIENT_ID} {CLIENT_SECRET} (PATCHPANEL_ATLASSIAN_AUTH_URL and …_API_URL: this address)",
        ]

    def _build(self, with_control: bool) -> Flask:
        app = Flask("standins.jira")
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.extensions["sandbox"] = self
        for blueprint in (site, issues, search, pages, oauth, *((control,) if with_control else ())):
            app.register_blueprint(blueprint)
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(HTTPException, _unknown)
        app.wsgi_app = Gateway(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented way
        return app

    def _before(self) -> Response | None:
        """Record the request, let armed faults act, judge credentials and body; an answer here ends the request."""
        # Always read to the end: an unread body would make the server wait for the client after a cut answer.
        raw = request.get_data(cache=True)
        g.body, g.call = _parsed(raw), None
        if request.path.startswith("/_standin"):
            return None
        g.caller = wire.authenticate(request, self)
        self._record(raw)
        if self.knobs.redirect_to:
            return Response(status=302, headers={"Location": self.knobs.redirect_to + request.full_path.rstrip("?")})
        return self._fault() or (self._malformed(raw) if request.path.startswith(API_PREFIX) else None)

    def _record(self, raw: bytes) -> None:
        body = g.body if g.body is not None else raw.decode(errors="replace") or None
        authorised = g.caller.person is not None
        query = request.query_string.decode(errors="replace")
        g.call = Call(request.method, request.path, query, body, authorised, time.time())
        with self.lock:
            self.calls.append(g.call)
            if request.method == "POST" and request.path == CREATE_PATH:
                self.creates += 1

    def _fault(self) -> Response | None:
        """Hold the request if asked to, then answer with the armed failure if there is one."""
        hold = self.faults.take(request.method, request.path, "hold")
        if hold:
            hold.wait()
        fault = self.faults.take(request.method, request.path, "fail", "html")
        return _failure(fault) if fault else None

    def _malformed(self, raw: bytes) -> Response | None:
        """Refusals that come before any route looks at the request."""
        if g.caller.refusal is not None:
            refusal: Response = g.caller.refusal
            return refusal
        if request.method == "DELETE" and request.path.endswith("/remotelink") and not request.content_type:
            return wire.problem(415, "Unsupported Media Type", "Content type 'null' not supported")
        if request.method not in ("POST", "PUT"):
            return None
        if request.mimetype != "application/json":
            return wire.problem(415, "Unsupported Media Type", f"Content type '{request.mimetype}' not supported")
        wants_object = "/properties/" not in request.path
        if not raw or (g.body is None and raw.strip() != b"null") or (wants_object and not isinstance(g.body, dict)):
            return wire.refuse(400, wire.say("bad_json"))
        return None

    def _after(self, response: Response) -> Response:
        """Jira's usual headers; then the faults that concern the answer."""
        if g.get("call") is None:
            return response
        # A streamed answer here is one that will be cut: the client never sees its status.
        g.call.status = None if response.is_streamed else response.status_code
        if request.path.startswith(API_PREFIX):
            for name, value in (wire.rate_headers() | _caller_headers()).items():
                response.headers.setdefault(name, value)
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


def _caller_headers() -> dict[str, str]:
    """Who Jira took the caller for, and the trace id its support asks for."""
    headers = {"atl-traceid": secrets.token_hex(16)}
    if g.caller.person is not None:
        headers["X-AAccountId"] = g.caller.person.account_id
    if g.caller.login_reason:
        headers["X-Seraph-LoginReason"] = g.caller.login_reason
    if g.caller.login_reason == "AUTHENTICATION_DENIED":
        headers["X-Authentication-Denied-Reason"] = "CAPTCHA_CHALLENGE; login-url=https://id.atlassian.com/login"
    return headers


def _failure(fault: Fault) -> Response:
    """The answer of an armed failure: its own body, else HTML for 5xx and Jira's error shape for the rest."""
    if fault.kind == "html":
        return wire.html("Log in to continue", fault.status)
    if isinstance(fault.body, str):
        response = Response(fault.body, status=fault.status, content_type=wire.HTML_TYPE)
    elif fault.body is not None:
        response = wire.answer(fault.body, fault.status)
    elif fault.status >= 500:
        response = wire.html("Service unavailable", fault.status)
    else:
        reason = "Rate limit exceeded." if fault.status == 429 else "Refused by the sandbox."
        response = wire.refuse(fault.status, reason)
    response.headers.update(fault.headers)
    return response


def _unknown(error: HTTPException) -> Response:
    """405 as Jira answers it; any other gap in the routes is 501, so that a new call cannot pass unnoticed."""
    missing = any(request.method in verbs and path.search(request.path) for path, verbs in MISSING_VERBS)
    if isinstance(error, MethodNotAllowed) and request.path.startswith(API_PREFIX) and not missing:
        response = wire.refuse(405, "Method Not Allowed")
        response.headers["Allow"] = ", ".join(error.valid_methods or ())
        return response
    if error.code in (404, 405):
        return wire.answer({"standin": f"not implemented in the sandbox Jira: {request.method} {request.path}"}, 501)
    return wire.answer({"standin": error.name}, error.code or 500)
