"""Flask's session: a database row for signed-in browsers, a signed cookie for visitors.

Visitors cost no database access: their cookie holds the form token, a pending message and nothing worth stealing.
Signing in gives the browser a new random cookie and a row; everything the visitor's cookie held is left behind.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, make_response, redirect, request, session, url_for
from flask.sessions import SessionInterface, SessionMixin
from flask_login import LoginManager
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import CallbackDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Request

from models import Session, User
from services import sessions as stored
from services.runtime import settings
from services.sessions import Browser, Started

log = logging.getLogger("patchpanel.sessions")

VISITOR_SECONDS = 24 * 3600  # a sign-in page left open longer needs a reload
SILENT = ("/static/", "/livez", "/readyz")  # these know nobody and store nothing


class BrowserSession(CallbackDict[str, Any], SessionMixin):
    """What `flask.session` is: a dictionary that knows whose it is."""

    def __init__(self, initial: dict[str, Any] | None = None, row: Session | None = None) -> None:
        def changed(_: object) -> None:
            self.modified = True

        super().__init__(initial or {}, changed)
        self.modified = False
        self.row = row
        self.new_token = ""
        self.ended = False
        self.silent = False
        self.unavailable = False


class PatchpanelSessions(SessionInterface):
    """Opens and saves sessions. Cookies are Secure and carry the __Host- prefix when the public address is https."""

    def open_session(self, app: Flask, request: Request) -> BrowserSession:
        """The session of a request, from one query when it brings a signed-in browser's cookie."""
        # A request never inherits the person of an earlier one that used the same application context.
        for name in list(g):
            g.pop(name)
        if request.path.startswith(SILENT):
            silent = BrowserSession()
            silent.silent = True
            return silent
        token = request.cookies.get(cookie_name(), "")
        if token:
            try:
                row = stored.find(token)
            except SQLAlchemyError:
                log.exception("session cannot be read")
                unavailable = BrowserSession()
                unavailable.silent = unavailable.unavailable = True
                return unavailable
            if row is not None:
                return BrowserSession(row.data, row)
        return BrowserSession(_read_visitor(app, request.cookies.get(visitor_cookie_name(), "")))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Store what changed and set the cookies that changed."""
        if not isinstance(session, BrowserSession) or session.silent:
            return
        response.vary.add("Cookie")
        if session.row is not None:
            _save_signed_in(session, session.row, response)
            return
        if session.ended:
            _delete(response, cookie_name())
        if session.modified:
            if session:
                _set(response, visitor_cookie_name(), _serializer(app).dumps(dict(session)))
            elif visitor_cookie_name() in request.cookies:
                _delete(response, visitor_cookie_name())


def _save_signed_in(session: BrowserSession, row: Session, response: Response) -> None:
    try:
        stored.keep(row, dict(session) if session.modified else None)
    except SQLAlchemyError:
        # The page is ready: losing a pending message is better than losing the page.
        log.exception("session cannot be stored")
    if session.new_token:
        _set(response, cookie_name(), session.new_token)
        if visitor_cookie_name() in request.cookies:
            _delete(response, visitor_cookie_name())


def cookie_name() -> str:
    """Name of a signed-in browser's cookie."""
    return "__Host-pp" if settings().secure else "pp"


def visitor_cookie_name() -> str:
    """Name of a visitor's cookie."""
    return f"{cookie_name()}-visitor"


def _serializer(app: Flask) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(app.secret_key), salt="patchpanel-visitor")


def _read_visitor(app: Flask, cookie: str) -> dict[str, Any]:
    if not cookie:
        return {}
    try:
        found: dict[str, Any] = _serializer(app).loads(cookie, max_age=VISITOR_SECONDS)
    except BadSignature:
        return {}
    return found


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, path="/", secure=settings().secure, httponly=True, samesite="Lax")


def _delete(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=settings().secure, httponly=True, samesite="Lax")


def _current() -> BrowserSession:
    found: BrowserSession = session._get_current_object()  # type: ignore[attr-defined]  # the proxy's own method
    return found


def browser() -> Browser:
    """The browser of this request, for services that start a session."""
    return Browser(
        address=request.remote_addr or "",
        agent=request.headers.get("User-Agent", ""),
        token=request.cookies.get(cookie_name(), ""),
    )


def begin(started: Started) -> None:
    """Go on as the person who just signed in: new cookie, nothing kept of the session before."""
    now = _current()
    now.clear()
    now.update(started.row.data)
    now.row, now.new_token, now.modified = started.row, started.token, False
    _forget_person()


def end() -> None:
    """Go on as a visitor. The row was ended by the service."""
    now = _current()
    now.clear()
    now.row, now.new_token, now.ended = None, "", True
    _forget_person()


def _forget_person() -> None:
    """Whatever this request learned about its person belongs to the session before."""
    for name in ("_login_user", "actor", "csrf_token", "csrf_valid"):
        g.pop(name, None)


def row() -> Session | None:
    """The row of this request's signed-in browser."""
    return _current().row


def safe_next(target: str) -> str:
    """The address to go to after signing in: `target` when our own router knows it as a page, else the start page.

    No list of tricks to refuse: only what leads to one of our GET views passes, rebuilt from its path and query.
    """
    path, _, query = target.partition("?")
    if path.startswith("/") and target.isprintable() and _is_page(path):
        return iri_to_uri(path + (f"?{query}" if query else ""))
    return url_for("incidents.index")


def _is_page(path: str) -> bool:
    try:
        endpoint, _ = current_app.url_map.bind("localhost").match(path, method="GET")
    except (HTTPException, RoutingException):
        return False
    view = current_app.view_functions[str(endpoint)]
    return getattr(view, "_access", "public") != "public"


def prepare(manager: LoginManager) -> None:
    """Tell Flask-Login who the person of a request is, and what signed-out visitors get."""
    manager.session_protection = None  # it would write into the session; rows are bound to random cookies anyway
    manager.request_loader(lambda _: _person())
    # There is no "remember me": its cookie, planted by somebody, must not push the session's person aside.
    manager._load_user_from_remember_cookie = lambda _: _person()
    manager.unauthorized_handler(_ask_to_sign_in)


def _person() -> User | None:
    found = _current().row
    return found.user if found is not None and found.user.active else None


def _ask_to_sign_in() -> Any:
    """htmx is told to leave the page, a page is sent to sign-in and comes back afterwards."""
    if _current().unavailable:
        abort(503)
    is_page = request.method in ("GET", "HEAD")
    if request.headers.get("HX-Request") == "true":
        response = make_response("", 401)
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        response.headers["HX-Redirect"] = _sign_in_address(shown.path + (f"?{shown.query}" if shown.query else ""))
        return response
    back = request.full_path.rstrip("?") if is_page else ""
    return redirect(_sign_in_address(back), 303)


def _sign_in_address(back: str) -> str:
    return url_for("sign_in.sign_in", next=back) if back and back != "/" else url_for("sign_in.sign_in")
