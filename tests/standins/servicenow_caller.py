"""A plain caller of the sandbox ServiceNow."""

from __future__ import annotations

from typing import Any

import requests

from standins.server import RunningServer
from standins.servicenow import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_NAME, ServiceNowStandin

INCIDENTS = "/api/now/table/incident"
USERS = "/api/now/table/sys_user"
KEY = {"x-sn-apikey": API_KEY}
GRANT = {
    "grant_type": "password",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "username": USER_NAME,
    "password": PASSWORD,
}


class Api:
    """A plain caller of the sandbox."""

    def __init__(self, servicenow: ServiceNowStandin, server: RunningServer) -> None:
        self.servicenow, self.url = servicenow, server.url

    def __call__(self, method: str, path: str, *, headers: Any = KEY, **more: Any) -> Any:
        return requests.request(method, self.url + path, headers=headers, allow_redirects=False, timeout=5, **more)

    def create(self, table: str = "incident", **fields: Any) -> Any:
        """Make a record."""
        body = {"short_description": "Disk full", "correlation_id": "pp-1", **fields}
        return self("POST", f"/api/now/table/{table}", json=body)

    def rows(self, query: str, path: str = INCIDENTS, **more: str) -> list[dict[str, Any]]:
        """Rows that match."""
        found: list[dict[str, Any]] = self("GET", path, params={"sysparm_query": query, **more}).json()["result"]
        return found

    def grant(self, **changes: str) -> Any:
        """Ask for a token."""
        return self("POST", "/oauth_token.do", headers={}, data={**GRANT, **changes})
