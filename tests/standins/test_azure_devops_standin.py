"""The sandbox Azure DevOps answers like the vendor, traps included, and refuses everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from standins.azure_devops import ORGANIZATION, PAT, AzureDevOpsStandin
from standins.azure_devops_people import ANONYMOUS, EXPIRED_PAT, OTHER_ORGANIZATION_PAT, guid
from tests import support_specs
from tests.standins.azure_caller import NEW, PATCH, Api, V, check


@pytest.fixture
def azure_api() -> Iterator[Api]:
    azure = AzureDevOpsStandin()
    with azure.serve() as server:
        yield Api(azure, server.url)


DESCRIBED: list[tuple[str, str, Any, int]] = [
    ("GET", f"_apis/projects?stateFilter=wellFormed&%24top=2&{V}", None, 200),
    ("GET", f"Ops/_apis/wit/workitemtypes?{V}", None, 200),
    ("GET", f"Basic%20Board/_apis/wit/workitemtypes/Issue/states?{V}", None, 200),
    ("GET", f"Factory/_apis/wit/workitemtypes/Incident/fields?%24expand=all&{V}", None, 200),
    ("GET", f"Factory/_apis/wit/fields?{V}", None, 200),
    ("GET", f"_apis/wit/workitems/131?fields=System.Title,System.State&{V}", None, 200),
    ("GET", f"_apis/wit/workitems/131?{V}", None, 200),
    ("GET", f"_apis/wit/workitems?ids=131&errorPolicy=omit&{V}", None, 200),
    ("GET", f"_apis/wit/workitems/999?{V}", None, 404),
    ("POST", f"Ops/_apis/wit/wiql?%24top=2&{V}",
     {"query": "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'pp-1'"}, 200),
    ("GET", f"_apis/identities?searchFilter=General&filterValue=nobody&queryMembership=none&{V}", None, 200),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "sent", "status"), DESCRIBED)
def test_exchanges_are_as_the_vendor_describes_them(
    azure_api: Api, method: str, path: str, sent: Any, status: int
) -> None:
    support_specs.require_specs()
    azure_api.create(System_Tags="pp-1")
    answer = azure_api(method, path, json=sent)
    assert answer.status_code == status, answer.text
    check(answer)


def test_creating_answers_200_as_the_vendor_describes_it(azure_api: Api) -> None:
    support_specs.require_specs()
    made = azure_api.create(System_Tags="a; b", System_AssignedTo="dana.reyes@sandbox.example")
    assert (made.status_code, made.json()["id"]) == (200, 131)
    assert made.json()["fields"]["System.AssignedTo"]["uniqueName"] == "dana.reyes@sandbox.example"
    check(made)
    changes = [{"op": "add", "path": "/fields/System.AssignedTo", "value": guid("sam")}]
    moved = azure_api("PATCH", f"_apis/wit/workitems/131?{V}", json=changes, headers=PATCH)
    assert moved.json()["fields"]["System.AssignedTo"]["displayName"] == "Sam Lee"
    check(moved)
    assert azure_api.azure.creates == 1


def test_a_bad_token_has_the_face_the_vendor_gives_it(azure_api: Api) -> None:
    path = f"_apis/projects?{V}"
    assert azure_api("GET", path, token="wrong").status_code == 203
    quiet = {"X-TFS-FedAuthRedirect": "Suppress"}
    plain = azure_api("GET", path, token="wrong", headers=quiet)
    assert (plain.status_code, plain.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    patched = azure_api("PATCH", f"_apis/wit/workitems/1?{V}", token="wrong", json=[], headers=PATCH)
    assert (patched.status_code, ANONYMOUS in patched.json()["message"]) == (401, True)
    expired = azure_api("GET", path, token=EXPIRED_PAT)
    assert "has%20expired" in expired.headers["X-TFS-ServiceError"]
    assert "TF400813" in azure_api("GET", path, token=OTHER_ORGANIZATION_PAT).json()["message"]
    azure_api.azure.set(refusal="redirect")
    assert "_signin" in azure_api("GET", path, token="wrong").headers["Location"]
    azure_api.azure.set(refusal="", anonymous=True)
    data = azure_api("GET", "_apis/connectionData", token="wrong").json()
    assert data["authenticatedUser"]["id"] == ANONYMOUS


def test_a_missing_scope_and_a_missing_version_are_refused(azure_api: Api) -> None:
    assert azure_api("GET", "_apis/projects").status_code == 400
    azure_api.azure.deny("vso.project")
    assert azure_api("GET", f"_apis/projects?{V}").status_code == 401
    assert azure_api("GET", "_apis/connectionData").status_code == 200


def test_work_items_take_json_patch_only(azure_api: Api) -> None:
    assert azure_api("POST", NEW, json=[]).status_code == 415
    for body in ({}, [], [{"op": "test", "path": "/rev", "value": 1}]):
        assert azure_api("POST", NEW, json=body, headers=PATCH).status_code == 400
    assert azure_api.azure.work_items == {}


def test_rules_and_identities_are_judged(azure_api: Api) -> None:
    broken = azure_api.create(f"Factory/_apis/wit/workitems/$Incident?{V}").json()
    assert broken["typeKey"] == "RuleValidationException"
    names = [error["fieldReferenceName"] for error in broken["customProperties"]["RuleValidationErrors"]]
    assert (len(names), names[0]) == (7, "Custom.Impact")
    unknown = azure_api.create(System_AssignedTo="grace.okafor@sandbox.example").json()
    assert (unknown["errorCode"], unknown["customProperties"]["ReferenceName"]) == (600171, "System.AssignedTo")
    assert azure_api.create(f"Secret/_apis/wit/workitems/$Task?{V}").json()["message"].startswith("TF200016")
    assert azure_api.create(f"Ops/_apis/wit/workitems/$Nix?{V}").status_code == 404


def test_validating_saves_nothing(azure_api: Api) -> None:
    answer = azure_api.create(NEW + "&validateOnly=true")
    assert answer.status_code == 200
    assert "id" not in answer.json()
    assert (azure_api.azure.creates, azure_api.azure.work_items) == (0, {})


def test_lists_hold_null_for_what_may_not_be_told(azure_api: Api) -> None:
    azure_api.create()
    azure_api.create()
    azure_api.azure.hide_item(131)
    assert azure_api("GET", f"_apis/wit/workitems?ids=131,132&{V}").status_code == 404
    found = azure_api("GET", f"_apis/wit/workitems?ids=131,132&errorPolicy=omit&{V}").json()["value"]
    assert (found[0], found[1]["id"]) == (None, 132)
    too_many = ",".join(map(str, range(201)))
    assert "VS403474" in azure_api("GET", f"_apis/wit/workitems?ids={too_many}&{V}").json()["message"]
    both = azure_api("GET", f"_apis/wit/workitems/132?fields=System.Title&$expand=all&{V}")
    assert both.status_code == 400


def test_a_continuation_token_leads_to_the_next_page(azure_api: Api) -> None:
    first = azure_api("GET", f"_apis/projects?%24top=2&{V}")
    token = first.headers["x-ms-continuationtoken"]
    last = azure_api("GET", f"_apis/projects?%24top=2&continuationToken={token}&{V}")
    assert (first.json()["count"], last.json()["count"]) == (2, 1)
    assert "x-ms-continuationtoken" not in last.headers


def test_delays_and_limits_carry_their_headers(azure_api: Api) -> None:
    azure_api.azure.set(delay=0.01)
    slow = azure_api("GET", f"_apis/projects?{V}")
    assert (slow.status_code, slow.headers["Retry-After"], slow.headers["X-RateLimit-Delay"]) == (200, "30", "0.01")
    azure_api.azure.set(delay=0.0)
    azure_api.azure.rate_limit(1, 5)
    limited = azure_api("GET", f"_apis/projects?{V}")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "5")
    assert "TF400733" in limited.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "_apis/wit/workitems/1"), ("GET", "_apis/git/repositories"), ("GET", "Ops/_apis/wit/queries"),
     ("GET", "Ops/_apis/wit/workitemtypes/Task/rules?api-version=7.1"), ("PUT", "_apis/projects")],
)  # fmt: skip
def test_what_it_does_not_know_is_501(azure_api: Api, method: str, path: str) -> None:
    assert azure_api(method, path).status_code == 501


def test_a_person_can_look_at_a_work_item_and_change_its_state(azure_api: Api) -> None:
    home = f"{azure_api.url}/{ORGANIZATION}"
    assert "No work items yet" in requests.get(home, timeout=5).text
    azure_api.create(System_Description="<p>Look <script>alert(1)</script></p>", System_Tags="pp-1")
    page = requests.get(f"{home}/Ops/_workitems/edit/131", timeout=5)
    assert "Disk full" in page.text
    assert "<script>" not in page.text
    changed = requests.post(f"{home}/Ops/_workitems/edit/131/state", data={"state": "Closed"}, timeout=5)
    assert changed.status_code == 200
    assert azure_api.azure.work_items[131].state == "Closed"
    assert "Disk full" in requests.get(azure_api.url, timeout=5).text
    assert requests.get(f"{home}/Ops/_workitems/edit/999", timeout=5).status_code == 404
    wrong = requests.post(f"{home}/Ops/_workitems/edit/131/state", data={"state": "Nix"}, timeout=5)
    assert wrong.status_code == 404


def test_knobs_can_be_turned_over_http(azure_api: Api) -> None:
    azure_api.create(System_Tags="pp-1")
    assert azure_api.knob("set_state", number=131, state="Active").status_code == 200
    assert azure_api.knob("copy_item", args=[131]).json() == {"result": 132}
    assert azure_api.knob("set", denied=["vso.work"]).status_code == 200
    assert azure_api.knob("fail_next", status=503, route="*/projects").status_code == 200
    assert azure_api("GET", f"_apis/projects?{V}").status_code == 503
    state = requests.get(f"{azure_api.url}/_standin/state", timeout=5).json()
    assert (state["creates"], state["work_items"]["131"]["state"]) == (1, "Active")
    assert state["knobs"]["denied"] == ["vso.work"]
    assert PAT not in str(state)
    assert azure_api.knob("nix").status_code == 404
    assert azure_api.knob("set", nix=1).status_code == 400
    assert azure_api.knob("set_state", number="x", state="Active").status_code == 400
    assert azure_api.knob("reset").status_code == 200
    assert azure_api.azure.work_items == {}


def test_the_greeting_says_what_to_type(azure_api: Api) -> None:
    text = "\n".join(azure_api.azure.greeting(azure_api.url))
    assert f"{azure_api.url}/{ORGANIZATION}" in text
    assert PAT in text
