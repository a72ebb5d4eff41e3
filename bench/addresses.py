"""The addresses that are measured."""

from __future__ import annotations

from urllib.parse import urlencode

from bench import data

INTEGRATIONS = "/settings/organization/integrations"
INCIDENTS = "/incidents"
PEOPLE = "/setup/integration-users"


def detail(size: int) -> str:
    """The newest incident; it has a ticket."""
    return f"{INCIDENTS}/{size}"


def pages(size: int) -> dict[str, str]:
    """The four pages whose price is measured."""
    return {
        "integrations": INTEGRATIONS,
        "incidents, 50 rows": INCIDENTS,
        "integration users, 50 rows": PEOPLE,
        "incident with ticket": detail(size),
    }


def lists(cursors: dict[str, str]) -> dict[str, str]:
    """Every way to look at a list, by name; `cursors` leads to the last pages."""
    return {
        "incidents: first page": _at(INCIDENTS),
        "incidents: filter by status": _at(INCIDENTS, status="resolved"),
        "incidents: filter by status, severity and source": _at(
            INCIDENTS, status="open", severity="critical", source="Wiz"
        ),
        "incidents: sort by severity": _at(INCIDENTS, sort="severity"),
        "incidents: deepest page": _at(INCIDENTS, cursor=cursors["incidents"]),
        "incidents: deepest page by severity": _at(INCIDENTS, sort="severity", cursor=cursors["severity"]),
        "incidents: search, rare word": _at(INCIDENTS, q=data.RARE),
        "incidents: search, absent word": _at(INCIDENTS, q=data.ABSENT),
        "incidents: search, absent word of frequent parts": _at(INCIDENTS, q=data.ABSENT_HARD),
        "incidents: search, frequent word": _at(INCIDENTS, q=data.FREQUENT),
        "incidents: search, phrase": _at(INCIDENTS, q=data.PHRASE),
        "integration users: first page": _at(PEOPLE),
        "integration users: deepest page": _at(PEOPLE, cursor=cursors["people"]),
        "integration users: search, rare name": _at(PEOPLE, q=data.RARE_NAME),
        "integration users: search, absent name": _at(PEOPLE, q=data.ABSENT_NAME),
        "integration users: search, frequent name": _at(PEOPLE, q=data.FREQUENT_NAME),
    }


def _at(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}" if query else path
