"""Comments, webhooks and known people of the sandbox Azure DevOps."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask, Response, request

from standins.azure_devops import ORGANIZATION, AzureDevOpsStandin
from standins.azure_devops_people import guid
from standins.server import serve
from tests import support_specs
from tests.standins.azure_caller import PATCH, Api, V, check

P4 = "api-version=7.1-preview.4"
SUBSCRIPTIONS = "_apis/hooks/subscriptions"
ADDRESS = "https://patchpanel.example/hooks"


@pytest.fixture
def azure_api() -> Iterator[Api]:
    azure = AzureDevOpsStandin()
    with azure.serve() as server:
        yield Api(azure, server.url)
    azure.stop_hooks()


def say(azure_api: Api, text: str, number: int = 131) -> requests.Response:
    changes = [{"op": "add", "path": "/fields/System.History", "value": text}]
    return azure_api("PATCH", f"_apis/wit/workitems/{number}?{V}", json=changes, headers=PATCH)


def subscribe(azure_api: Api, event: str = "workitem.updated", project: str = "Ops", **inputs: str) -> Any:
    sent = {
        "publisherId": "tfs",
        "eventType": event,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": guid(f"project/{project}")},
        "consumerInputs": {"url": ADDRESS, "basicAuthUsername": "u", "basicAuthPassword": "p", **inputs},
    }
    return azure_api("POST", f"{SUBSCRIPTIONS}?{V}", json=sent)


# -- comments ------------------------------------------------------------------------------------------------------


def test_comments_are_as_the_vendor_describes_them(azure_api: Api) -> None:
    support_specs.require_specs()
    azure_api.create()
    check(say(azure_api, "<p>One</p>"))
    check(azure_api("GET", f"Ops/_apis/wit/workItems/131/comments?ids=1&{P4}"))


def test_comments_come_in_pages_in_either_order(azure_api: Api) -> None:
    azure_api.create(System_History="<p>Zero</p>")
    for text in ("One", "Two"):
        say(azure_api, text)
    path = f"Ops/_apis/wit/workItems/131/comments?%24top=2&{P4}"
    first = azure_api("GET", f"{path}&order=desc").json()
    assert ([each["text"] for each in first["comments"]], first["totalCount"]) == (["Two", "One"], 3)
    last = azure_api("GET", f"{path}&order=desc&continuationToken={first['continuationToken']}").json()
    assert ([each["text"] for each in last["comments"]], last.get("continuationToken")) == (["<p>Zero</p>"], None)
    azure_api.knob("delete_comment", number=131, comment=3)
    assert [each["id"] for each in azure_api("GET", path).json()["comments"]] == [1, 2]


def test_comments_want_the_preview_and_the_items_own_project(azure_api: Api) -> None:
    azure_api.create()
    assert azure_api("GET", f"Ops/_apis/wit/workItems/131/comments?{V}").status_code == 400
    for place in ("Basic%20Board", "Secret"):
        assert azure_api("GET", f"{place}/_apis/wit/workItems/131/comments?{P4}").status_code == 404
    assert azure_api("GET", f"_apis/wit/workItems/131/comments?{P4}").status_code == 501


def test_a_person_sees_the_comments_on_the_items_page(azure_api: Api) -> None:
    azure_api.create()
    page = f"{azure_api.url}/{ORGANIZATION}/Ops/_workitems/edit/131"
    assert "Discussion" not in requests.get(page, timeout=5).text
    say(azure_api, "<p>Back <script>alert(1)</script>again</p>")
    text = requests.get(page, timeout=5).text
    assert "Discussion" in text
    assert "again" in text
    assert "<script>" not in text
    assert requests.get(f"{azure_api.url}/_standin/state", timeout=5).json()["work_items"]["131"]["comments"]


def test_each_change_is_held_against_the_rules_of_now(azure_api: Api) -> None:
    azure_api.create()
    azure_api.knob("add_required_field", args=["Ops", "Task", {"name": "Custom.Cause", "label": "Cause"}])
    refused = say(azure_api, "One")
    assert (refused.status_code, refused.json()["typeKey"]) == (400, "RuleValidationException")
    state = [{"op": "add", "path": "/fields/System.State", "value": "Closed"}]
    changed = azure_api("PATCH", f"_apis/wit/workitems/131?{V}", json=state, headers=PATCH)
    assert changed.status_code == 501


# -- webhooks ------------------------------------------------------------------------------------------------------


def test_subscriptions_are_as_the_vendor_describes_them(azure_api: Api) -> None:
    support_specs.require_specs()
    made = subscribe(azure_api)
    assert (made.status_code, made.json()["status"]) == (200, "enabled")
    number = made.json()["id"]
    listed = azure_api("GET", f"{SUBSCRIPTIONS}?publisherId=tfs&consumerId=webHooks&{V}")
    assert [each["id"] for each in listed.json()["value"]] == [number]
    one = azure_api("GET", f"{SUBSCRIPTIONS}/{number}?{V}")
    assert one.json()["consumerInputs"]["basicAuthPassword"] == "********"
    for answer in (made, listed, one, azure_api("DELETE", f"{SUBSCRIPTIONS}/{number}?{V}")):
        assert answer.status_code == 200
        check(answer)
    assert azure_api("DELETE", f"{SUBSCRIPTIONS}/{number}?{V}").status_code == 404
    assert azure_api("GET", f"{SUBSCRIPTIONS}/{number}?{V}").status_code == 404
    assert azure_api("GET", f"{SUBSCRIPTIONS}?consumerId=slack&{V}").json()["count"] == 0


@pytest.mark.parametrize(
    "url",
    ["", "nix", "ftp://a.example/", "http://a.example/", "https://localhost/", "https://x.localhost/",
     "https://127.0.0.1/", "https://169.254.169.254/", "https://192.168.0.9/", "https://[fe80::1]/", "https://[::1"],
)  # fmt: skip
def test_addresses_the_vendor_would_not_call_are_refused(azure_api: Api, url: str) -> None:
    assert subscribe(azure_api, url=url).status_code == 400
    assert azure_api.azure.subscriptions.all == {}


def test_a_plain_address_is_good_without_a_password_and_a_local_one_with_the_knob(azure_api: Api) -> None:
    assert subscribe(azure_api, url="http://a.example/", basicAuthPassword="").status_code == 200
    azure_api.azure.set(private_targets=True)
    assert subscribe(azure_api, url="http://127.0.0.1:9/").status_code == 200


def test_a_subscription_needs_its_right_a_known_event_and_a_visible_project(azure_api: Api) -> None:
    assert subscribe(azure_api, event="git.push").status_code == 400
    assert azure_api("POST", f"{SUBSCRIPTIONS}?{V}", json=[]).status_code == 400
    assert "TF200016" in subscribe(azure_api, project="Secret").json()["message"]
    azure_api.azure.deny("EDIT_SUBSCRIPTIONS")
    assert subscribe(azure_api).status_code == 403
    azure_api.azure.set(hook_refusal=401)
    assert "TF400813" in subscribe(azure_api).json()["message"]
    assert azure_api("DELETE", f"{SUBSCRIPTIONS}/x?{V}").status_code == 401


@pytest.fixture
def inbox() -> Iterator[tuple[list[tuple[str, Any]], str]]:
    """What arrived, as Authorization header and body, and the address it arrives at."""
    got: list[tuple[str, Any]] = []
    app = Flask("inbox")

    @app.post("/hooks")
    def take() -> Response:
        got.append((request.headers.get("Authorization", ""), json.loads(request.get_data())))
        return Response(status=204)

    with serve(app) as server:
        yield got, f"{server.url}/hooks"


def test_events_tell_the_update_apart_from_the_item(azure_api: Api, inbox: tuple[list[Any], str]) -> None:
    got, url = inbox
    azure_api.azure.paste_webhook(url, "u", "p")
    azure_api.create()
    azure_api.knob("set_state", number=131, state="Active")
    say(azure_api, "One")
    azure_api.knob("delete_item", number=131)
    azure_api.knob("restore_item", number=131)
    azure_api.azure.hooks.wait()
    assert {header for header, _ in got} == {"Basic " + base64.b64encode(b"u:p").decode()}
    seen = [(body["eventType"].removeprefix("workitem."), body["resource"]["id"]) for _, body in got]
    assert seen == [
        ("created", 131), ("updated", 2), ("updated", 3), ("commented", 131), ("deleted", 131), ("restored", 131),
    ]  # fmt: skip
    update = got[1][1]
    assert (update["resource"]["workItemId"], update["resource"]["revision"]["id"]) == (131, 131)
    assert update["resource"]["fields"] == {"System.State": {"oldValue": "New", "newValue": "Active"}}
    assert [body["notificationId"] for _, body in got if body["eventType"] == "workitem.updated"] == [1, 2]


def test_only_enabled_subscriptions_of_the_project_are_told(azure_api: Api, inbox: tuple[list[Any], str]) -> None:
    got, url = inbox
    azure = azure_api.azure
    azure.paste_webhook(url, project="Basic Board", events=["workitem.updated"])
    ours = azure.paste_webhook(url, project="Ops", events=["workitem.updated"])
    azure_api.create()
    azure.set_state(131, "Active")
    azure.subscriptions.all[ours[0]].status = "disabledByUser"
    azure.set_state(131, "Closed")
    azure.hooks.wait()
    assert [(header, body["resourceContainers"]["project"]["id"]) for header, body in got] == [
        ("", guid("project/Ops"))
    ]
    with pytest.raises(KeyError):
        azure.paste_webhook(url, events=["git.push"])


def test_deliveries_are_held_back_turned_around_and_said_again(azure_api: Api, inbox: tuple[list[Any], str]) -> None:
    got, url = inbox
    azure_api.azure.paste_webhook(url, events=["workitem.updated"])
    azure_api.create()
    azure_api.knob("hold_webhooks")
    for state in ("Active", "Closed"):
        azure_api.azure.set_state(131, state)
    azure_api.azure.hooks.wait()
    assert got == []
    azure_api.knob("release_webhooks", backwards=True)
    azure_api.azure.hooks.wait()
    azure_api.knob("replay_webhooks", times=2)
    azure_api.azure.hooks.wait()
    assert [body["resource"]["rev"] for _, body in got] == [3, 2, *[2, 2, 3, 3]]
    state = requests.get(f"{azure_api.url}/_standin/state", timeout=5).json()
    assert (len(state["deliveries"]), state["subscriptions"][0]["told"]) == (6, 2)


def test_an_address_outside_is_noted_and_not_called(azure_api: Api) -> None:
    assert subscribe(azure_api).status_code == 200
    azure_api.create()
    azure_api.azure.set_state(131, "Active")
    assert azure_api.azure.subscriptions.undeliverable == [ADDRESS]
    azure_api.azure.reset()
    assert azure_api.azure.as_state()["subscriptions"] == []


# -- people, projects ----------------------------------------------------------------------------------------------


def test_known_people_come_in_the_order_of_their_ids_with_null_for_the_gone(azure_api: Api) -> None:
    support_specs.require_specs()
    path = f"_apis/identities?identityIds={guid('dana')},{guid('nobody')},{guid('lena')}&queryMembership=none&{V}"
    found = azure_api("GET", path).json()["value"]
    assert [entry and entry["providerDisplayName"] for entry in found] == ["Dana Reyes", None, "Lena Fischer"]
    azure_api.knob("remove_person", email="dana.reyes@sandbox.example")
    azure_api.knob("rename_person", args=["lena.fischer@sandbox.example", "Lena Wolf"])
    found = azure_api("GET", path).json()["value"]
    assert [entry and entry["providerDisplayName"] for entry in found] == [None, None, "Lena Wolf"]
    check(azure_api("GET", f"_apis/identities?identityIds={guid('lena')}&queryMembership=none&{V}"))
    assert azure_api("GET", f"_apis/identities?identityIds={guid('lena')},x&{V}").status_code == 400


def test_a_removed_person_is_nowhere_but_in_the_items_that_name_them(azure_api: Api) -> None:
    azure_api.create(System_AssignedTo="dana.reyes@sandbox.example")
    azure_api.azure.remove_person("dana.reyes@sandbox.example")
    item = azure_api("GET", f"_apis/wit/workitems/131?{V}").json()
    assert item["fields"]["System.AssignedTo"]["displayName"] == "Dana Reyes"
    query = f"_apis/identities?searchFilter=General&filterValue=dana.reyes@sandbox.example&{V}"
    assert azure_api("GET", query).json()["value"] == []
    refused = azure_api.create(System_AssignedTo="dana.reyes@sandbox.example")
    assert refused.json()["errorCode"] == 600171


def test_items_of_a_hidden_project_are_out_of_sight_everywhere(azure_api: Api) -> None:
    azure_api.create(System_Tags="pp-1")
    azure_api.knob("hide_project", args=["Ops"])
    assert azure_api("GET", f"_apis/wit/workitems/131?{V}").status_code == 404
    assert azure_api("GET", f"_apis/wit/workitems?ids=131&errorPolicy=omit&{V}").json()["value"] == [None]
    azure_api.knob("delete_item", number=131)
    assert azure_api("GET", f"_apis/wit/recyclebin/131?{V}").status_code == 404
    azure_api.knob("hide_project", args=["Ops", False])
    assert azure_api("GET", f"_apis/wit/recyclebin/131?{V}").status_code == 200
