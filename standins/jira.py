"""A stand-in for Jira Cloud (e-mail + API token on the site, OAuth on the gateway), in memory, on a real socket.

It answers what a client of ours may call, in Jira's wire format and with Jira's traps: bad credentials are anonymous
200s with `X-Seraph-LoginReason`, only `myself` refuses them; the search index lags; people hide their e-mail address.
Everything else is 501, so that a new call cannot pass unnoticed. `jira_people` and `jira_projects` say who and what is
there, `jira_state` which knobs make it difficult; `/_standin/…` offers the same knobs over HTTP.
"""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from standins import jira_wire as wire
from standins.jira_comment_routes import comments
from standins.jira_issue_routes import issues
from standins.jira_issues import Issue
from standins.jira_jql import BadJql, parse
from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET
from standins.jira_oauth_routes import Gateway, oauth
from standins.jira_pages import pages
from standins.jira_people import ADMIN_EMAIL, API_TOKEN
from standins.jira_search import search
from standins.jira_site import site
from standins.jira_state import Sandbox
from standins.jira_webhook_routes import webhooks as webhook_routes
from standins.standin import Standin
from standins.wire import unavailable

__all__ = ["ADMIN_EMAIL", "API_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "JiraStandin"]

# Verbs the real Jira has on routes of which we implement others: 501 instead of 405.
MISSING_VERBS = (
    (re.compile(r"/project/[^/]+$"), ("PUT", "DELETE")),
    (re.compile(r"/issue/[^/]+$"), ("DELETE",)),
    (re.compile(r"/remotelink$"), ("GET",)),
    (re.compile(r"/properties/[^/]+$"), ("DELETE",)),
    (re.compile(r"/field$"), ("POST",)),
)


class JiraStandin(Standin, Sandbox):
    """The sandbox Jira: `app` for any WSGI server, `serve()` for a socket; knobs are inherited from `Sandbox`."""

    title = "Jira"
    api_prefix = "/rest/"
    blueprints = (site, issues, comments, search, pages, oauth, webhook_routes)

    def greeting(self, url: str) -> list[str]:
        """What a person who starts the sandbox needs to know."""
        return [
            f"Sandbox Jira at {url}",
            f"  User Email  {ADMIN_EMAIL}",
            f"  API Token   {API_TOKEN}",
            f"  OAuth app   {CLIENT_ID} {CLIENT_SECRET} (PATCHPANEL_ATLASSIAN_AUTH_URL and …_API_URL: this address)",
        ]

    def matches_webhook(self, jql: str, issue: Issue) -> bool:
        """Whether the issue is one of the query's; a query about what is gone by now finds nothing."""
        try:
            return bool(parse(self, jql).run([issue]))
        except BadJql:
            return False

    def _build(self, with_control: bool) -> Flask:
        app = super()._build(with_control)
        app.wsgi_app = Gateway(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented way
        return app

    def _signed_in(self) -> bool:
        g.caller = wire.authenticate(request, self)
        return wire.signed_in()

    def _refused(self, raw: bytes) -> Response | None:
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

    def _dress(self, response: Response) -> None:
        """Jira's usual headers."""
        if self._is_api():
            for name, value in (wire.rate_headers() | _caller_headers()).items():
                response.headers.setdefault(name, value)

    def _refusal(self, status: int) -> Response:
        """HTML for 5xx, Jira's error shape for the rest."""
        if status >= 500:
            return unavailable(status)
        return wire.refuse(status, "Rate limit exceeded." if status == 429 else "Refused by the sandbox.")

    def _gap(self, error: HTTPException) -> Response | None:
        """405 where Jira has other verbs on the route and not this one."""
        missing = any(request.method in verbs and path.search(request.path) for path, verbs in MISSING_VERBS)
        if missing or not isinstance(error, MethodNotAllowed) or not self._is_api():
            return None
        response = wire.refuse(405, "Method Not Allowed")
        response.headers["Allow"] = ", ".join(error.valid_methods or ())
        return response


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
