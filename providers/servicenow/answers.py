"""Reading what ServiceNow answers: values, people, records, errors.

Source: ServiceNow's Table API and inbound REST pages; docs/providers.md lists the facts. All values are texts, an unset
one is "", a reference is {"link", "value"} or, with display values, {"display_value", "value"}.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.answers import amend, error_for, read_json
from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.values import Person

if TYPE_CHECKING:
    import requests

LABEL = "ServiceNow"
# ServiceNow's field names where the ticket dialog has other names for them.
DIALOG_NAMES = {
    "short_description": "summary",
    "assigned_to": "integration_user",
    "caller_id": "connection",
    "requested_by": "connection",
    "opened_by": "connection",
    "correlation_id": "connection",
}
_DATA_POLICY = re.compile(r"Data Policy Exception", re.IGNORECASE)
_MANDATORY = re.compile(r"mandatory\s*:\s*(.+?)\.?\s*$", re.IGNORECASE | re.DOTALL)
_LOCKED = "After 5 wrong passwords ServiceNow locks the user for 15 minutes; its system log names the real reason."
KEY_STEP = (
    "Check the API Key and its expiry, and that a REST API access policy with its authentication profile covers the "
    "Table API."
)


def value(entry: Any) -> str:
    """A field's value as text, whatever form it came in; "" for an unset or absent one."""
    if isinstance(entry, Mapping):
        entry = entry.get("value", "")
    if entry is None:
        return ""
    return str(entry).lower() if isinstance(entry, bool) else str(entry)


def display(entry: Any) -> str:
    """What people see of a field; its value when nothing else came."""
    if isinstance(entry, Mapping) and entry.get("display_value") is not None:
        return str(entry["display_value"])
    return value(entry)


def message(response: Any) -> tuple[str, str]:
    """ServiceNow's own (code, words) in an error answer; empty where it gave none.

    OAuth errors are {"error", "error_description"}, all others {"error": {"message", "detail"}, "status"}.
    """
    if "json" not in str(response.headers.get("Content-Type", "")):
        return "", ""
    data = response.json()
    error = data.get("error", "") if isinstance(data, dict) else ""
    if isinstance(error, dict):
        return "", ": ".join(str(part) for part in (error.get("message"), error.get("detail")) if part)
    return str(error), str(data.get("error_description") or "") if isinstance(data, dict) else ""


def _words(response: Any) -> str:
    try:
        return message(response)[1]
    except (ValueError, TypeError, AttributeError):
        return ""


def result(response: requests.Response, *, doing: str, good: tuple[int, ...] = (200,)) -> Any:
    """The `result` of an answer.

    Args:
        response: what came through the door.
        doing: what was asked, for naming a missing permission ("read sys_user").
        good: the statuses that mean success on this route.

    Raises:
        ProviderError: anything that is not the documented success, also with a status of 200.
    """
    refuse_sleeping(response)
    if response.status_code not in good:
        raise error(response, doing=doing)
    data = read_json(response, LABEL)
    if isinstance(data, dict) and data.get("error"):
        raise _error_in_success(response)
    if not isinstance(data, dict) or "result" not in data:
        raise unlike(response)
    return data["result"]


def refuse_sleeping(response: requests.Response) -> None:
    """Raise Unreachable when a developer instance sleeps: it answers an HTML page, mostly with status 200."""
    kind = response.headers.get("Content-Type", "")
    if "html" not in kind or "hibernating" not in response.text.lower():
        return
    cause = "This ServiceNow instance is asleep: it is a developer instance that hibernates when nobody uses it."
    amend(response, "bad_answer", cause)
    asleep = Unreachable(
        cause,
        next_step="Sign in at developer.servicenow.com to wake it, then try again.",
        vendor_status=200,
    )
    raise noted(asleep, response)


def noted(error: ProviderError, response: requests.Response) -> ProviderError:
    """The error with the ledger row of the answer it stands for."""
    error.attempt_id = getattr(response, "attempt_id", None)
    return error


def _error_in_success(response: requests.Response) -> ProviderError:
    """An error body under a success status: a cancelled transaction, for example. What was done is not known."""
    words = getattr(response, "shorten", str)(_words(response))
    cause = "ServiceNow reported a failure although the status of its answer says success."
    amend(response, "vendor_error", words or cause)
    status = response.status_code
    return noted(Unreachable(cause, next_step="Try again later.", vendor_status=status, vendor_message=words), response)


