"""A plain caller of the sandbox Azure DevOps, and how its answers are held against the vendor's description."""

from __future__ import annotations

from typing import Any

import requests

from standins.azure_devops import ORGANIZATION, PAT, AzureDevOpsStandin
from tests import support_specs

SPEC = "azure-devops-7.1"
PATCH = {"Content-Type": "application/json-patch+json"}
V = "api-version=7.1"
NEW = f"Ops/_apis/wit/workitems/$Task?{V}"


class Api:
    """A plain caller of the sandbox."""

    def __init__(self, azure: AzureDevOpsStandin, url: str) -> None:
        self.azure, self.url = azure, url

    def __call__(self, method: str, path: str, *, token: str = PAT, **more: Any) -> requests.Response:
        url = f"{self.url}/{ORGANIZATION}/{path}"
        return requests.request(method, url, auth=("", token), allow_redirects=False, timeout=5, **more)

    def create(self, path: str = NEW, **values: Any) -> requests.Response:
        """Make a work item with these fields, dots written as underscores."""
        fields = {"System.Title": "Disk full", **{name.replace("_", "."): value for name, value in values.items()}}
        changes = [{"op": "add", "path": f"/fields/{name}", "value": value} for name, value in fields.items()]
        return self("POST", path, json=changes, headers=PATCH)

    def knob(self, name: str, **values: Any) -> requests.Response:
        """Turn a knob over HTTP."""
        return requests.post(f"{self.url}/_standin/{name}", json=values, timeout=5)


def check(answer: requests.Response) -> None:
    made = answer.request
    support_specs.check_exchange(
        SPEC, str(made.method), str(made.url), dict(made.headers), made.body, answer.status_code,
        {"Content-Type": "application/json"}, answer.content,
    )  # fmt: skip
