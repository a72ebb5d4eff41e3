"""How the sandbox Azure DevOps judges tokens and words its answers (faces of a refusal as recorded by others)."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Request, Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from standins import wire
from standins.azure_devops_knobs import WorkItem
from standins.azure_devops_people import ANONYMOUS, Token
from standins.azure_devops_projects import Project
from standins.azure_devops_state import ORGANIZATION, AzureSandbox, sandbox

JSON_TYPE = "application/json; charset=utf-8; api-version=7.1"
HTML_TYPE = "text/html; charset=utf-8"
SIGN_IN = "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com"
EXPIRED = "Access Denied: The Personal Access Token used has expired."
REVOKED = "Access Denied: The Personal Access Token used has been revoked."
View = Callable[..., AnyResponse]


@dataclass(frozen=True)
class Caller:
    """Whose token came with a request; None for a token nobody knows, or none at all."""

    token: Token | None = None

    @property
    def signed_in(self) -> bool:
        """Whether the token works in this organization."""
        return self.token is not None and self.token.state == "good"


def base_url() -> str:
    """The organization's address as the caller reached it."""
    return f"{request.host_url.rstrip('/')}/{ORGANIZATION}"


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    response = wire.answer(data, status, JSON_TYPE)
    response.headers.update(headers or {})
    return response


def listed(entries: Sequence[Any], headers: dict[str, str] | None = None) -> Response:
    """A list in the vendor's wrapping."""
    return answer({"count": len(entries), "value": list(entries)}, headers=headers)


def html(title: str, status: int) -> Response:
    """A page where JSON is expected."""
    return wire.html(title, status, HTML_TYPE)


def refuse(status: int, message: str, kind: str, **more: Any) -> Response:
    """An error in the vendor's shape."""
    shape = {
        "$id": "1",
        "innerException": None,
        "message": message,
        "typeName": f"Microsoft.TeamFoundation.{kind}, Microsoft.TeamFoundation.WorkItemTracking.Server",
        "typeKey": kind,
        "errorCode": 0,
        "eventId": 3000,
    }
    return answer(shape | more, status)


# -- tokens --------------------------------------------------------------------------------------------------------


def authenticate(incoming: Request, azure: AzureSandbox) -> Caller:
    """Whose token the Authorization header holds; its user part does not matter."""
    scheme, _, value = incoming.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return Caller()
    try:
        secret = base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return Caller()
    return Caller(azure.tokens.get(secret))


def bad_token() -> AnyResponse:
    """The refusal of a token, with the face that fits it, the verb and the knobs."""
    token = g.caller.token
    if token is not None and token.state in ("expired", "revoked"):
        return _denied(EXPIRED if token.state == "expired" else REVOKED)
    if token is not None and token.state == "foreign":
        return not_authorized(sandbox().owner.id)
    face = sandbox().knobs.refusal or _usual_face()
    if face == "page":
        return html("Azure DevOps Services | Sign In", 203)
    if face == "redirect":
        return Response(status=302, headers={"Location": SIGN_IN}, content_type=HTML_TYPE)
    if face == "json":
        return not_authorized(ANONYMOUS)
    return html("401 - Uh-oh, you do not have access.", 401)


def _usual_face() -> str:
    if request.method == "PATCH":
        return "json"
    return "plain" if request.headers.get("X-TFS-FedAuthRedirect", "").lower() == "suppress" else "page"


def _denied(text: str) -> Response:
    response = html(text, 401)
    if sandbox().knobs.error_header:
        response.headers["X-TFS-ServiceError"] = quote(text, safe="")
    return response


def not_authorized(user: str) -> Response:
    """TF400813, the answer to a known user without rights and to nobody alike."""
    message = f"TF400813: The user '{user}' is not authorized to access this resource."
    return refuse(401, message, "UnauthorizedRequestException")


def needs(scope: str) -> Callable[[View], View]:
    """Let a route refuse tokens that do not work or lack the scope, and calls that name no version."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(**values: Any) -> AnyResponse:
            if not g.caller.signed_in:
                return bad_token()
            if scope not in g.caller.token.scopes or not sandbox().has(scope):
                face = sandbox().knobs.scope_face
                return not_authorized(sandbox().owner.id) if face == "json" else html("Unauthorized", 401)
            return _wrong_version() or view(**values)

        return guarded

    return decorate


def _wrong_version() -> Response | None:
    version = request.args.get("api-version", "")
    if version.startswith("7.1"):
        return None
    message = "No api-version was supplied for the request. The version must be supplied either as part of the Accept "
    return refuse(400, message + "header or as a query parameter.", "VssVersionNotSpecifiedException")


# -- projects and work items ---------------------------------------------------------------------------------------


def no_project(name: str) -> Response:
    """A project that is absent or out of sight: the same answer."""
    message = (
        f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct and "
        "that the project exists on the specified Azure DevOps Server."
    )
    return refuse(404, message, "ProjectDoesNotExistWithNameException")


def no_item(number: int) -> Response:
    """A work item that is absent or out of sight: the same answer."""
    message = f"TF401232: Work item {number} does not exist, or you do not have permissions to read it."
    return refuse(404, message, "WorkItemUnauthorizedAccessException")


def no_type(project: Project, name: str) -> Response:
    """A work item type the project's process does not have."""
    message = f"VS402323: Work item type {name} does not exist in project {project.name} or you do not have permission."
    return refuse(404, message, "WorkItemTypeNotFoundException")


def all_values(item: WorkItem) -> dict[str, Any]:
    """All fields of a work item."""
    azure, base = sandbox(), base_url()
    moment = item.created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{item.created.microsecond // 1000:03}Z"
    values = {
        "System.AreaPath": item.project,
        "System.TeamProject": item.project,
        "System.IterationPath": item.project,
        "System.WorkItemType": item.type,
        "System.State": item.state,
        "System.Reason": "New",
        "System.CreatedDate": moment,
        "System.CreatedBy": azure.people[item.creator].as_reference(base),
        "System.ChangedDate": moment,
        **item.values,
    }
    if item.assignee:
        values["System.AssignedTo"] = azure.people[item.assignee].as_reference(base)
    return values


def item_json(item: WorkItem, wanted: list[str] | None = None) -> dict[str, Any]:
    """A work item, with the wanted fields alone when there are any."""
    base, values = base_url(), all_values(item)
    shown = {name: value for name, value in values.items() if wanted is None or name in wanted}
    url = f"{base}/_apis/wit/workItems/{item.id}"
    page = f"{base}/{quote(item.project)}/_workitems/edit/{item.id}"
    data: dict[str, Any] = {"id": item.id, "rev": item.rev, "fields": shown, "url": url}
    if wanted is None:
        data["_links"] = {"self": {"href": url}, "html": {"href": page}}
        data["relations"] = item.relations
    return data
