"""Reading what Jira answers: people, issues, errors.

Facts about Jira's error shapes and its treatment of wrong credentials as an anonymous visitor stem from Atlassian's
REST v3 description and measured replies; docs/providers.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jira.resilientsession import parse_errors

from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    UnexpectedAnswer,
    Unreachable,
)
from providers.http import amend, error_for
from providers.jira import adf, fields
from providers.values import Person, TicketDraft, TicketStatus

if TYPE_CHECKING:
    import requests

SUMMARY_LIMIT = 255
COMMON_LABEL = "patchpanel"
CATEGORIES = {"new": "new", "indeterminate": "active", "done": "done"}
# Jira's field ids where the ticket dialog has other names for them.
DIALOG_NAMES = {"issuetype": "issue_type", "assignee": "integration_user"}
NEW_TOKEN = "Check e-mail and token, or create a new token in Atlassian and type it here."  # noqa: S105 - a sentence


def message(response: Any) -> str:
    """Jira's own words in an error answer, as one line."""
    if "json" not in str(response.headers.get("Content-Type", "")):
        return _plain_text(response)
    try:
        return "; ".join(part for part in parse_errors(response) if isinstance(part, str))
    except (ValueError, TypeError, AttributeError):
        return ""


def _plain_text(response: Any) -> str:
    """Plain texts are Jira's words; anything with mark-up is a page. Not cut: half a secret could not be redacted."""
    text = str(response.text).strip()
    return "" if "<" in text else text


def error(response: requests.Response | None) -> ProviderError:
    """The error an answer stands for."""
    if response is None:
        return UnexpectedAnswer("Jira's answer was empty.", next_step="Try again later.")
    refused = _refused_credentials(response)
    if refused is not None:
        return refused
    if response.status_code == 410:
        return unexpected(response, "Jira no longer offers this function.", "Update Patchpanel.")
    found = error_for(response, label="Jira", message=message(response), field_errors=_field_errors(response))
    return _full(found) if response.status_code == 413 else found


def _full(found: ProviderError) -> InvalidInput:
    """413 is Jira's word for "this issue has as many comments (or attachments) as an issue may have"."""
    full = InvalidInput(
        "Jira takes no more on this issue: it has as many comments or attachments as an issue may have.",
        next_step="Remove old ones in Jira, or go on in a new issue.",
        vendor_status=found.vendor_status,
        vendor_message=found.vendor_message,
    )
    full.attempt_id = found.attempt_id
    return full


def unexpected(response: requests.Response, cause: str, next_step: str) -> UnexpectedAnswer:
    """The error for an answer whose content is not what the vendor documents; its ledger row is corrected."""
    amend(response, "bad_answer", cause)
    found = UnexpectedAnswer(cause, next_step=next_step, vendor_status=response.status_code)
    found.attempt_id = getattr(response, "attempt_id", None)
    return found


