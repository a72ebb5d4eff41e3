"""The sandbox Jira: credentials, projects, create screens, people and permissions, over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from standins.jira import ADMIN_EMAIL, API_TOKEN
from standins.jira_people import ACCOUNT_PASSWORD
from tests.standins.caller import CREATE, DANA, NOT_ON_SCREEN, SEARCH, Api, body


@pytest.mark.parametrize("auth", [(ADMIN_EMAIL, "wrong"), ("nobody@sandbox.example", API_TOKEN)])
def test_bad_credentials_are_401_text_at_myself_and_anonymous_elsewhere(api: Api, auth: tuple[str, str]) -> None:
    api.create()
    refused = api("GET", "/rest/api/3/myself", auth=auth)
    assert refused.status_code == 401
    assert refused.text == "Client must be authenticated to access this resource."
    assert refused.headers["Content-Type"] == "text/html;charset=UTF-8"
    assert "WWW-Authenticate" in refused.headers
    for path, status in (
        ("/rest/api/3/project/search", 200),
        (SEARCH + "?jql=project=OPS", 200),
        ("/rest/api/3/issue/OPS-1", 404),
        ("/rest/api/3/issue/createmeta/OPS/issuetypes", 404),
    ):
        anonymous = api("GET", path, auth=auth)
        assert anonymous.status_code == status
        assert anonymous.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
    assert api("GET", "/rest/api/3/project/search", auth=auth).json()["total"] == 0
    assert api("POST", CREATE, auth=auth, json=body()).status_code == 400
    assert len(api.jira.issues) == 1


def test_the_email_counts_without_case_and_the_answer_names_the_account(api: Api) -> None:
    answer = api("GET", "/rest/api/3/myself", auth=(ADMIN_EMAIL.upper(), API_TOKEN))
    assert answer.headers["X-AAccountId"] == answer.json()["accountId"]
    assert answer.headers["atl-traceid"]
    assert answer.headers["X-RateLimit-NearLimit"] == "false"


def test_no_credentials_password_bearer_and_captcha(api: Api) -> None:
    nobody = api("GET", "/rest/api/3/project/search", auth=None)
    assert nobody.status_code == 200
    assert "X-Seraph-LoginReason" not in nobody.headers
    password = api("GET", "/rest/api/3/project/search", auth=(ADMIN_EMAIL, ACCOUNT_PASSWORD))
    assert password.status_code == 401
    assert password.text.startswith("Basic authentication with passwords is deprecated")
    bearer = api("GET", "/rest/api/3/myself", auth=None, headers={"Authorization": "Bearer opaque"})
    assert (bearer.status_code, bearer.json()["error"]) == (403, "Failed to parse Connect Session Auth Token")
    api.jira.set(auth_denied=True)
    assert api("GET", "/rest/api/3/myself").headers["X-Seraph-LoginReason"] == "AUTHENTICATION_DENIED"


def test_action_create_leaves_out_the_project_that_may_only_be_seen(api: Api) -> None:
    def keys(query: str) -> list[str]:
        return [p["key"] for p in api("GET", "/rest/api/3/project/search" + query).json()["values"]]

    assert keys("") == ["HR", "LEGAL", "OPS", "WEB"]
    assert keys("?action=create") == ["HR", "OPS", "WEB"]
    assert keys("?startAt=1&maxResults=1") == ["LEGAL"]
    refused = api("POST", CREATE, json=body("LEGAL", "10301"))
    assert refused.json()["errors"] == {"project": "You do not have permission to create issues in this project."}


def test_create_screens_are_paged_by_fifty(api: Api) -> None:
    types = api("GET", "/rest/api/3/issue/createmeta/WEB/issuetypes").json()
    assert (len(types["issueTypes"]), types["total"]) == (50, 64)
    path = "/rest/api/3/issue/createmeta/WEB/issuetypes/10299"
    first, second = api("GET", path).json(), api("GET", path + "?startAt=50").json()
    assert "customfield_11100" not in {field["fieldId"] for field in first["fields"]}
    assert second["fields"][-1]["fieldId"] == "customfield_11100"
    assert first["total"] == len(first["fields"]) + len(second["fields"])
    bad = api("GET", path + "?startAt=x")
    assert bad.headers["Content-Type"] == "application/problem+json"


def test_create_screens_may_come_under_the_twin_names(api: Api) -> None:
    api.jira.set(createmeta_names="twins")
    assert "createMetaIssueType" in api("GET", "/rest/api/3/issue/createmeta/OPS/issuetypes").json()
    fields = api("GET", "/rest/api/3/issue/createmeta/OPS/issuetypes/10001").json()
    assert "results" in fields
    assert "fields" not in fields


def test_simple_types_demand_nothing_extra_and_incident_does(api: Api) -> None:
    def demanded(kind: str) -> list[str]:
        fields = api("GET", f"/rest/api/3/issue/createmeta/OPS/issuetypes/{kind}").json()["fields"]
        return [f["name"] for f in fields if f["required"] and not f["hasDefaultValue"]]

    always = ["Summary", "Issue Type", "Project"]
    assert demanded("10001") == demanded("10002") == always
    assert demanded("10003") == [*always, "Severity", "Impact statement"]
    api.jira.add_required_field("OPS", "Bug", {"id": "customfield_10900", "name": "Browser", "kind": "text"})
    assert demanded("10002") == [*always, "Browser"]
    assert api("POST", CREATE, json=body(kind="10002")).json()["errors"] == {
        "customfield_10900": "Browser is required."
    }


@pytest.mark.parametrize(
    ("email", "found"),
    [
        ("dana.reyes@sandbox.example", [("Dana Reyes", "dana.reyes@sandbox.example")]),
        ("priya.nair@sandbox.example", [("Priya Nair", None)]),
        ("INES.duarte@sandbox.example", [("Ines Duarte", "Ines.Duarte@Sandbox.Example")]),
        ("tom.becker@sandbox.example", [("Tom Becker", ...), ("Thomas Becker", ...)]),
        ("sam.lee@sandbox.example", [("Sam Lee", ...), ("Sam Lee-Ortiz", "sam.lee@sandbox.example.org")]),
        ("omar.haddad@sandbox.example", [("Omar Haddad", ...), ("Omar Haddad Jr.", None)]),
        ("nobody@sandbox.example", []),
    ],
)
def test_people_are_found_as_jira_finds_them(api: Api, email: str, found: list[tuple[str, Any]]) -> None:
    people = api("GET", "/rest/api/3/user/search", params={"query": email}).json()
    assert [person["displayName"] for person in people] == [name for name, _ in found]
    for person, (_, address) in zip(people, found, strict=True):
        assert address is ... or person.get("emailAddress") == address


def test_inactive_people_and_accounts_of_other_types_are_found_but_not_assignable(api: Api) -> None:
    for email in ("lena.fischer@", "automation@", "erika.holm@", "grace.okafor@"):
        assert len(api("GET", "/rest/api/3/user/search", params={"query": email}).json()) == 1
        params = {"project": "OPS", "query": email}
        assert api("GET", "/rest/api/3/user/assignable/search", params=params).json() == []
    assert api("GET", "/rest/api/3/user/assignable/search?project=OPS").status_code == 400
    assert api("GET", "/rest/api/3/user/assignable/search?project=X&query=a").status_code == 404
    assert api("GET", "/rest/api/3/user/search").status_code == 400


def test_emails_can_be_hidden_and_the_user_search_denied(api: Api) -> None:
    query = {"query": "dana.reyes@sandbox.example"}
    api.jira.set(hide_emails=True)
    assert "emailAddress" not in api("GET", "/rest/api/3/user/search", params=query).json()[0]
    api.jira.set(deny_user_search=True)
    denied = api("GET", "/rest/api/3/user/search", params=query)
    assert (denied.status_code, denied.json()) == (200, [])
    asked = api("GET", "/rest/api/3/mypermissions?permissions=USER_PICKER,CREATE_ISSUES").json()["permissions"]
    assert (asked["USER_PICKER"]["havePermission"], asked["CREATE_ISSUES"]["havePermission"]) == (False, True)


def test_denied_permissions_take_effect_everywhere(api: Api) -> None:
    api.create()
    api.jira.deny("ASSIGN_ISSUES")
    assert api("PUT", CREATE + "/OPS-1/assignee", json={"accountId": DANA}).status_code == 403
    assert "assignee" in api.create(assignee={"accountId": DANA}).json()["errors"]
    api.jira.deny("CREATE_ISSUES")
    assert api("GET", "/rest/api/3/project/search?action=create").json()["total"] == 0
    assert api.create().status_code == 400
    api.jira.deny("BROWSE_PROJECTS")
    assert api("GET", CREATE + "/OPS-1").status_code == 404
    assert api("GET", "/rest/api/3/project/search").json()["total"] == 0
    assert api("GET", "/rest/api/3/mypermissions?permissions=NOPE").status_code == 400
    assert api("GET", "/rest/api/3/mypermissions?projectKey=X&permissions=CREATE_ISSUES").status_code == 404


def test_assigning_can_fail_in_each_of_its_ways(api: Api) -> None:
    api.jira.set(ignore_assignee_on_create=True)
    api.create(assignee={"accountId": DANA})
    assert api.jira.issues["OPS-1"].assignee is None
    api.jira.set(assign_fails=True)
    refused = api("PUT", CREATE + "/OPS-1/assignee", json={"accountId": DANA})
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"assignee"})
    api.jira.set(assign_fails=False, assignee_not_on_create_screen=True)
    assigned = api("PUT", CREATE + "/OPS-1/assignee", json={"accountId": DANA})
    assert (assigned.status_code, assigned.content) == (204, b"")
    assert api.jira.issues["OPS-1"].assignee == DANA
    screen = api("GET", CREATE + "/createmeta/OPS/issuetypes/10001").json()["fields"]
    assert "assignee" not in {field["fieldId"] for field in screen}
    assert api.create(assignee={"accountId": DANA}).json()["errors"] == {"assignee": NOT_ON_SCREEN.format("assignee")}
