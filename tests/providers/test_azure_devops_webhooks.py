"""Webhooks of Azure DevOps: which deliveries are genuine, and what they speak of."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from providers.azure_devops.client import AzureDevOpsClient
from providers.base import ConnectionValues
from providers.values import Delivery

SECRET, OLD = "s3cr3t-Of-The-Webhook_7", "the-one-before"
VALUES = ConnectionValues(1, "pat", {}, {})
UPDATED: dict[str, Any] = {
    "subscriptionId": "8c7cf1d7-1c4c-4b8c-9a4e-6f3f2f0f1a11",
    "notificationId": 3,
    "id": "27646e0e-b520-4d2b-9411-bba7524947cd",
    "eventType": "workitem.updated",
    "publisherId": "tfs",
    "message": None,
    "resource": {
        "id": 2,
        "workItemId": 131,
        "rev": 2,
        "fields": {"System.State": {"oldValue": "New", "newValue": "Active"}},
        "revision": {"id": 131, "rev": 2, "fields": {"System.State": "Active"}},
        "url": "https://dev.azure.com/acme/_apis/wit/workItems/131/updates/2",
    },
    "resourceVersion": "1.0",
    "createdDate": "2026-11-20T15:04:05.123Z",
}


def basic(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def delivery(body: Any = UPDATED, **headers: str) -> Delivery:
    return Delivery(headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def genuine(header: str | None, *secrets: str) -> bool:
    headers = {} if header is None else {"authorization": header}
    return AzureDevOpsClient.is_genuine(delivery(**headers), secrets, VALUES)


GOOD = basic("patchpanel", SECRET)
BAD = {
    "no header": None,
    "empty": "",
    "scheme alone": "Basic",
    "scheme and blank": "Basic ",
    "the secret as it is": SECRET,
    "the secret as bearer": f"Bearer {SECRET}",
    "the right value as bearer": GOOD.replace("Basic", "Bearer"),
    "another scheme in front": f"Digest {GOOD}",
    "without scheme": GOOD.removeprefix("Basic "),
    "two blanks": GOOD.replace(" ", "  "),
    "a blank before": f" {GOOD}",
    "a blank behind": f"{GOOD} ",
    "a line behind": f"{GOOD}\n",
    "twice": f"{GOOD}, {GOOD}",
    "another user": basic("admin", SECRET),
    "a longer user": basic("patchpanel2", SECRET),
    "the user in capitals": basic("Patchpanel", SECRET),
    "no user": basic("", SECRET),
    "no password": basic("patchpanel", ""),
    "no colon": "Basic " + base64.b64encode(b"patchpanel" + SECRET.encode()).decode(),
    "another password": basic("patchpanel", "guess"),
    "the password in other case": basic("patchpanel", SECRET.swapcase()),
    "the password cut": basic("patchpanel", SECRET[:-1]),
    "the password and more": basic("patchpanel", SECRET + "7"),
    "the beginning alone": GOOD[: len(GOOD) // 2],
    "one letter of the value changed": GOOD[:-3] + ("A" if GOOD[-3] != "A" else "B") + GOOD[-2:],
    "padding cut": GOOD.rstrip("="),
    "more padding": GOOD + "=",
    "no base64": "Basic ***",
    "umlauts": basic("patchpanel", "geheim\u00e4"),
    "not ascii": "Basic \u00e4\u00f6\u00fc\U0001f600",
    "half a character": "Basic \udcff",
    "an older secret that is no longer valid": basic("patchpanel", OLD),
    "very long": "Basic " + "A" * 100_000,
}


def test_a_delivery_that_knows_the_secret_is_genuine() -> None:
    assert genuine(GOOD, SECRET)


def test_while_a_secret_is_changed_both_are_good_and_afterwards_the_old_one_is_not() -> None:
    assert all(genuine(basic("patchpanel", each), SECRET, OLD) for each in (SECRET, OLD))
    assert genuine(basic("patchpanel", OLD), SECRET, "", OLD)
    assert not genuine(basic("patchpanel", OLD), SECRET)


def test_a_secret_may_hold_any_character() -> None:
    for secret in ("a:b:c", "p\u00e4ss wort", "\U0001f600", "x" * 200):
        assert genuine(basic("patchpanel", secret), secret)


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_a_delivery_that_is_wrong_in_one_respect_is_not_genuine(header: str | None) -> None:
    assert not genuine(header, SECRET)
    assert not genuine(header, SECRET, "another")


def test_without_a_secret_nothing_is_genuine() -> None:
    for header in (GOOD, basic("patchpanel", ""), "", None):
        assert not genuine(header)
        assert not genuine(header, "")


# -- what a delivery speaks of -------------------------------------------------------------------------------------


def touched(body: Any) -> list[str]:
    return list(AzureDevOpsClient.touched(delivery(body)))


def test_the_number_of_the_update_is_not_the_number_of_the_work_item() -> None:
    assert touched(UPDATED) == ["131"]


@pytest.mark.parametrize("event", ["deleted", "restored", "created", "commented"])
def test_other_events_name_the_work_item_itself(event: str) -> None:
    resource = {"id": 131, "rev": 4, "fields": {"System.State": "New"}}
    assert touched({"eventType": f"workitem.{event}", "resource": resource}) == ["131"]


def test_an_update_without_its_number_is_read_from_what_else_it_says() -> None:
    resource = dict(UPDATED["resource"])
    del resource["workItemId"]
    assert touched(UPDATED | {"resource": resource}) == ["131"]
    minimal = {"id": 2, "url": resource["url"]}
    assert touched(UPDATED | {"resource": minimal}) == ["131"]
    assert touched(UPDATED | {"resource": {"id": 2}}) == []


@pytest.mark.parametrize(
    "event", ["git.push", "workitem", "workitem.updated.x", "WORKITEM.UPDATED", "", None, 7, [], {}]
)
def test_other_events_speak_of_no_ticket(event: Any) -> None:
    assert touched(UPDATED | {"eventType": event}) == []


@pytest.mark.parametrize("body", [b"", b"{", b"not json", b"\xff\xfe\xfa", b"[" * 100_000, b'{"a":' * 5_000, b"{}{}"])
def test_what_is_no_json_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind alone is the contract
        touched(body)


@pytest.mark.parametrize(
    "body",
    [
        None, True, 7, 1e308, "text", [], [UPDATED], {},
        {"eventType": "workitem.updated"},
        *({"eventType": "workitem.updated", "resource": each} for each in (None, 7, "131", [], [131], {})),
        *(
            UPDATED | {"resource": {"id": 2, "workItemId": each, "revision": each, "url": each}}
            for each in (None, True, 0, -131, 131.0, "131", "../131", [131], {"id": "131"}, 2**31, 10**400, 1e308)
        ),
        *({"eventType": "workitem.deleted", "resource": {"id": each}} for each in (None, False, "5", 0, 2**63, [5])),
        {"eventType": {"workitem.updated": 1}, "resource": {"workItemId": 131}},
        {"eventType": "workitem.updated", "resource": {"url": "/_apis/wit/workItems/" + "1" * 100_000}},
    ],
)  # fmt: skip
def test_odd_payloads_speak_of_no_ticket(body: Any) -> None:
    assert touched(body) == []


def test_deep_nesting_and_odd_numbers_beside_the_number_do_no_harm() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    resource = UPDATED["resource"] | {"fields": {"deep": deep, "huge": 10**3000}}
    assert touched(UPDATED | {"resource": resource}) == ["131"]
    text = json.dumps(UPDATED).replace('"rev": 2', '"rev": NaN', 1)
    assert touched(text.encode()) == ["131"]


def test_the_steps_name_what_is_pasted() -> None:
    text = " ".join(AzureDevOpsClient.webhook_steps).format(address="https://a.example/h", secret="S")
    assert "https://a.example/h" in text
    assert "patchpanel" in text
    assert " S" in text
    assert "{" not in text
    assert AzureDevOpsClient.can_register("pat")
    assert not AzureDevOpsClient.can_register("oauth")