def _field_errors(response: requests.Response) -> Mapping[str, str]:
    try:
        found = response.json().get("errors", {})
    except (ValueError, AttributeError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {DIALOG_NAMES.get(str(key), str(key)): text for key, text in found.items() if isinstance(text, str)}


def refuse_anonymous(response: requests.Response) -> None:
    """Raise AuthenticationFailed when a 2xx was given to an anonymous visitor: our credentials were refused."""
    refused = _refused_credentials(response)
    if refused is not None:
        amend(response, "refused", refused.cause)
        raise refused


def _refused_credentials(response: requests.Response) -> AuthenticationFailed | None:
    reason = response.headers.get("X-Seraph-LoginReason", "")
    text = "" if response.ok else _plain_text(response)
    if "AUTHENTICATION_DENIED" in reason or "CAPTCHA" in response.headers.get("X-Authentication-Denied-Reason", ""):
        cause = "Jira locked this account after too many failed sign-ins."
        step = "Sign in to Jira once in the browser with this account, then try again."
    elif "passwords is deprecated" in text:
        cause, step = "Jira takes API tokens only, not the account's password.", NEW_TOKEN
    elif "AUTHENTICATED_FAILED" in reason or response.status_code == 401:
        cause, step = "Jira refused this e-mail address and API token.", NEW_TOKEN
    else:
        return None
    words = getattr(response, "shorten", str)(text)  # the door's: without secrets
    refused = AuthenticationFailed(cause, next_step=step, vendor_status=response.status_code, vendor_message=words)
    refused.attempt_id = getattr(response, "attempt_id", None)
    return refused


def wrong_product(found: NotFound) -> Unreachable:
    """There is a web server, but not Jira Cloud."""
    wrong = Unreachable(
        "There is a web server at this address, but it does not answer like Jira Cloud.",
        next_step="Check the Service URL: it ends in .atlassian.net for most sites.",
        vendor_status=found.vendor_status,
    )
    wrong.attempt_id = found.attempt_id
    return wrong


def site_gone(found: NotFound) -> NotAllowed:
    """The gateway knows no such site for this consent."""
    gone = NotAllowed(
        "The consent does not cover this Jira site any more, or the site is gone.",
        next_step="Press Reconnect and choose the site on Atlassian's page.",
        vendor_status=found.vendor_status,
    )
    gone.attempt_id = found.attempt_id
    return gone


def person(entry: Mapping[str, Any], typed_email: str) -> Person:
    """A person of a user search. Jira Cloud has no user names: people sign in with their e-mail address."""
    email = str(entry.get("emailAddress") or "")
    return Person(
        external_id=str(entry["accountId"]),
        name=str(entry.get("displayName") or entry["accountId"]),
        username=email or typed_email,
        email=email or typed_email,
        active=bool(entry.get("active", True)),
        email_hidden=not email,
    )


def status(issue: Mapping[str, Any], browse: Callable[[str], str], marker: str) -> TicketStatus:
    """An issue as ticket. Raises UnexpectedAnswer when it is not an issue."""
    try:
        found = issue["fields"]
        state = found["status"]
        category = CATEGORIES.get(state.get("statusCategory", {}).get("key", ""), "new")
        assignee = found.get("assignee") or {}
        proof = marker in (found.get("labels") or []) or (
            bool(marker) and marker in adf.plain(found.get("description"))
        )
        return TicketStatus(
            external_id=str(issue["id"]),
            external_key=str(issue["key"]),
            url=browse(str(issue["key"])),
            summary=str(found.get("summary") or ""),
            status=str(state["name"]),
            category=category,
            assignee_id=str(assignee.get("accountId") or ""),
            assignee_name=str(assignee.get("displayName") or ""),
            marker_found=bool(marker) and proof,
        )
    except (KeyError, TypeError, AttributeError) as unreadable:
        raise UnexpectedAnswer("Jira's answer is not an issue.", next_step="Try again later.") from unreadable


def marker_line(marker: str) -> str:
    """The last line of what we write, by which it is found again."""
    return f"Reference: {marker}"


def new_issue(draft: TicketDraft) -> dict[str, Any]:
    """The body of a create call."""
    ending = f"\n\n{draft.incident_key}: {draft.incident_url}\n{marker_line(draft.marker)}"
    values = {name: fields.payload(field.kind, field.value) for name, field in draft.values.items()}
    body: dict[str, Any] = {
        **values,
        "project": {"id": draft.destination["project"]},
        "issuetype": {"id": draft.destination["issue_type"]},
        "summary": " ".join(draft.summary.split())[:SUMMARY_LIMIT],
        "description": adf.document(draft.description, ending),
        "labels": [COMMON_LABEL, draft.marker],
    }
    if draft.assignee_on_create and draft.assignee_id:
        body["assignee"] = {"accountId": draft.assignee_id}
    return {"fields": body}


def jql_text(text: str) -> str:
    """Text for use inside a JQL string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
