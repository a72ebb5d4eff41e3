"""Creating issues in the sandbox Jira, and what may happen to them later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standins.caller import CREATE, DANA, GRACE, LENA, NOT_ADF, NOT_ON_SCREEN, Api, body


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        (body(summary=""), {"summary": "You must specify a summary of the issue."}),
        (body(summary="x" * 256), {"summary": "Summary must be less than 255 characters."}),
        (body(description="plain"), {"description": NOT_ADF}),
        (body(labels=["a b"]), {"labels": "The label 'a b' contains spaces which is invalid."}),
        (body(foo="x"), {"foo": NOT_ON_SCREEN.format("foo")}),
        (body(reporter={"id": DANA}), {"reporter": NOT_ON_SCREEN.format("reporter")}),
        (body(kind="77"), {"issuetype": "Specify a valid issue type"}),
        (body("NONE"), {"project": "valid project is required"}),
        (body("ops"), {"project": "valid project is required"}),
        (body(assignee={"accountId": GRACE}), {"assignee": "User 'Grace Okafor' cannot be assigned issues."}),
        (body(assignee={"id": LENA}), {"assignee": "User 'Lena Fischer' cannot be assigned issues."}),
        (
            body(assignee={"id": "none"}),
            {"assignee": "Specified user does not exist or you do not have required permissions"},
        ),
        (
            body(assignee={"name": "dana"}),
            {"assignee": "'accountId' must be the only user identifying query parameter in GDPR strict mode."},
        ),
        (
            body(kind="10003", customfield_10043="plain"),
            {"customfield_10042": "Severity is required.", "customfield_10043": NOT_ADF},
        ),
    ],
)
def test_refused_creates_say_why_and_store_nothing(api: Api, sent: Any, errors: dict[str, str]) -> None:
    answer = api("POST", CREATE, json=sent)
    assert (answer.status_code, answer.json()) == (400, {"errorMessages": [], "errors": errors})
    assert api.jira.issues == {}
    assert api.jira.creates == 1


def test_an_empty_text_node_is_no_good_document(api: Api) -> None:
    bad = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]}
    assert api("POST", CREATE, json=body(description=bad)).json()["errorMessages"] == ["INVALID_INPUT"]


def test_every_kind_of_field_is_taken_and_judged(api: Api) -> None:
    good = {
        "customfield_10050": "4711",
        "customfield_10051": 3,
        "customfield_10052": "2026-11-30",
        "customfield_10053": "2026-11-30T09:00:00.000+0000",
        "customfield_10054": [{"id": "50"}, {"value": "Laptop"}],
        "customfield_10055": {"accountId": DANA},
    }
    assert api("POST", CREATE, json=body("HR", "10102", **good)).status_code == 201
    assert api.jira.issues["HR-1"].values["customfield_10055"] == {"accountId": DANA}
    bad = {
        "customfield_10050": 4711,
        "customfield_10051": "3",
        "customfield_10052": "30.11.2026",
        "customfield_10053": "2026-11-30T09:00:00",
        "customfield_10054": {"id": "50"},
        "customfield_10055": {"name": "dana"},
    }
    assert set(api("POST", CREATE, json=body("HR", "10102", **bad)).json()["errors"]) == set(bad)
    place = {"customfield_10057": {"id": "60", "child": {"id": "62"}}}
    assert api("POST", CREATE, json=body("HR", "10103", **place)).status_code == 201
    place["customfield_10057"]["child"]["id"] = "71"
    assert api("POST", CREATE, json=body("HR", "10103", **place)).status_code == 400


def test_malformed_bodies_are_refused_before_any_route(api: Api) -> None:
    assert api("POST", CREATE, data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert api("POST", CREATE, data="a=b").status_code == 415
    assert api("DELETE", CREATE + "/OPS-1/remotelink?globalId=a").status_code == 415


def test_a_created_issue_can_be_read_at_once_and_carries_its_marker(api: Api) -> None:
    made = api("POST", CREATE, json=body(labels=["pp-9"]) | {"properties": [{"key": "pp", "value": {"ref": "pp-9"}}]})
    assert set(made.json()) == {"id", "key", "self", "transition"}
    read = api("GET", f"/rest/api/3/issue/{made.json()['id']}?fields=status,labels&properties=pp").json()
    assert read["fields"]["status"]["statusCategory"]["key"] == "new"
    assert read["fields"]["labels"] == ["pp-9"]
    assert read["properties"] == {"pp": {"ref": "pp-9"}}
    many = api("POST", CREATE + "/bulkfetch", json={"issueIdsOrKeys": ["OPS-1", "OPS-2"], "fields": ["status"]}).json()
    assert [issue["key"] for issue in many["issues"]] == ["OPS-1"]


def test_issues_move_hide_vanish_and_change_status(api: Api) -> None:
    issue_id = api.create().json()["id"]
    assert api.jira.move_issue("OPS-1", "HR") == "HR-1"
    moved = api("GET", CREATE + "/OPS-1?fields=status")
    assert (moved.status_code, moved.json()["key"], moved.json()["id"]) == (200, "HR-1", issue_id)
    assert api("POST", CREATE + "/HR-1/transitions", json={"transition": {"id": "21"}}).status_code == 204
    assert api("POST", CREATE + "/HR-1/transitions", json={"transition": {"id": "99"}}).status_code == 400
    assert api.jira.issues["HR-1"].status.category == "indeterminate"
    api.jira.set_status("HR-1", "Erledigt", "done")
    status = api("GET", CREATE + "/HR-1?fields=status").json()["fields"]["status"]
    assert (status["name"], status["statusCategory"]["key"]) == ("Erledigt", "done")
    api.jira.hide_issue("HR-1")
    assert api("GET", CREATE + "/HR-1").status_code == 404
    api.jira.hide_issue("HR-1", False)
    api.jira.delete_issue("HR-1")
    assert api("GET", CREATE + f"/{issue_id}").status_code == 404


def test_links_with_one_global_id_are_replaced(api: Api) -> None:
    api.create()
    link = {"globalId": "system=pp&id=1", "object": {"url": "https://pp.example", "title": "INC-1"}}
    statuses = [api("POST", CREATE + "/OPS-1/remotelink", json=link).status_code for _ in range(2)]
    assert statuses == [201, 200]
    assert len(api.jira.issues["OPS-1"].links) == 1
    json_type = {"Content-Type": "application/json"}
    path = CREATE + "/OPS-1/remotelink?globalId=system%3Dpp%26id%3D1"
    assert api("DELETE", path, headers=json_type).status_code == 204
