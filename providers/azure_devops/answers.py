"""Reading what Azure DevOps answers when it refuses: which token problem it is, and which field is to blame.

Sources: the error bodies of Microsoft's REST 7.1 description and the recorded answers listed in docs/providers.md. A
bad token has many faces: a sign-in page with status 203, a redirect to it, 401 as page, text or JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    ProviderError,
    UnexpectedAnswer,
    Unreachable,
)
from providers.http import amend, error_for

if TYPE_CHECKING:
    import requests

LABEL = "Azure DevOps"
ANONYMOUS = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
NEW_TOKEN = "Create a new personal access token for this organization in Azure DevOps and type it here."  # noqa: S105 - a sentence
UNKNOWN_IDENTITY = 600171
# Azure DevOps' field names where the ticket dialog has other names for them.
DIALOG_NAMES = {
    "System.Title": "summary",
    "System.Description": "description",
    "Microsoft.VSTS.TCM.ReproSteps": "description",
    "System.AssignedTo": "integration_user",
    "System.TeamProject": "project",
    "System.WorkItemType": "work_item_type",
}
_DESTINATION = {
    "ProjectDoesNotExistWithNameException": "project",
    "ProjectDoesNotExistException": "project",
    "WorkItemTypeNotFoundException": "work_item_type",
    "VS402323": "work_item_type",
    "TF200016": "project",
}
_CODE = re.compile(r"\b(?:TF|VS)[0-9]{5,6}\b")
_NOT_AUTHORIZED = re.compile(r"user '([^']*)' is not authorized")
_SIGN_IN_HOST = re.compile(r"\b(?:[\w.-]+\.)?(?:visualstudio\.com|microsoftonline\.com|live\.com|dev\.azure\.com)\b")
# What a right inside a project is called in the security pages of Azure DevOps, by error code.
_RIGHTS = {
    "TF237111": "Edit work items in this node (of the area path)",
    "TF401289": "Create tag definition",
}


def body(response: Any) -> Mapping[str, Any]:
    """The error object of an answer, empty when it has none."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def message(response: Any) -> str:
    """The words of an error answer: of its JSON, of the header made for them, or of a plain text."""
    said = body(response).get("message")
    if isinstance(said, str) and said:
        return said
    header = unquote_plus(str(response.headers.get("X-TFS-ServiceError", "")))
    text = str(response.text).strip()
    return header or ("" if "<" in text or _is_json(response) else text)


def _is_json(response: Any) -> bool:
    return "json" in str(response.headers.get("Content-Type", "")).lower()


def describe(response: Any) -> tuple[str, str]:
    """Azure DevOps' own (code, message) in an error answer."""
    words = message(response)
    found = _CODE.search(words)
    return found.group() if found else str(body(response).get("typeKey") or ""), words


# -- the token -----------------------------------------------------------------------------------------------------


def refused_token(response: requests.Response) -> AuthenticationFailed | None:
    """The refusal of the token an answer stands for, in one of its many faces; None when it is none."""
    words = getattr(response, "shorten", str)(message(response) or _page_words(response))
    page = response.status_code == 203 or (response.ok and _is_sign_in_page(response))
    if not page and response.status_code != 401 and not (response.status_code == 403 and is_dead(words)):
        return None
    refused = _refusal(words, response.status_code, page=page)
    refused.attempt_id = getattr(response, "attempt_id", None)
    if response.ok:
        amend(response, "refused", refused.cause)
    return refused


def _refusal(words: str, status: int, *, page: bool) -> AuthenticationFailed:
    named = _NOT_AUTHORIZED.search(words)
    if "has expired" in words:
        cause = "Azure DevOps refused the token: it has expired."
    elif "revoked" in words:
        cause = "Azure DevOps refused the token: it was revoked."
    elif page:
        cause = f"Azure DevOps refused the token: it answered with its sign-in page (status {status})."
    elif named and named.group(1) not in ("", ANONYMOUS):
        cause = "Azure DevOps refused the token: it knows its owner, but not for this organization."
    elif words and not named:
        cause = f"Azure DevOps refused the token: {words.rstrip('.')}."
    else:
        cause = "Azure DevOps refused the token: it is wrong, revoked, or made for another organization."
    return AuthenticationFailed(cause, next_step=NEW_TOKEN, vendor_status=status, vendor_message=words)


def is_dead(words: str) -> bool:
    """Whether the words say that the token itself is at its end, whatever its scopes."""
    return "has expired" in words or "revoked" in words


def _page_words(response: Any) -> str:
    """The one sentence that may stand in an error page; pages are not shown otherwise."""
    found = re.search(r"The Personal Access Token used has (?:expired|been revoked)", str(response.text)[:20_000])
    return found.group() + "." if found else ""


def _is_sign_in_page(response: Any) -> bool:
    """The sign-in page of Azure DevOps under a status that says success."""
    text = str(response.text)[:5_000] if not _is_json(response) else ""
    return "Azure DevOps Services | Sign In" in text or "/_signin" in text


