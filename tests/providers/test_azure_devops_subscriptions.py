"""Having Azure DevOps call us: subscribing, what is sent then, and taking it back, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request

from providers.azure_devops.client import AzureDevOpsClient
from providers.base import ConnectionValues
from providers.errors import InvalidInput, NotAllowed, ProviderError, Unreachable
from providers.values import Delivery, Registered
from standins.server import serve
from tests.providers.azure_bench import BASIC, BUG, OPS, TASK, Bench, draft

pytest_plugins = ("tests.providers.azure_fixtures",)

ADDRESS = "https://patchpanel.example/hooks/azure_devops/7"
SECRET = "s3cr3t-Of-The-Webhook"
SUBSCRIPTIONS = "/sandbox/_apis/hooks/subscriptions"
BASIC_ISSUE = {"project": BASIC, "work_item_type": "Issue"}
NOWHERE = {"project": "ffffffff-0000-4000-8000-000000000000", "work_item_type": "Task"}
EVENTS = ["workitem.deleted", "workitem.restored", "workitem.updated"]


def kept(bench: Bench) -> list[tuple[str, str, str]]:
    """Event, project and address of all subscriptions."""
    subscriptions = bench.azure.subscriptions.all.values()
    return sorted((each.event, each.publisher["projectId"], each.url) for each in subscriptions)


def test_each_project_is_subscribed_to_once_however_many_destinations_it_has(bench: Bench) -> None:
    client = bench.client()
    made: list[Registered] = []
    calls = bench.calls(lambda: made.append(client.register_webhook(ADDRESS, SECRET, [TASK, BASIC_ISSUE, BUG, {}])))
    assert calls == ["GET hooks/subscriptions", *["POST hooks/subscriptions"] * 6]
    assert kept(bench) == sorted((event, project, ADDRESS) for event in EVENTS for project in (OPS, BASIC))
    assert set(made[0].ids) == set(bench.azure.subscriptions.all)
    assert made[0].until is None
    assert client.renew_webhook(made[0]) == made[0]


def test_basic_authentication_and_all_details_are_asked_for(bench: Bench) -> None:
    bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    for subscription in bench.azure.subscriptions.all.values():
        assert subscription.consumer == {
            "url": ADDRESS, "basicAuthUsername": "patchpanel", "basicAuthPassword": SECRET,
            "resourceDetailsToSend": "all", "messagesToSend": "none", "detailedMessagesToSend": "none",
        }  # fmt: skip


def test_registering_again_replaces_what_calls_this_address_and_nothing_else(bench: Bench) -> None:
    client = bench.client()
    first = client.register_webhook(ADDRESS, "old", [TASK, BASIC_ISSUE])
    client.register_webhook("https://other.example/hooks", SECRET, [TASK])
    bench.azure.paste_webhook("https://third.example/hooks", events=["workitem.updated"])
    second = client.register_webhook(ADDRESS, SECRET, [TASK])
    assert not set(first.ids) & set(bench.azure.subscriptions.all)
    assert len(bench.azure.subscriptions.all) == 3 + 3 + 1
    assert {bench.azure.subscriptions.all[each].consumer["basicAuthPassword"] for each in second.ids} == {SECRET}


def test_a_subscription_whose_answer_was_lost_is_not_doubled(bench: Bench) -> None:
    bench.azure.hang(0.05, f"POST {SUBSCRIPTIONS}", after=True)
    with pytest.raises(Unreachable):
        bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    assert len(kept(bench)) == 1
    bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    assert kept(bench) == [(event, OPS, ADDRESS) for event in EVENTS]


def test_what_was_made_is_removed_when_a_later_project_fails(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().register_webhook(ADDRESS, SECRET, [TASK, NOWHERE])
    assert "project" in caught.value.field_errors
    assert kept(bench) == []


@pytest.mark.parametrize("face", [403, 401])
def test_a_missing_right_is_named(bench: Bench, face: int) -> None:
    bench.azure.set(hook_refusal=face, denied=["EDIT_SUBSCRIPTIONS"])
    with pytest.raises(NotAllowed, match="Edit subscriptions") as caught:
        bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    assert caught.value.missing == ("Edit subscriptions",)
    assert "Project Collection Administrator" in caught.value.next_step
    assert (caught.value.vendor_status, bool(caught.value.attempt_id)) == (face, True)


@pytest.mark.parametrize(
    "address",
    ["http://patchpanel.example/hooks", "https://localhost/hooks", "https://127.0.0.1:5000/hooks",
     "https://10.0.0.7/hooks", "https://[::1]/hooks", "http://192.168.1.5:8000/hooks", "ftp://patchpanel.example/"],
)  # fmt: skip
def test_an_address_the_vendor_would_not_call_is_said(bench: Bench, address: str) -> None:
    with pytest.raises(InvalidInput, match="does not accept the address") as caught:
        bench.client().register_webhook(address, SECRET, [TASK])
    assert "https://" in caught.value.next_step
    assert caught.value.vendor_message
    assert kept(bench) == []


def test_the_secret_shows_nowhere(bench: Bench) -> None:
    """Not even when the vendor quotes what it was sent."""
    body = {"message": f"The value {SECRET} is not valid.", "typeKey": "SubscriptionInputException"}
    bench.azure.fail_next(400, route=f"POST {SUBSCRIPTIONS}", body=body)
    with pytest.raises(InvalidInput) as caught:
        bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    assert SECRET not in f"{caught.value} {caught.value.vendor_message} {caught.value.next_step}"
    bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    assert SECRET not in str(bench.ledger.rows)
    assert SECRET not in str(bench.azure.as_state()["subscriptions"])


def test_without_a_project_nothing_is_asked(bench: Bench) -> None:
    def attempt() -> None:
        with pytest.raises(InvalidInput, match="No project"):
            bench.client().register_webhook(ADDRESS, SECRET, [{}])

    assert bench.calls(attempt) == []


@pytest.mark.parametrize("body", [[], {"id": None}, {}])
def test_an_answer_that_names_no_subscription_is_no_success(bench: Bench, body: Any) -> None:
    bench.azure.fail_next(200, route=f"POST {SUBSCRIPTIONS}", body=body)
    with pytest.raises(ProviderError, match="names no subscription"):
        bench.client().register_webhook(ADDRESS, SECRET, [TASK])
    bench.exchanges.clear()  # bodies nobody describes


def test_taking_back_leaves_other_subscriptions_and_minds_no_gone_ones(bench: Bench) -> None:
    client = bench.client()
    client.register_webhook("https://other.example/hooks", SECRET, [TASK])
    made = client.register_webhook(ADDRESS, SECRET, [TASK])
    bench.azure.subscriptions.all.pop(made.ids[0])
    client.remove_webhook(made)
    client.remove_webhook(made)
    assert {each.url for each in bench.azure.subscriptions.all.values()} == {"https://other.example/hooks"}


def test_one_that_cannot_be_taken_back_does_not_keep_the_others(bench: Bench) -> None:
    client = bench.client()
    made = client.register_webhook(ADDRESS, SECRET, [TASK])
    bench.azure.fail_next(503, route=f"DELETE {SUBSCRIPTIONS}/*")
    with pytest.raises(Unreachable):
        client.remove_webhook(made)
    assert list(bench.azure.subscriptions.all) == [made.ids[0]]
    bench.azure.deny("EDIT_SUBSCRIPTIONS")
    with pytest.raises(NotAllowed, match="Edit subscriptions"):
        client.remove_webhook(made)


# -- what is sent then ---------------------------------------------------------------------------------------------


class Receiver:
    """An address of ours that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.app = Flask("receiver")
        self.app.add_url_rule("/hooks", view_func=self.take, methods=["POST"])

    def take(self) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Delivery(headers, request.get_data()))
        return Response(status=204)


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    found = Receiver()
    with serve(found.app) as server:
        yield found, f"{server.url}/hooks"


