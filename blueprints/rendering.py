"""One template for page and partial: htmx gets the partial, everybody else the page around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, flash, get_flashed_messages, make_response, redirect, render_template, request

from providers.errors import ProviderError


@dataclass(frozen=True)
class Message:
    """One line for the alerts region; `kind` is status or alert."""

    kind: str
    text: str
    detail: str = ""
    link: str = ""
    link_text: str = ""


def is_htmx() -> bool:
    """Whether htmx asks, and so wants a partial."""
    return request.headers.get("HX-Request") == "true"


def render(page: str, /, *, partial: str = "", status: int = 200, **context: Any) -> Response:
    """The page, or only its partial when htmx asks.

    Args:
        page: template of the whole page; it includes `partial`.
        partial: template htmx gets; without it everybody gets the page.
    """
    template = partial if partial and is_htmx() else page
    response = make_response(render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def done(target: str, message: str, *, partials: str = "") -> Response:
    """The answer to a form that succeeded: htmx gets `partials` and the message, everybody else is sent to `target`.

    `partials` is rendered HTML whose parts carry hx-swap-oob, so that the dialog they came from empties and closes.
    """
    if is_htmx() and partials:
        status = render_template("_status.html", message=Message("status", message)) if message else ""
        response = make_response(partials + status)
        response.vary.add("HX-Request")
        return response
    if message:
        flash(message, "status")
    if is_htmx():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = target
        return response
    answer = redirect(target, 303)
    answer.vary.add("HX-Request")
    return answer  # type: ignore[return-value]  # werkzeug's redirect answers Flask's own class


def keep_message(message: Message) -> None:
    """Show the message, with its detail and link, on the next page."""
    flash([message.text, message.detail, message.link, message.link_text], message.kind)


def pending_messages() -> list[Message]:
    """Messages kept over a redirect."""
    return [
        Message(kind, *([kept] if isinstance(kept, str) else kept))
        for kind, kept in get_flashed_messages(with_categories=True)
    ]


def problem(sentence: str, error: ProviderError, *, attempt_url: str = "") -> Message:
    """A provider's failure as people read it: sentence first, then cause and next step."""
    detail = " ".join(part for part in (error.cause, error.next_step) if part)
    return Message("alert", sentence, detail, attempt_url, "See what happened" if attempt_url else "")
