"""Sending the browser to a vendor, and bringing messages back to the Integrations page."""

from __future__ import annotations

from flask import Response, make_response, redirect, url_for

from blueprints import sessions
from blueprints.access import actor
from blueprints.headers import POLICY
from blueprints.rendering import Message, is_htmx, keep_message
from providers.base import AuthMethod, url_origin
from services import oauth
from services.errors import Missing
from services.oauth_flows import Visitor
from services.runtime import settings


def visitor() -> Visitor:
    """The person of this request in this browser. Raises Missing when nobody is signed in."""
    row = sessions.row()
    if row is None:
        raise Missing("nobody is signed in")
    return Visitor(actor(), row.id)


def leave(address: str) -> Response:
    """To the vendor's page, with the whole window also when htmx asked."""
    if is_htmx():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = address
        return response
    answer = redirect(address, 303)
    answer.vary.add("HX-Request")
    return answer  # type: ignore[return-value]  # werkzeug's redirect answers Flask's own class


def may_leave(response: Response, method: AuthMethod) -> Response:
    """Let forms of this page end at the vendor: browsers hold redirects after a form to the page's policy, too."""
    consent = oauth.consent_of(method)
    address = consent.authorize_url(
        {"client_id": "", **consent.addresses(settings().endpoints)}, redirect_uri="", state=""
    )
    wider = POLICY.replace("form-action 'self'", f"form-action 'self' {url_origin(address)}")
    response.headers["Content-Security-Policy"] = wider
    return response


def back(message: Message | None = None) -> Response:
    """To the Integrations page, which shows the message."""
    if message is not None:
        keep_message(message)
    target = url_for("integrations.index")
    if is_htmx():
        return leave(target)
    return redirect(target, 303)  # type: ignore[return-value]  # werkzeug's redirect answers Flask's own class
