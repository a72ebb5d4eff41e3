"""A stand-in for Azure DevOps Services (one organization, personal access tokens), in memory, on a real socket.

It answers what a client of ours may call, in the vendor's wire format and with its traps: a bad token has many faces,
a missing scope looks like one, creating answers 200, projects out of sight look absent. The people host is served by
the same application. Everything else is 501, so that a new call cannot pass unnoticed. `azure_devops_people` and
`azure_devops_projects` say who and what is there, `azure_devops_state` which knobs make it difficult; `/_standin/…`
offers the same knobs over HTTP.
"""

from __future__ import annotations

import re

from flask import Response, g, request

from standins import azure_devops_wire as wire
from standins.azure_devops_comments import comments
from standins.azure_devops_hooks import hooks
from standins.azure_devops_items import items
from standins.azure_devops_pages import pages
from standins.azure_devops_people import ADMIN_EMAIL, PAT
from standins.azure_devops_site import site
from standins.azure_devops_state import ORGANIZATION, AzureSandbox
from standins.standin import Standin

__all__ = ["ADMIN_EMAIL", "ORGANIZATION", "PAT", "AzureDevOpsStandin"]

JSON_PATCH = "application/json-patch+json"
_ITEM = re.compile(r"/_apis/wit/workitems/(?:\$[^/]+|[0-9]+)$")


class AzureDevOpsStandin(Standin, AzureSandbox):
    """The sandbox Azure DevOps: `app` for any WSGI server, `serve()` for a socket; knobs come from `AzureSandbox`."""

    title = "Azure DevOps"
    blueprints = (site, items, comments, hooks, pages)
    json_type = wire.JSON_TYPE
    html_type = wire.HTML_TYPE
    merge_slashes = False

    def greeting(self, url: str) -> list[str]:
        """What a person who starts the sandbox needs to know."""
        return [
            f"Sandbox Azure DevOps at {url}",
            f"  Organization URL             {url}/{ORGANIZATION}",
            f"  Personal Access Token (PAT)  {PAT}",
            f"  PATCHPANEL_AZURE_IDENTITY_URL={url}",
        ]

    def _signed_in(self) -> bool:
        g.caller = wire.authenticate(request, self)
        return bool(g.caller.signed_in)

    def _is_api(self) -> bool:
        return "/_apis/" in request.path

    def _is_create(self) -> bool:
        return super()._is_create() and request.args.get("validateOnly", "").lower() != "true"

    def _refused(self, raw: bytes) -> Response | None:
        """Work items take JSON Patch only."""
        if request.method not in ("POST", "PATCH") or not _ITEM.search(request.path) or request.mimetype == JSON_PATCH:
            return None
        message = f"The request indicated a Content-Type of “{request.mimetype}” for method type “{request.method}” "
        return wire.refuse(415, message + "which is not supported.", "VssRequestContentTypeNotSupportedException")

    def _dress(self, response: Response) -> None:
        """What the vendor tells of a delay."""
        if self.knobs.delay and self._is_api():
            told = {"Retry-After": "30", "X-RateLimit-Resource": "Core", "X-RateLimit-Delay": str(self.knobs.delay)}
            response.headers.update(told)

    def _refusal(self, status: int) -> Response:
        """A page for 401, 404 and 5xx, the vendor's error shape for the rest."""
        if status >= 500 or status in (401, 404):
            return wire.html(f"{status} - The service cannot answer", status)
        return wire.refuse(status, "Refused by the sandbox.", "SandboxException")