def unlike(response: requests.Response) -> ProviderError:
    """JSON, but not ServiceNow's."""
    cause = "The answer does not look like ServiceNow."
    amend(response, "bad_answer", cause)
    step = "Check that the Service URL is that of your ServiceNow instance."
    return noted(UnexpectedAnswer(cause, next_step=step, vendor_status=response.status_code), response)


def error(response: requests.Response, *, doing: str = "") -> ProviderError:
    """The error a refusal stands for."""
    words = _words(response)
    if response.status_code == 403 and _DATA_POLICY.search(words):
        return _data_policy(response, words)
    if response.status_code == 499:
        # "Client gone": the record may exist all the same, so this must not read like a refusal (status left out).
        cause = "ServiceNow broke the call off."
        return noted(Unreachable(cause, next_step="Try again later."), response)
    if response.status_code == 401:
        cause = "ServiceNow refused the credentials."
        step = "Check them; the instance's system log names the reason."
        return refused(response, cause, step)
    found = error_for(response, label=LABEL, field_errors=_bad_table(words))
    if isinstance(found, NotAllowed) and doing:
        found.missing = (doing,)
    if isinstance(found, RateLimited) and found.retry_after is None:
        _until_reset(response, found)
    return found


def _until_reset(response: requests.Response, found: RateLimited) -> None:
    """Without Retry-After the time the limit ends says how long to wait (X-RateLimit-Reset, in Unix seconds)."""
    reset = response.headers.get("X-RateLimit-Reset", "").strip()
    if reset.isdecimal():
        found.retry_after = max(float(reset) - time.time(), 0.0)
        found.next_step = f"Try again in {math.ceil(found.retry_after)} seconds."


def refused(response: requests.Response, cause: str, step: str) -> AuthenticationFailed:
    """Refused credentials, in our words with ServiceNow's beside them."""
    words = getattr(response, "shorten", str)(_words(response))
    found = AuthenticationFailed(cause, next_step=step, vendor_status=response.status_code, vendor_message=words)
    found.vendor_code = getattr(response, "vendor_code", "")
    found.attempt_id = getattr(response, "attempt_id", None)
    return found


def sign_in_refused(response: requests.Response, *, by_password: bool) -> AuthenticationFailed:
    """The token route's refusal: ServiceNow answers the same for every wrong value."""
    if by_password:
        cause = (
            "ServiceNow refused the sign-in and does not say whether the API Client ID, the API Client Secret, the "
            "Username or the Password is wrong."
        )
        return refused(response, cause, f"Check all four. {_LOCKED}")
    cause = (
        "ServiceNow refused the sign-in. No Username and Password were given, so the client credentials grant was used."
    )
    step = (
        "Check API Client ID and API Client Secret; the instance must allow this grant and the Application Registry "
        "record must name a user."
    )
    return refused(response, cause, step)


def _bad_table(words: str) -> Mapping[str, str]:
    return {"table": words} if words.lower().startswith("invalid table") else {}


def _data_policy(response: requests.Response, words: str) -> InvalidInput:
    """A data policy wants more fields; they are named by their labels."""
    shorten = getattr(response, "shorten", str)
    found = InvalidInput(
        "ServiceNow refused the values: a data policy of this table wants more fields.",
        next_step="Fill them in and try again.",
        field_errors={shorten(name): "ServiceNow wants this field." for name in mandatory(words)},
        vendor_status=403,
        vendor_message=shorten(words),
    )
    found.attempt_id = getattr(response, "attempt_id", None)
    return found


def mandatory(words: str) -> tuple[str, ...]:
    """The fields a data policy's refusal names."""
    found = _MANDATORY.search(words)
    return tuple(name for part in found.group(1).split(",") if (name := part.strip())) if found else ()


def wrong_product(found: ProviderError) -> Unreachable:
    """There is a web server, but not ServiceNow."""
    wrong = Unreachable(
        "There is a web server at this address, but it does not answer like ServiceNow.",
        next_step="Check the Service URL: for most instances it ends in .service-now.com.",
        vendor_status=found.vendor_status,
    )
    wrong.attempt_id = found.attempt_id
    return wrong


def person(row: Mapping[str, Any]) -> Person:
    """A user record as a person."""
    user_name = value(row.get("user_name"))
    return Person(
        external_id=value(row.get("sys_id")),
        name=value(row.get("name")) or user_name,
        username=user_name,
        email=value(row.get("email")),
        active=value(row.get("active")) != "false",
    )
