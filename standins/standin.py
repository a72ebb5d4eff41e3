"""The application around a sandbox: recording requests, letting armed faults act, answering on a socket.

A vendor's stand-in is this class and the vendor's state; it says how callers sign in, which requests are refused before
a route looks at them, and how refusals are worded. Everything without a route is 501, so that a new call cannot pass
unnoticed.
"""

from __future__ import annotations

import ssl
import time
from abc import abstractmethod
from typing import Any, ClassVar

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from standins import wire
from standins.control import CONTROL_PREFIX, control
from standins.faults import Fault, matches
from standins.knobs import Call
from standins.server import RunningServer, dripping, dropped, serve
from standins.state import State

MAX_BODY = 4 * 1024 * 1024


class Standin(State):
    """A sandbox on a socket: `app` for any WSGI server, `serve()` for a socket.

    `title` is the product's name, `api_prefix` where its API begins, `blueprints` are its routes. `json_type` and
    `html_type` are the content types of armed failures. `merge_slashes` as in werkzeug.

    Args:
        control: also offer the knobs over HTTP at `/_standin/…`.
    """

    title: ClassVar[str]
    api_prefix: ClassVar[str]
    blueprints: ClassVar[tuple[Blueprint, ...]]
    json_type: ClassVar[str] = wire.JSON_TYPE
    html_type: ClassVar[str] = wire.HTML_TYPE
    merge_slashes: ClassVar[bool] = True

    def __init__(self, *, control: bool = True) -> None:
        super().__init__()
        self.app = self._build(control)

    def serve(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> RunningServer:
        """Answer on 127.0.0.1 until the returned server is stopped. Raises OSError when the port is taken."""
        return serve(self.app, port, ssl_context)

    @abstractmethod
    def greeting(self, url: str) -> list[str]:
        """What a person who starts the sandbox needs to know."""

    def _build(self, with_control: bool) -> Flask:
        app = Flask(type(self).__module__)
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        app.url_map.merge_slashes = self.merge_slashes
        app.extensions["sandbox"] = self
        for blueprint in (*self.blueprints, *((control,) if with_control else ())):
            app.register_blueprint(blueprint)
        app.before_request(self._before)
        app.after_request(self._after)
        app.register_error_handler(HTTPException, self._unknown)
        return app

    # -- what differs by vendor ---------------------------------------------------------------------------------------

    @abstractmethod
    def _signed_in(self) -> bool:
        """Judge the credentials of the request and keep in `g` what routes need to know of them."""

    @abstractmethod
    def _refusal(self, status: int) -> Response:
        """The vendor's answer with this status to a request that a test wants to fail."""

    def _is_api(self) -> bool:
        """Whether the request is one of the API's, not a page or a token route."""
        return request.path.startswith(self.api_prefix)

    def _is_create(self) -> bool:
        """Whether the request asks for a new thing."""
        return matches(self.create_route, request.method, request.path)

    def _refused(self, raw: bytes) -> Response | None:
        """Refusals of API calls that come before any route looks at them."""

    def _closed(self) -> Response | None:
        """The answer to every request while the vendor's whole site is out of reach."""

    def _dress(self, response: Response) -> None:
        """Add the vendor's usual headers to an answer."""

    def _recorded(self, raw: bytes) -> tuple[str, Any]:
        """Query and body as they are recorded."""
        body = g.body if g.body is not None else raw.decode(errors="replace") or None
        return request.query_string.decode(errors="replace"), body

    def _gap(self, error: HTTPException) -> Response | None:
        """The vendor's own answer to a request without a route; None leaves it at 501."""

    # -- around a request ---------------------------------------------------------------------------------------------

    def _before(self) -> Response | None:
        """Record the request, let armed faults act, judge credentials and body; an answer here ends the request."""
        # Always read to the end: an unread body would make the server wait for the client after a cut answer.
        raw = request.get_data(cache=True)
        g.body, g.call = wire.parsed(raw), None
        if request.path.startswith(CONTROL_PREFIX):
            return None
        self._record(raw)
        if self.knobs.redirect_to:
            return Response(status=302, headers={"Location": self.knobs.redirect_to + request.full_path.rstrip("?")})
        return self._closed() or self._fault() or (self._refused(raw) if self._is_api() else None)

    def _record(self, raw: bytes) -> None:
        authorised = self._signed_in()
        query, body = self._recorded(raw)
        g.call = Call(request.method, request.path, query, body, authorised, time.time())
        with self.lock:
            self.calls.append(g.call)
            self.creates += self._is_create()

    def _fault(self) -> Response | None:
        """Let the request wait if asked to, then answer with the armed failure if there is one."""
        hung = self._wait("hold", "hang")
        if hung:
            return hung
        fault = self.faults.take(request.method, request.path, "fail", "html")
        return self._failure(fault) if fault else None

    def _wait(self, hold: str, hang: str) -> Response | None:
        """Let the request wait as armed; one that hangs ends in a cut connection when its time is over."""
        fault = self.faults.take(request.method, request.path, hold, hang)
        if fault is None:
            return None
        fault.wait()
        return dropped() if fault.kind == hang else None

    def _failure(self, fault: Fault) -> Response:
        """The answer of an armed failure: its own body, else the vendor's refusal."""
        if fault.kind == "html":
            return wire.html("Log in to continue", fault.status, self.html_type)
        if isinstance(fault.body, str):
            response = Response(fault.body, status=fault.status, content_type=self.html_type)
        elif fault.body is not None:
            response = wire.answer(fault.body, fault.status, self.json_type)
        else:
            response = self._refusal(fault.status)
        response.headers.update(fault.headers)
        return response

    def _after(self, response: Response) -> Response:
        """The vendor's usual headers; then the faults that concern the answer."""
        if g.get("call") is None:
            return response
        # A streamed answer here is one that will be cut: the client never sees its status.
        g.call.status = None if response.is_streamed else response.status_code
        if self.knobs.delay and self._is_api():
            time.sleep(self.knobs.delay)
        self._dress(response)
        hung = self._wait("hold_after", "hang_after")
        if hung:
            g.call.status = None
            return hung
        drip = self.faults.take(request.method, request.path, "drip")
        if drip and not response.is_streamed:
            length = response.content_length
            response.response = dripping(response.get_data(), drip.seconds or 0.0)
            response.headers["Content-Length"] = str(length)
        return response

    def _unknown(self, error: HTTPException) -> Response:
        """Any gap in the routes is 501, unless the vendor is known to answer otherwise."""
        known = self._gap(error)
        if known is not None:
            return known
        if error.code in (404, 405):
            text = f"not implemented in the sandbox {self.title}: {request.method} {request.path}"
            return wire.answer({"standin": text}, 501)
        return wire.answer({"standin": error.name}, error.code or 500)
