"""Searching the sandbox Jira: an index that lags, tokens for pages, and a small JQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standins.caller import CREATE, SEARCH, Api


def test_the_index_lags_and_reconciling_sees_through_it(api: Api) -> None:
    api.jira.set(index_lag=30)
    issue_id = api.create().json()["id"]
    assert api.search() == []
    assert [hit["key"] for hit in api.search(reconcileIssues=[int(issue_id)])] == ["OPS-1"]
    api.jira.set(index_lag=0)
    assert len(api.search()) == 1


def test_the_index_flickers(api: Api) -> None:
    api.jira.set(index_flicker=4)
    api.create()
    assert [len(api.search()) for _ in range(6)] == [1, 0, 1, 0, 1, 1]


def test_results_are_paged_by_token(api: Api) -> None:
    for _ in range(3):
        api.create()
    query: dict[str, Any] = {"jql": "labels = pp-1 ORDER BY created ASC", "maxResults": 2, "fields": ["labels"]}
    first = api("POST", SEARCH, json=query).json()
    second = api("POST", SEARCH, json={**query, "nextPageToken": first["nextPageToken"]}).json()
    assert [hit["key"] for hit in first["issues"] + second["issues"]] == ["OPS-1", "OPS-2", "OPS-3"]
    assert (first["isLast"], second["isLast"], "nextPageToken" in second) == (False, True, False)
    assert api("POST", SEARCH, json={**query, "nextPageToken": "bm9uZQ=="}).status_code == 400
    assert api("POST", SEARCH, json={"jql": "labels = pp-1"}).json()["issues"][0] == {"id": "10125"}
    assert api("POST", "/rest/api/3/search/approximate-count", json={"jql": "project=OPS"}).json() == {"count": 3}


@pytest.mark.parametrize(
    ("jql", "status", "hits"),
    [
        ('project = "OPS" AND labels = "pp-1"', 200, 1),
        ("project = operations and labels in (pp-1, other)", 200, 1),
        ('labels = "PP-1"', 200, 0),
        ("labels = 'say \\\"hi\\\"'", 200, 0),
        ("key in (OPS-1) AND status = Done", 200, 0),
        ("id = 10123 AND assignee not in (x)", 200, 1),
        ("", 400, None),
        ("ORDER BY created", 400, None),
        ("project = NONE", 400, None),
        ("key = OPS-9", 400, None),
        ("labels = ", 400, None),
        ('labels = "open', 400, None),
        ("text ~ disk", 501, None),
        ("labels = a OR labels = b", 501, None),
    ],
)
def test_queries_are_answered_or_refused(api: Api, jql: str, status: int, hits: int | None) -> None:
    api.create()
    answer = api("POST", SEARCH, json={"jql": jql})
    assert answer.status_code == status, answer.text
    assert hits is None or len(answer.json()["issues"]) == hits


def test_the_old_search_is_gone_and_unknown_calls_are_loud(api: Api) -> None:
    assert api("GET", "/rest/api/3/search?jql=project=OPS").status_code == 410
    assert api("GET", "/rest/api/3/priority").status_code == 501
    assert api("DELETE", CREATE + "/OPS-1").status_code == 501
    wrong_verb = api("DELETE", SEARCH)
    assert (wrong_verb.status_code, "POST" in wrong_verb.headers["Allow"]) == (405, True)