def test_what_arrives_is_genuine_and_names_the_work_item(bench: Bench, receiver: tuple[Receiver, str]) -> None:
    inbox, url = receiver
    values = ConnectionValues(1, "pat", {}, {})
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.set(private_targets=True)
    client.register_webhook(url, SECRET, [TASK])
    bench.azure.set_state(131, "Active")
    client.assign_ticket("131", "")
    client.add_comment("131", "It is back.", "pp-c1")
    bench.azure.delete_item(131)
    bench.azure.restore_item(131)
    bench.azure.hooks.wait()
    assert [list(AzureDevOpsClient.touched(each)) for each in inbox.got] == [["131"]] * 5
    assert all(AzureDevOpsClient.is_genuine(each, [SECRET], values) for each in inbox.got)
    assert not any(AzureDevOpsClient.is_genuine(each, ["another"], values) for each in inbox.got)


def test_other_projects_and_removed_subscriptions_are_silent(bench: Bench, receiver: tuple[Receiver, str]) -> None:
    inbox, url = receiver
    client = bench.client()
    client.create_ticket(draft())
    bench.azure.set(private_targets=True)
    made = client.register_webhook(url, SECRET, [BASIC_ISSUE])
    bench.azure.set_state(131, "Active")
    bench.azure.move_item(131, "Basic Board")
    bench.azure.hooks.wait()
    assert len(inbox.got) == 1
    client.remove_webhook(made)
    bench.azure.delete_item(131)
    bench.azure.hooks.wait()
    assert len(inbox.got) == 1
