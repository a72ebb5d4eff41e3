"""Errors as a page, an alert or problem+json, always with the request id and never with a trace."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

import providers
from blueprints.access import actor
from blueprints.rendering import Message, is_htmx, problem
from models.crypto import CannotOpen
from providers.base import Sentences
from providers.errors import AuthenticationFailed, Busy, NotAllowed, ProviderError
from services import attempts
from services.actors import Permission
from services.errors import Missing, Refused

log = logging.getLogger("patchpanel.errors")

SENTENCES = {
    400: ("This request cannot be read.", "Go back, reload the page and try again."),
    403: ("You may not do this.", "Ask an administrator for the role you need."),
    404: ("There is nothing here.", "It may have been removed, or you may not see it."),
    405: ("This address does not take that kind of request.", "Go back and use the buttons of the page."),
    413: ("This is too large.", "Send less at once."),
    429: ("Too many tries.", "Wait a moment and try again."),
}


def register(app: Flask) -> None:
    """Attach the handlers."""
    app.register_error_handler(Missing, lambda _: answer(404))
    app.register_error_handler(Refused, lambda error: answer(422, str(error)))
    app.register_error_handler(CannotOpen, _cannot_open)
    app.register_error_handler(ProviderError, _provider_error)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def answer(status: int, sentence: str = "", next_step: str = "", *, message: Message | None = None) -> Response:
    """An error in the shape the caller understands."""
    words, step = SENTENCES.get(status, ("Something went wrong on our side.", "Try again; nothing was changed."))
    sentence, next_step = sentence or words, next_step or ("" if sentence else step)
    if request.path.startswith("/api/"):
        body = {"type": "about:blank", "title": sentence, "status": status, "detail": next_step, "request_id": _id()}
        response = jsonify(body)
        response.content_type = "application/problem+json"
    else:
        message = message or Message("alert", sentence, next_step)
        template = "_alert.html" if is_htmx() else "error.html"
        response = make_response(render_template(template, message=message, status=status, request_id=_id()))
    response.status_code = status
    response.vary.add("HX-Request")
    return response


def _id() -> str:
    return str(g.get("request_id", ""))


def sentence_for(error: ProviderError, sentences: Sentences) -> str:
    """The first sentence of a failure: its own, else that of the provider's list."""
    if error.sentence:
        return error.sentence
    if isinstance(error, AuthenticationFailed):
        return sentences.refused
    if isinstance(error, NotAllowed):
        return sentences.permission
    if isinstance(error, Busy):
        return "Busy, try again"
    return sentences.unreachable


def provider_message(error: ProviderError, provider_key: str = "") -> Message:
    """A provider's failure as an alert, with a link to its attempt for those who may see it.

    Whose sentences to use is known from the ledger when the caller does not say.
    """
    key = provider_key or attempts.provider_of(error.attempt_id)
    sentences = providers.get(key).sentences if key else Sentences()
    link = ""
    if error.attempt_id and actor().may(Permission.ACTIVITY_READ):
        link = url_for("settings.attempt", attempt_id=error.attempt_id)
    return problem(sentence_for(error, sentences), error, attempt_url=link)


def _provider_error(error: ProviderError) -> Response:
    return answer(502, message=provider_message(error))


def _cannot_open(error: CannotOpen) -> Response:
    log.error("credential does not open", extra={"reason": str(error)})
    return answer(
        409,
        "The stored secret of this connection cannot be opened.",
        "Open the connection with Edit, type the secret again and press Update; or restore the key ring.",
    )


def _csrf(error: CSRFError) -> Response:
    return answer(400, "This form is too old or was opened in another session.", "Reload the page and send it again.")


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    return answer(status)


def _unforeseen(error: Exception) -> Response:
    log.exception("unforeseen error", exc_info=error)
    try:
        return answer(500)
    except Exception as second:
        # The page around the message may be what is broken: the person still gets a sentence and the request id.
        log.exception("the error page itself failed", exc_info=second)
        return Response(
            f"Something went wrong on our side. Request {_id()}\n", 500, content_type="text/plain; charset=utf-8"
        )
