"""A stand-in for Azure DevOps Services (one organization, personal access tokens), in memory, on a real socket.

It answers what a client of ours may call, in the vendor's wire format and with its traps: a bad token has many faces,
a missing scope looks like one, creating answers 200, projects out of sight look absent. The people host is served by
the same application. Everything else is 501, so that a new call cannot pass unnoticed. `azure_devops_people` and
`azure_devops_projects` say who and what is there, `azure_devops_state` which knobs make it difficult; `/_standin/…`
offers the same knobs over HTTP.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from standins import azure_devops_wire as wire
from standins.azure_devops_control import control
from standins.azure_devops_items import items
from standins.azure_devops_knobs import Call
from standins.azure_devops_pages import pages
from standins.azure_devops_people import ADMIN_EMAIL, PAT
from standins.azure_devops_site import site
from standins.azure_devops_state import ORGANIZATION, AzureSandbox
from standins.jira_faults import Fault
from standins.server import RunningServer, dripping, serve

__all__ = ["ADMIN_EMAIL", "ORGANIZATION", "PAT", "AzureDevOpsStandin"]

MAX_BODY = 4 * 1024 * 1024
JSON_PATCH = "application/json-patch+json"
_CREATE = re.compile(r"/sandbox/[^/]+/_apis/wit/workitems/\$[^/]+")
_ITEM = re.compile(r"/_apis/wit/workitems/(?:\$[^/]+|[0-9]+)$")


class AzureDevOpsStandin(AzureSandbox):
    """The sandbox Azure DevOps: `app` for any WSGI server, `serve()` for a socket; knobs are those of `AzureSandbox`.

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
            f"Sandbox Azure DevOps at {url}",
            f"  Organization URL             {url}/{ORGANIZATION}",
            f"  Personal Access Token (PAT)  {PAT}",
            f"  PATCHPANEL_AZURE_IDENTITY_URL={url}",
        ]

    def _build(self, with_control: bool) -> Flask:
        app = Flask("standins.azure_devops")
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.url_map.merge_slashes = False
        app.extensions["sandbox"] = self
        for blueprint in (site, items, pages, *((control,) if with_control else ())):
            app.register_blueprint(blueprint)
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(HTTPException, _unknown)
        return app

    def _before(self) -> Response | None:
        """Record the request, let armed faults act, judge the content type; an answer here ends the request."""
        # Always read to the end: an unread body would make the server wait for the client after a cut answer.
        raw = request.get_data(cache=True)
        g.body, g.call = _parsed(raw), None
        if request.path.startswith("/_standin"):
            return None
        g.caller = wire.authenticate(request, self)
        self._record(raw)
        if self.knobs.redirect_to:
            return Response(status=302, headers={"Location": self.knobs.redirect_to + request.full_path.rstrip("?")})
        return self._fault() or self._wrong_content_type()

    def _record(self, raw: bytes) -> None:
        body = g.body if g.body is not None else raw.decode(errors="replace") or None
        query = request.query_string.decode(errors="replace")
        g.call = Call(request.method, request.path, query, body, g.caller.signed_in, time.time())
        validated = request.args.get("validateOnly", "").lower() == "true"
        with self.lock:
            self.calls.append(g.call)
            if request.method == "POST" and _CREATE.fullmatch(request.path) and not validated:
                self.creates += 1

    def _fault(self) -> Response | None:
        """Hold the request if asked to, then answer with the armed failure if there is one."""
        hold = self.faults.take(request.method, request.path, "hold")
        if hold:
            hold.wait()
        fault = self.faults.take(request.method, request.path, "fail", "html")
        return _failure(fault) if fault else None

    def _wrong_content_type(self) -> Response | None:
        """Work items take JSON Patch only."""
        if request.method not in ("POST", "PATCH") or not _ITEM.search(request.path) or request.mimetype == JSON_PATCH:
            return None
        message = f"The request indicated a Content-Type of “{request.mimetype}” for method type “{request.method}” "
        return wire.refuse(415, message + "which is not supported.", "VssRequestContentTypeNotSupportedException")

    def _after(self, response: Response) -> Response:
        """Delays and what the vendor tells of them; then the faults that concern the answer."""
        if g.get("call") is None:
            return response
        # A streamed answer here is one that will be cut: the client never sees its status.
        g.call.status = None if response.is_streamed else response.status_code
        if self.knobs.delay and "/_apis/" in request.path:
            time.sleep(self.knobs.delay)
            told = {"Retry-After": "30", "X-RateLimit-Resource": "Core", "X-RateLimit-Delay": str(self.knobs.delay)}
            response.headers.update(told)
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


def _failure(fault: Fault) -> Response:
    """The answer of an armed failure: its own body, else a page for 401, 404 and 5xx and the vendor's error shape."""
    if fault.kind == "html":
        return wire.html("Something else", fault.status)
    if isinstance(fault.body, str):
        response = Response(fault.body, status=fault.status, content_type=wire.HTML_TYPE)
    elif fault.body is not None:
        response = wire.answer(fault.body, fault.status)
    elif fault.status >= 500 or fault.status in (401, 404):
        response = wire.html(f"{fault.status} - The service cannot answer", fault.status)
    else:
        response = wire.refuse(fault.status, "Refused by the sandbox.", "SandboxException")
    response.headers.update(fault.headers)
    return response


def _unknown(error: HTTPException) -> Response:
    """Any gap in the routes is 501, so that a new call cannot pass unnoticed."""
    if error.code in (404, 405):
        message = f"not implemented in the sandbox Azure DevOps: {request.method} {request.path}"
        return wire.answer({"standin": message}, 501)
    return wire.answer({"standin": error.name}, error.code or 500)
