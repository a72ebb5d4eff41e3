"""The sandbox Jira and the vendor's description agree, and a disagreement would be found."""

from __future__ import annotations

from typing import Any

import pytest

from tests import support_specs
from tests.standins.caller import CREATE, DANA, SEARCH, Api, body, document

DESCRIBED: list[tuple[str, str, Any, int]] = [
    ("GET", "/rest/api/3/myself", None, 200),
    ("GET", "/rest/api/3/serverInfo", None, 200),
    ("GET", "/rest/api/3/project/search?maxResults=2&action=create", None, 200),
    ("GET", "/rest/api/3/project/OPS", None, 200),
    ("GET", "/rest/api/3/project/NONE", None, 404),
    ("GET", "/rest/api/3/issue/createmeta/OPS/issuetypes", None, 200),
    ("GET", "/rest/api/3/issue/createmeta/OPS/issuetypes/10003", None, 200),
    ("GET", "/rest/api/3/issue/createmeta/HR/issuetypes/10102", None, 200),
    ("GET", "/rest/api/3/issue/createmeta/HR/issuetypes/10103", None, 200),
    ("GET", "/rest/api/3/issue/createmeta/OPS/issuetypes?maxResults=201", None, 400),
    ("POST", CREATE, body(labels=["pp-2"], assignee={"accountId": DANA}), 201),
    ("POST", CREATE, body(summary=""), 400),
    ("GET", "/rest/api/3/issue/OPS-1?fields=summary,status,assignee,updated,resolution,labels", None, 200),
    ("GET", "/rest/api/3/issue/OPS-99", None, 404),
    ("PUT", "/rest/api/3/issue/OPS-1", {"update": {"labels": [{"add": "new"}, {"remove": "old"}]}}, 204),
    ("PUT", "/rest/api/3/issue/OPS-1/assignee", {"accountId": DANA}, 204),
    ("GET", "/rest/api/3/issue/OPS-1/transitions", None, 200),
    ("POST", "/rest/api/3/issue/OPS-1/transitions", {"transition": {"id": "31"}}, 204),
    ("POST", "/rest/api/3/issue/OPS-1/comment", {"body": document("Seen.")}, 201),
    ("POST", "/rest/api/3/issue/OPS-1/comment", {"body": "Seen."}, 400),
    ("GET", "/rest/api/3/issue/OPS-1/comment?orderBy=-created&startAt=0&maxResults=50", None, 200),
    ("GET", "/rest/api/3/webhook", None, 403),
    ("POST", "/rest/api/3/webhook", {"url": "https://x.example", "webhooks": []}, 403),
    ("POST", "/rest/api/3/issue/OPS-1/remotelink", {"object": {"url": "https://x.example", "title": "x"}}, 201),
    ("POST", "/rest/api/3/issue/OPS-1/remotelink", {"object": {"url": "https://x.example"}}, 400),
    ("PUT", "/rest/api/3/issue/OPS-1/properties/patchpanel", {"ref": "pp-1"}, 201),
    ("GET", "/rest/api/3/issue/OPS-1/properties/patchpanel", None, 404),
    ("POST", SEARCH, {"jql": 'project = OPS AND labels = "pp-1"', "fields": ["status"], "maxResults": 2}, 200),
    ("GET", SEARCH + "?jql=project%20%3D%20OPS&fields=status,labels&maxResults=10", None, 200),
    ("POST", SEARCH, {"jql": ""}, 400),
    ("GET", "/rest/api/3/user/search?query=dana.reyes@sandbox.example&maxResults=50", None, 200),
    ("GET", "/rest/api/3/user/assignable/search?project=OPS&query=tom", None, 200),
    ("GET", "/rest/api/3/mypermissions?projectKey=OPS&permissions=BROWSE_PROJECTS,USER_PICKER", None, 200),
    ("GET", "/rest/api/3/mypermissions", None, 400),
    ("GET", "/rest/api/3/field", None, 200),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), DESCRIBED)
def test_exchanges_are_as_the_vendor_describes_them(api: Api, method: str, path: str, sent: Any, status: int) -> None:
    support_specs.require_specs()
    api.create()
    answer = api(method, path, json=sent)
    assert answer.status_code == status, answer.text
    made = answer.request
    support_specs.check_exchange(
        support_specs.JIRA, method, made.url, made.headers, made.body, status, answer.headers, answer.content
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "got"),
    [
        ("GET", "/rest/api/3/myself", None, 200, b'{"accountId": 7}'),
        ("GET", "/rest/api/3/myself", None, 200, b'{"nickname": "x"}'),
        ("GET", "/rest/api/3/myself", None, 200, b"not json"),
        ("GET", "/rest/api/3/myself", None, 206, b"{}"),
        ("POST", "/rest/api/3/issue", b'{"fields": "none"}', 201, b'{"id": "1", "key": "OPS-1"}'),
        ("GET", "/rest/api/3/user/search?maxResults=many", None, 200, b"[]"),
    ],
)
def test_a_wrong_exchange_is_found(method: str, path: str, sent: bytes | None, status: int, got: bytes) -> None:
    support_specs.require_specs()
    headers = {"Content-Type": "application/json"}
    with pytest.raises(support_specs.Mismatch):
        support_specs.check_exchange(
            support_specs.JIRA, method, "http://127.0.0.1:1" + path, headers, sent, status, headers, got
        )


def test_an_undescribed_route_is_told_apart() -> None:
    support_specs.require_specs()
    with pytest.raises(support_specs.NotDescribed):
        support_specs.check_exchange(support_specs.JIRA, "GET", "http://x.example/rest/nope", {}, None, 200, {}, b"")
