"""The Table API of the sandbox ServiceNow has the vendor's traps."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, INTEGRATION_ID, NETWORK_ID
from tests.standins.servicenow_caller import INCIDENTS, KEY, USERS, Api


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh sandbox on its own socket."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield Api(standin, server)


def test_a_created_record_comes_back_in_texts_and_references(api: Api) -> None:
    made = api.create(urgency=1, assigned_to=DANA_ID)
    record = made.json()["result"]
    assert made.status_code == 201
    assert made.headers["Location"] == f"{api.url}{INCIDENTS}/{record['sys_id']}"
    assert made.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert re.fullmatch(r"[0-9a-f]{32}", record["sys_id"])
    assert (record["number"], record["state"], record["priority"], record["active"]) == (
        "INC0010001", "1", "3", "true",
    )  # fmt: skip
    assert record["assigned_to"] == {"link": f"{api.url}{USERS}/{DANA_ID}", "value": DANA_ID}
    assert record["opened_by"]["value"] == INTEGRATION_ID
    assert record["assignment_group"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", record["sys_created_on"])
    assert None not in record.values()


def test_references_and_choices_are_shown_in_four_forms(api: Api) -> None:
    path = f"{INCIDENTS}/{api.create(assigned_to=DANA_ID).json()['result']['sys_id']}"

    def read(**parameters: str) -> dict[str, object]:
        found: dict[str, object] = api("GET", path, params=parameters).json()["result"]
        return found

    bare = read(sysparm_exclude_reference_link="true", sysparm_fields="assigned_to,state,nothing")
    assert bare == {"assigned_to": DANA_ID, "state": "1"}
    link = f"{api.url}{USERS}/{DANA_ID}"
    assert read(sysparm_display_value="true")["assigned_to"] == {"display_value": "Dana Reyes", "link": link}
    shown = read(sysparm_display_value="all")
    assert shown["assigned_to"] == {"display_value": "Dana Reyes", "value": DANA_ID, "link": link}
    assert shown["state"] == {"display_value": "New", "value": "1"}


def test_what_cannot_be_used_is_dropped_without_a_word(api: Api) -> None:
    made = api.create(u_unknown="x", assignment_group="0" * 32, urgency="9", number="INC1", u_notes="n" * 2000)
    record = made.json()["result"]
    assert made.status_code == 201
    assert "u_unknown" not in record
    assert (record["assignment_group"], record["urgency"], record["number"]) == ("", "3", "INC0010001")
    assert len(record["u_notes"]) == 1000
    changed = api("PATCH", f"{INCIDENTS}/{record['sys_id']}", json={"assignment_group": NETWORK_ID, "x": "y"})
    assert changed.json()["result"]["assignment_group"]["value"] == NETWORK_ID


def test_a_term_with_an_unknown_field_finds_everything(api: Api) -> None:
    api.create()
    api.create(correlation_id="pp-2")
    assert len(api.rows("correlation_id=pp-2")) == 1
    assert len(api.rows("correlaton_id=pp-2")) == 2
    api.servicenow.set(invalid_query_returns_no_rows=True)
    assert api.rows("correlaton_id=pp-2") == []


def test_queries_know_alternatives_lists_and_order(api: Api) -> None:
    for marker, urgency in (("a", "1"), ("b", "2"), ("c", "3")):
        api.create(correlation_id=marker, urgency=urgency)

    def markers(query: str) -> str:
        return "".join(row["correlation_id"] for row in api.rows(query))

    assert markers("correlation_id=a^ORcorrelation_id=c^urgency!=3") == "a"
    assert markers("correlation_idINb,c^ORDERBYDESCnumber") == "cb"
    assert markers("short_descriptionLIKEfull^urgency>=2^ORDERBYcorrelation_id") == "bc"
    assert markers("assigned_toISNOTEMPTY") == ""


def test_the_limit_counts_before_access_rules(api: Api) -> None:
    for _ in range(3):
        api.create()
    api.servicenow.hide_record("INC0010001")
    page = api("GET", INCIDENTS, params={"sysparm_limit": "2"})
    assert len(page.json()["result"]) == 1
    assert page.headers["X-Total-Count"] == "3"
    assert 'rel="next"' in page.headers["Link"]
    api.servicenow.deny("incident.read")
    assert api("GET", INCIDENTS).json() == {"result": []}
    assert api("GET", INCIDENTS).headers["X-Total-Count"] == "3"


def test_an_empty_list_is_404_in_v1_only(api: Api) -> None:
    assert api("GET", "/api/now/v1/table/incident").status_code == 404
    assert api("GET", "/api/now/v2/table/incident").json() == {"result": []}
    assert api("GET", INCIDENTS).json() == {"result": []}


def test_hidden_fields_are_missing_and_cannot_be_written(api: Api) -> None:
    api.servicenow.set(hidden_fields=["incident.urgency"])
    assert "urgency" not in api.create(urgency="1").json()["result"]
    assert api.servicenow.records["INC0010001"]["urgency"] == "3"


def test_refusals_have_servicenows_shape(api: Api) -> None:
    api.servicenow.add_data_policy("incident", ["close_code", "close_notes"])
    policy = api.create()
    assert policy.status_code == 403
    assert policy.json() == {
        "error": {
            "message": "Operation Failed",
            "detail": "Data Policy Exception: The following fields are mandatory: Resolution code, Resolution notes",
        },
        "status": "failure",
    }
    api.servicenow.deny("problem.create", "incident.write")
    assert "ACL Exception Insert" in api.create("problem").json()["error"]["detail"]
    assert api("GET", "/api/now/table/x_gone").json()["error"] == {"message": "Invalid table x_gone", "detail": None}
    assert api("GET", f"{INCIDENTS}/{'0' * 32}").json()["error"]["message"] == "No Record found"
    assert api("POST", INCIDENTS, data="{", headers={"x-sn-apikey": "no"}).status_code == 401


@pytest.mark.parametrize(("body", "kind", "status"), [("{", "application/json", 400), ("a=b", "text/plain", 415)])
def test_bodies_that_are_no_json_are_refused(api: Api, body: str, kind: str, status: int) -> None:
    answer = api("POST", INCIDENTS, data=body, headers={**KEY, "Content-Type": kind})
    assert (answer.status_code, answer.json()["status"]) == (status, "failure")
    assert api.servicenow.records == {}


@pytest.mark.parametrize("kind", ["drop_after", "fail_after", "error_after", "queued_after", "no_id"])
def test_a_spoiled_create_stores_the_record_all_the_same(api: Api, kind: str) -> None:
    api.servicenow.spoil_create(kind)
    statuses = {"fail_after": 502, "error_after": 200, "queued_after": 202, "no_id": 201}
    if kind == "drop_after":
        with pytest.raises(requests.ConnectionError):
            api.create()
    else:
        assert api.create().status_code == statuses[kind]
    assert (len(api.servicenow.records), api.servicenow.creates) == (1, 1)
    assert api.create().status_code == 201


def test_a_create_can_be_cut_before_it_is_stored(api: Api) -> None:
    api.servicenow.spoil_create("drop_before")
    with pytest.raises(requests.ConnectionError):
        api.create()
    assert (api.servicenow.records, api.servicenow.creates) == ({}, 1)
    with pytest.raises(KeyError):
        api.servicenow.spoil_create("nonsense")


def test_two_people_share_an_address(api: Api) -> None:
    found = api.rows("email=TOM.BECKER@sandbox.example", USERS)
    assert [row["name"] for row in found] == ["Tom Becker", "Thomas Becker"]


def test_errors_can_come_under_status_200(api: Api) -> None:
    api.servicenow.error_with_200(f"GET {INCIDENTS}")
    answer = api("GET", INCIDENTS)
    assert answer.status_code == 200
    assert "maximum execution time" in answer.json()["error"]["message"]


def test_a_limit_has_every_header(api: Api) -> None:
    api.servicenow.rate_limit(retry_after=9, reset=1)
    answer = api("GET", INCIDENTS)
    assert (answer.status_code, answer.headers["Retry-After"], answer.headers["X-RateLimit-Reset"]) == (429, "9", "1")
    assert answer.headers["X-RateLimit-Rule"]
    assert answer.json()["error"]["message"] == "Rate limit exceeded"
