"""Reading what a provider answered: its data, or the error that its status stands for."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import requests

from providers.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)

_DEPTH_LIMIT = 32
_WRONG_PRODUCT = "Check that the address is that of the right product and of its API, not of a sign-in page or proxy."

# Status -> class, what happened, what to do. {label} is the provider's name.
_REFUSALS: dict[int, tuple[type[ProviderError], str, str]] = {
    400: (InvalidInput, "{label} refused the values.", "Correct them and try again."),
    401: (AuthenticationFailed, "{label} refused the credentials.", "Check them and enter them again."),
    403: (
        NotAllowed,
        "{label} does not allow this account to do that.",
        "Give the account the missing permission in {label}, then try again.",
    ),
    404: (
        NotFound,
        "{label} has nothing at this place, or does not show it to this account.",
        "Check the address, and that the account may see it.",
    ),
    409: (Conflict, "Somebody changed this in {label} at the same time.", "Look at it again, then repeat the change."),
    422: (InvalidInput, "{label} refused the values.", "Correct them and try again."),
}


def read_json(response: requests.Response, label: str) -> Any:
    """The data of an answer.

    Raises UnexpectedAnswer when the content type is not JSON, the body does not parse, is nested deeper than 32
    levels, or contains NaN or Infinity (which JSON does not know).
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        what = "a web page" if kind in ("text/html", "application/xhtml+xml") else "something else"
        raise _unexpected(response, f"{label} answered with {what} instead of data.")
    try:
        data = json.loads(response.content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _unexpected(response, f"{label} answered with data that cannot be read.") from None
    if _deeper_than(data, _DEPTH_LIMIT):
        raise _unexpected(response, f"{label} answered with data that is nested too deeply.")
    return data


def amend(response: requests.Response, outcome: str, message: str) -> None:
    """Correct the ledger row of an answer whose status said success but whose content says otherwise."""
    correct = getattr(response, "amend", None)
    if correct is not None:
        correct(outcome, message)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _deeper_than(data: Any, limit: int) -> bool:
    """Whether lists and objects are nested deeper than the limit; level by level, so without recursion."""
    level = [data]
    for _ in range(limit + 1):
        nested = [each for each in level if isinstance(each, (dict, list))]
        level = [inner for each in nested for inner in (each.values() if isinstance(each, dict) else each)]
        if not nested:
            return False
    return True


def _unexpected(response: requests.Response, cause: str) -> UnexpectedAnswer:
    amend(response, "bad_answer", cause)
    error = UnexpectedAnswer(cause, next_step=_WRONG_PRODUCT, vendor_status=response.status_code)
    error.attempt_id = getattr(response, "attempt_id", None)
    return error


def error_for(
    response: requests.Response,
    *,
    label: str,
    code: str = "",
    message: str = "",
    field_errors: Mapping[str, str] | None = None,
) -> ProviderError:
    """The error an answer stands for, by its status. It is returned, not raised.

    `code` and `message` are the provider's own; where they are empty, what the door's `describe` found is used.
    `field_errors` are its messages by field id, for refused values. Secrets are taken out of all of them.
    """
    shorten: Callable[[str], str] = getattr(response, "shorten", str)
    status = response.status_code
    details: dict[str, Any] = {
        "vendor_status": status,
        "vendor_code": shorten(code) or getattr(response, "vendor_code", ""),
        "vendor_message": shorten(message) or getattr(response, "vendor_message", ""),
    }
    if status in _REFUSALS:
        kind, cause, next_step = _REFUSALS[status]
        if kind is InvalidInput:
            details["field_errors"] = {name: shorten(text) for name, text in (field_errors or {}).items()}
        error = kind(cause.format(label=label), next_step=next_step.format(label=label), **details)
    else:
        error = _by_range(response, label, details)
    error.attempt_id = getattr(response, "attempt_id", None)
    return error


def _by_range(response: requests.Response, label: str, details: dict[str, Any]) -> ProviderError:
    status = response.status_code
    if status == 429:
        wait = retry_after(response)
        when = "in a few minutes" if wait is None else f"in {math.ceil(wait)} seconds"
        cause = f"{label} limits how many calls it takes, and took none of this one."
        return RateLimited(cause, next_step=f"Try again {when}.", retry_after=wait, **details)
    if status >= 500:
        cause = f"{label} has an internal problem (status {status})."
        return Unreachable(
            cause, next_step="Try again later; if it stays, look at the provider's status page.", **details
        )
    cause = f"{label} answered in a way that Patchpanel does not expect (status {status})."
    return UnexpectedAnswer(cause, next_step=_WRONG_PRODUCT, **details)


def retry_after(response: requests.Response) -> float | None:
    """Seconds the Retry-After header asks for, given as a number or a date; None when absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


def outcome_of(status: int) -> str:
    """How a call with this status ended, in the word of the ledger."""
    if status < 400:
        return "ok"
    if status == 429:
        return "limited"
    return "refused" if status < 500 else "vendor_error"
