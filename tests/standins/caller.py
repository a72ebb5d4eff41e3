"""A plain caller of the sandbox Jira, and bodies to send."""

from __future__ import annotations

from typing import Any

import requests

from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.server import RunningServer

DANA = "5b10ac8d82e05b22cc7d4e01"
GRACE = "5b10ac8d82e05b22cc7d4e11"
LENA = "5b10ac8d82e05b22cc7d4e06"
CREATE = "/rest/api/3/issue"
SEARCH = "/rest/api/3/search/jql"

NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


class Api:
    """A plain caller of the sandbox."""

    def __init__(self, jira: JiraStandin, server: RunningServer) -> None:
        self.jira, self.url = jira, server.url

    def __call__(self, method: str, path: str, *, auth: Any = (ADMIN_EMAIL, API_TOKEN), **more: Any) -> Any:
        return requests.request(method, self.url + path, auth=auth, allow_redirects=False, timeout=5, **more)

    def create(self, label: str = "pp-1", **fields: Any) -> Any:
        """Create an OPS Task with this label."""
        return self("POST", CREATE, json=body(labels=[label], **fields))

    def search(self, label: str = "pp-1", **more: Any) -> Any:
        """Search for the label as our client does."""
        jql = f'project = OPS AND labels = "{label}"'
        return self("POST", SEARCH, json={"jql": jql, "fields": ["status"], **more}).json()["issues"]


def document(*lines: str) -> dict[str, Any]:
    """A document of one paragraph per line; an empty line is an empty paragraph."""
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in lines]
    return {"type": "doc", "version": 1, "content": paragraphs}


def body(project: str = "OPS", kind: str = "10001", **fields: Any) -> dict[str, Any]:
    """The body of a create call: an OPS Task unless told otherwise."""
    base = {"project": {"key": project}, "issuetype": {"id": kind}, "summary": "Disk full on db-3"}
    return {"fields": {**base, "description": document("First line", "", "Second"), **fields}}
