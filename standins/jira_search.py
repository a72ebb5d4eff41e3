"""Search routes of the sandbox Jira. The index lags and may flicker; `reconcileIssues` sees through it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from flask import Blueprint, Response, g, request

from standins.jira_issues import Issue
from standins.jira_jql import BadJql, UnsupportedJql, parse
from standins.jira_state import sandbox
from standins.jira_wire import issue_json, number, refuse, signed_in
from standins.wire import answer

search = Blueprint("search", __name__, url_prefix="/rest/api/3/search")
PAGE_LIMIT = 5000
RECONCILE_LIMIT = 50
# The status is documented; the wording is a plausible one.
GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


@search.get("/jql")
def search_get() -> Response:
    """Search with everything in the query string."""
    lists = {name: _split(name) for name in ("fields", "properties", "reconcileIssues")}
    plain = {name: request.args.get(name) for name in ("jql", "nextPageToken")}
    return _search({**plain, **lists, "maxResults": number("maxResults", 50)})


def _split(name: str) -> list[str]:
    return [part for value in request.args.getlist(name) for part in value.split(",") if part]


@search.post("/jql")
def search_post() -> Response:
    """Search with everything in the body."""
    return _search(g.body)


def found_issues(jql: str, reconcile: list[Any]) -> list[Issue]:
    """Visible issues the index shows for a query, in order. Raises BadJql, UnsupportedJql."""
    jira = sandbox()
    forced = {str(issue_id) for issue_id in reconcile}
    with jira.lock:
        matching = parse(jira, jql).run([issue for issue in jira.by_id.values() if not issue.hidden])
        return [issue for issue in matching if issue.id in forced or jira.indexed(issue)]


def _search(body: dict[str, Any]) -> Response:
    jql, size = body.get("jql") or "", min(body.get("maxResults") or 50, PAGE_LIMIT)
    if not signed_in():
        # Jira does not refuse anonymous callers here: they just see nothing.
        return answer({"issues": [], "isLast": True})
    reconcile = body.get("reconcileIssues") or []
    if len(reconcile) > RECONCILE_LIMIT:
        return refuse(400, f"At most {RECONCILE_LIMIT} issues can be reconciled.")
    start = _position(body.get("nextPageToken"), jql)
    if start is None:
        return refuse(400, "The value of 'nextPageToken' is not valid.")
    found = found_issues(jql, reconcile)
    page = found[start : start + size]
    fields, properties = body.get("fields") or [], body.get("properties") or []
    data: dict[str, Any] = {"issues": [_hit(issue, fields, properties) for issue in page]}
    data["isLast"] = start + size >= len(found)
    if not data["isLast"]:
        data["nextPageToken"] = _token(start + size, jql)
    return answer(data)


def _hit(issue: Issue, fields: list[str], properties: list[str]) -> dict[str, Any]:
    data = issue_json(issue, fields)
    if properties:
        data["properties"] = {name: issue.properties[name] for name in properties if name in issue.properties}
    return data


def _digest(jql: str) -> str:
    return hashlib.sha256(jql.encode()).hexdigest()[:12]


def _token(start: int, jql: str) -> str:
    """An opaque page token; it belongs to its query."""
    return base64.urlsafe_b64encode(f"{start}:{_digest(jql)}".encode()).decode()


def _position(token: str | None, jql: str) -> int | None:
    """Where the page of a token starts, None when the token is not one of this query's."""
    if not token:
        return 0
    try:
        start, _, digest = base64.urlsafe_b64decode(token).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return int(start) if digest == _digest(jql) and start.isdecimal() else None


@search.post("/approximate-count")
def approximate_count() -> Response:
    """How many issues a query finds."""
    return answer({"count": len(found_issues(g.body.get("jql") or "", [])) if signed_in() else 0})


@search.route("", methods=["GET", "POST"])
def removed() -> Response:
    """The old search, removed in October 2025."""
    return refuse(410, GONE)


@search.app_errorhandler(BadJql)
def bad_jql(error: BadJql) -> Response:
    """What Jira says to a query it does not take."""
    return refuse(400, str(error))


@search.app_errorhandler(UnsupportedJql)
def unsupported_jql(error: UnsupportedJql) -> Response:
    """A part of JQL this stand-in does not know."""
    return answer({"standin": f"JQL not implemented in the sandbox Jira: {error}"}, 501)