def signed_out(error: UnexpectedAnswer) -> AuthenticationFailed | None:
    """What a redirect means when it leads to Microsoft's sign-in; None for one that leads elsewhere."""
    is_redirect = error.vendor_status is not None and 300 <= error.vendor_status < 400
    if not is_redirect or not _SIGN_IN_HOST.search(error.cause):
        return None
    status = error.vendor_status
    cause = f"Azure DevOps refused the token: it redirected the call to its sign-in page (status {status})."
    refused = AuthenticationFailed(cause, next_step=NEW_TOKEN, vendor_status=status)
    refused.attempt_id = error.attempt_id
    return refused


def anonymous(attempt_id: int | None) -> AuthenticationFailed:
    """The answer was given to a visitor nobody knows."""
    cause = "Azure DevOps refused the token: it took the call for that of an anonymous visitor."
    refused = AuthenticationFailed(cause, next_step=NEW_TOKEN, vendor_status=200)
    refused.attempt_id = attempt_id
    return refused


def scope_missing(refused: AuthenticationFailed, scope: str) -> NotAllowed:
    """The token is good elsewhere, so it lacks the scope for this."""
    lacking = NotAllowed(
        f"The token is good, but it lacks the scope “{scope}”.",
        next_step="Edit the token in Azure DevOps (User settings → Personal access tokens) and add the scope.",
        missing=(scope,),
        vendor_status=refused.vendor_status,
        vendor_message=refused.vendor_message,
    )
    lacking.attempt_id = refused.attempt_id
    return lacking


# -- everything else -----------------------------------------------------------------------------------------------


def error(response: requests.Response) -> ProviderError:
    """The error an answer stands for."""
    code, words = describe(response)
    found = field_errors(response)
    is_destination = found and set(found) <= {"project", "work_item_type"}
    if response.status_code == 404 and is_destination:
        return _refused_values(response, code, words, found)
    mapped = error_for(response, label=LABEL, code=code, message=words, field_errors=found)
    if isinstance(mapped, NotAllowed) and code in _RIGHTS:
        mapped.missing = (_RIGHTS[code],)
        cause = f"The token's owner lacks the permission “{_RIGHTS[code]}”."
        say(mapped, cause, "A project administrator must grant it in Azure DevOps, then try again.")
    return mapped


def say(error: ProviderError, cause: str, next_step: str) -> None:
    """Give an error other sentences, where more is known than its status tells."""
    error.cause, error.next_step, error.args = cause, next_step, (cause,)


def _refused_values(response: requests.Response, code: str, words: str, found: Mapping[str, str]) -> InvalidInput:
    shorten = getattr(response, "shorten", str)
    refused = InvalidInput(
        "Azure DevOps does not have this project or work item type, or does not show it to the token's owner.",
        next_step="Choose another one.",
        field_errors={name: shorten(text) for name, text in found.items()},
        vendor_status=response.status_code,
        vendor_code=code,
        vendor_message=shorten(words),
    )
    refused.attempt_id = getattr(response, "attempt_id", None)
    return refused


def field_errors(response: Any) -> dict[str, str]:
    """Azure DevOps' complaints by the names of our dialog and of the destination's fields."""
    found, words = body(response), message(response)
    kind, code = str(found.get("typeKey") or ""), _CODE.search(words)
    known = _DESTINATION.get(kind) or _DESTINATION.get(code.group() if code else "")
    if known:
        return {known: words}
    custom = found.get("customProperties")
    errors = dict(_rule_errors(custom)) if isinstance(custom, Mapping) else {}
    if not errors and isinstance(custom, Mapping):
        name = custom.get("ReferenceName") or custom.get("FieldReferenceName")
        errors = {str(name): words} if name else {}
    if not errors and found.get("errorCode") == UNKNOWN_IDENTITY:
        errors = {"System.AssignedTo": words}
    return {DIALOG_NAMES.get(name, name): text for name, text in errors.items()}


def _rule_errors(custom: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The broken rules. Their list arrives plain, wrapped as `$values`, or as JSON inside a text."""
    listed = custom.get("RuleValidationErrors")
    if isinstance(listed, str):
        try:
            listed = json.loads(listed)
        except ValueError:
            return
    if isinstance(listed, Mapping):
        listed = listed.get("$values") or listed.get("$value")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, Mapping) and entry.get("fieldReferenceName"):
            yield str(entry["fieldReferenceName"]), str(entry.get("errorMessage") or "The value is not accepted.")


def wrong_place(found: ProviderError) -> Unreachable:
    """There is a web server, but no such organization."""
    wrong = Unreachable(
        "There is a web server at this address, but no Azure DevOps organization.",
        next_step="Check the Organization URL: it is the address of your organization's start page.",
        vendor_status=found.vendor_status,
    )
    wrong.attempt_id = found.attempt_id
    return wrong
