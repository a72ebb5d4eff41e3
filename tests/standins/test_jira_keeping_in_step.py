"""What the sandbox Jira offers for keeping in step: many issues at once, comments, people by id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from standins.jira_people import ADMIN_EMAIL, ADMIN_ID
from tests import support_specs
from tests.standins.caller import CREATE, DANA, LENA, NOT_ADF, Api, document

BULK_FETCH, BULK_PEOPLE = CREATE + "/bulkfetch", "/rest/api/3/user/bulk"
COMMENTS = CREATE + "/OPS-1/comment"


def fetch(api: Api, *references: str, **more: Any) -> Any:
    """Many issues at once."""
    return api("POST", BULK_FETCH, json={"issueIdsOrKeys": list(references), "fields": ["status"], **more})


def comment(api: Api, *lines: str) -> Any:
    """Comment on the first issue."""
    return api("POST", COMMENTS, json={"body": document(*lines)})


# -- many issues at once -------------------------------------------------------------------------------------------


def test_issues_come_by_rising_id_once_and_without_those_that_are_gone(api: Api) -> None:
    for number in range(4):
        api.create(str(number))
    api.jira.delete_issue("OPS-2")
    api.jira.hide_issue("OPS-3")
    found = fetch(api, "OPS-4", "10123", "ops-1", "OPS-2", "OPS-3", "NONE-1").json()
    assert [issue["key"] for issue in found["issues"]] == ["OPS-1", "OPS-4"]
    assert (found["issueErrors"], list(found["issues"][0]["fields"])) == ([], ["status"])


def test_a_moved_issue_comes_by_its_id_and_its_old_key(api: Api) -> None:
    api.create()
    key = api.jira.move_issue("OPS-1", "HR")
    for reference in ("10123", "OPS-1", key):
        (issue,) = fetch(api, reference).json()["issues"]
        assert (issue["id"], issue["key"]) == ("10123", key)


def test_an_issue_that_cannot_be_fetched_this_time_is_named_apart(api: Api) -> None:
    api.create()
    api.create("pp-2")
    api.jira.set(unfetchable=["10123"])
    found = fetch(api, "10123", "10124", "10999").json()
    assert [issue["id"] for issue in found["issues"]] == ["10124"]
    assert [error["id"] for error in found["issueErrors"]] == ["10123"]
    assert api("GET", CREATE + "/10123").status_code == 200


@pytest.mark.parametrize("count", [0, 101])
def test_at_most_a_hundred_may_be_asked_for(api: Api, count: int) -> None:
    assert fetch(api, *(str(number) for number in range(count))).status_code == 400
    assert fetch(api, *(str(number) for number in range(100))).status_code == 200


def test_anonymous_callers_see_no_issue(api: Api) -> None:
    api.create()
    answer = api("POST", BULK_FETCH, json={"issueIdsOrKeys": ["10123"]}, auth=(ADMIN_EMAIL, "wrong"))
    assert (answer.status_code, answer.json()["issues"]) == (200, [])
    assert answer.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"


# -- comments ------------------------------------------------------------------------------------------------------


def test_comments_are_stored_listed_and_seen_by_people(api: Api) -> None:
    api.create()
    made = comment(api, "First <b>", "line").json()
    assert (made["id"], made["author"]["accountId"]) == ("10000", ADMIN_ID)
    api.jira.say("OPS-1", "Second")
    listed = api("GET", COMMENTS).json()
    assert (listed["total"], [entry["id"] for entry in listed["comments"]]) == (2, ["10000", "10001"])
    assert listed["comments"][0]["body"] == document("First <b>", "line")
    newest = api("GET", COMMENTS + "?orderBy=-created&maxResults=1").json()
    assert (newest["comments"][0]["author"]["displayName"], newest["maxResults"]) == ("Dana Reyes", 1)
    assert api("GET", COMMENTS + "?orderBy=-created&startAt=1").json()["comments"][0]["id"] == "10000"
    page = api("GET", "/browse/OPS-1", auth=None).text
    for text in ("Comments", "First &lt;b&gt;", "Second", "Alex Morgan", "Dana Reyes"):
        assert text in page
    assert api("GET", "/_standin/state").json()["issues"]["OPS-1"]["comments"] == ["First <b>\nline", "Second"]


def test_comments_that_jira_does_not_take(api: Api) -> None:
    api.create()
    assert api("POST", COMMENTS, json={"body": "text"}).json()["errors"] == {"comment": NOT_ADF}
    assert comment(api, "x" * 32_768).status_code == 400
    assert api("GET", COMMENTS + "?orderBy=author").status_code == 400
    api.jira.deny("ADD_COMMENTS")
    assert comment(api, "x").status_code == 400
    api.jira.allow("ADD_COMMENTS")
    api.jira.set(comment_limit=0)
    assert comment(api, "x").status_code == 413
    api.jira.hide_issue("OPS-1")
    assert (comment(api, "x").status_code, api("GET", COMMENTS).status_code) == (404, 404)
    api.jira.hide_issue("OPS-1", False)
    assert api("GET", COMMENTS).json()["comments"] == []


# -- people by id --------------------------------------------------------------------------------------------------


def people(api: Api, *ids: str, **more: Any) -> Any:
    """People by their ids."""
    return api("GET", BULK_PEOPLE, params={"accountId": list(ids), **more})


def test_people_come_by_their_ids_ten_on_a_page_unless_asked_otherwise(api: Api) -> None:
    ids = [api.jira.add_person(f"Person {n}", f"p{n}@sandbox.example") for n in range(30)]
    first = people(api, *ids).json()
    assert (len(first["values"]), first["isLast"], first["total"], first["maxResults"]) == (10, False, 30, 10)
    assert len(people(api, *ids, maxResults=50).json()["values"]) == 30
    last = people(api, *ids, startAt=20).json()
    assert ([person["accountId"] for person in last["values"]], last["isLast"]) == (ids[20:], True)


def test_people_come_as_they_are_now_and_those_who_are_gone_are_missing(api: Api) -> None:
    api.jira.rename_person("dana.reyes@sandbox.example", "Dana Okoye", "dana.okoye@sandbox.example")
    api.jira.set(deny_user_search=True)
    found = people(api, DANA, LENA, "nobody", DANA).json()["values"]
    assert [(person["displayName"], person["active"]) for person in found] == [
        ("Dana Okoye", True),
        ("Lena Fischer", False),
    ]
    api.jira.remove_person("dana.okoye@sandbox.example")
    assert [person["accountId"] for person in people(api, DANA, LENA).json()["values"]] == [LENA]
    assert people(api).status_code == 400


def test_an_issue_of_somebody_who_is_gone_is_nobodys(api: Api) -> None:
    api.create(assignee={"accountId": DANA})
    api.jira.remove_person("dana.reyes@sandbox.example")
    assert api("GET", CREATE + "/OPS-1").json()["fields"]["assignee"] is None
    assert "Unassigned" in api("GET", "/browse/OPS-1", auth=None).text


def test_the_owner_of_the_token_can_be_renamed_but_not_removed(api: Api) -> None:
    with pytest.raises(ValueError, match="stays"):
        api.jira.remove_person(ADMIN_EMAIL)
    api.jira.rename_person(ADMIN_EMAIL, "Alex Morgan-Lee", "alex@sandbox.example")
    assert api("GET", "/rest/api/3/myself").headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
    answer = api("GET", "/rest/api/3/myself", auth=("alex@sandbox.example", "sandbox-jira-token"))
    assert answer.json()["displayName"] == "Alex Morgan-Lee"


def test_people_and_issues_look_as_the_vendor_describes_each_of_them(api: Api) -> None:
    """The description at hand has the routes for single ones only."""
    support_specs.require_specs()
    api.create(assignee={"accountId": DANA})
    comment(api, "Seen.")
    issue = fetch(api, "OPS-1", fields=["*all"])
    person = people(api, DANA)
    headers = {"Content-Type": "application/json"}
    for path, thing in (
        (CREATE + "/OPS-1", issue.json()["issues"][0]),
        (f"/rest/api/3/user?accountId={DANA}", person.json()["values"][0]),
    ):
        support_specs.check_exchange(
            support_specs.JIRA, "GET", support_specs.HOST + path, {}, None, 200, headers, json.dumps(thing)
        )
