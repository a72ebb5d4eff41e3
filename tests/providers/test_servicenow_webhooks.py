"""Deliveries of the business rule: only those with the shared secret count, and odd ones harm nobody."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask, request

from providers.base import ConnectionValues, ReceivesWebhooks
from providers.servicenow import PROVIDER
from providers.servicenow.client import ServiceNowClient
from providers.servicenow.webhooks import SCRIPT
from providers.values import Delivery
from standins.server import serve
from standins.servicenow import ServiceNowStandin
from tests.providers.servicenow import fresh

SECRET = "s3cret-Zq8wB1nT5yUe7RkPvXo2LdHmJ4gF6cA0"
OLDER = "older-Hh2kP9xWq4Lr8Vt1Nc6Ye3Sb7Fm5Dj0G"
SYS_ID = "9d385017c611228701d22104cc95c371"
BODY = json.dumps({"sys_id": SYS_ID, "sys_class_name": "incident", "number": "INC0010001", "state": "2"}).encode()
KEY = ConnectionValues(1, "api_key", {"service_url": "https://acme.service-now.com"}, {"api_key": "k"})
OAUTH = ConnectionValues(2, "oauth", {"service_url": "https://acme.service-now.com"}, {"client_secret": "k"})


def delivery(headers: dict[str, str] | None = None, body: bytes = BODY) -> Delivery:
    """What arrived."""
    return Delivery({"x-webhook-token": SECRET} if headers is None else headers, body)


def told(**values: Any) -> tuple[str, ...]:
    """What a delivery with these values touches."""
    return tuple(ServiceNowClient.touched(delivery(body=json.dumps(values).encode())))


# -- genuine -------------------------------------------------------------------------------------------------------


GOOD: dict[str, tuple[dict[str, str], list[str]]] = {
    "the secret": ({"x-webhook-token": SECRET}, [SECRET]),
    "the newer of two": ({"x-webhook-token": SECRET}, [SECRET, OLDER]),
    "the older of two": ({"x-webhook-token": OLDER}, [SECRET, OLDER]),
    "among other headers": ({"x-webhook-token": SECRET, "authorization": "Basic eDp4", "host": "x"}, [SECRET]),
    "beside an unset one": ({"x-webhook-token": SECRET}, ["", SECRET]),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("values", [KEY, OAUTH], ids=["key", "oauth"])
def test_a_delivery_with_a_secret_is_genuine(name: str, values: ConnectionValues) -> None:
    headers, secrets = GOOD[name]
    assert ServiceNowClient.is_genuine(delivery(headers), secrets, values)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_the_body_plays_no_part_in_it(body: bytes) -> None:
    assert ServiceNowClient.is_genuine(delivery(body=body), [SECRET], KEY)


BAD: dict[str, dict[str, str]] = {
    "no header": {},
    "empty": {"x-webhook-token": ""},
    "blank": {"x-webhook-token": " "},
    "another": {"x-webhook-token": "x" * len(SECRET)},
    "first sign wrong": {"x-webhook-token": f"x{SECRET[1:]}"},
    "last sign wrong": {"x-webhook-token": f"{SECRET[:-1]}x"},
    "one sign short": {"x-webhook-token": SECRET[:-1]},
    "one sign more": {"x-webhook-token": f"{SECRET}x"},
    "twice": {"x-webhook-token": f"{SECRET}{SECRET}"},
    "as a list": {"x-webhook-token": f"{SECRET},{SECRET}"},
    "two secrets": {"x-webhook-token": f"{SECRET} {OLDER}"},
    "blank before": {"x-webhook-token": f" {SECRET}"},
    "blank after": {"x-webhook-token": f"{SECRET} "},
    "line end after": {"x-webhook-token": f"{SECRET}\n"},
    "zero byte after": {"x-webhook-token": f"{SECRET}\x00"},
    "other case": {"x-webhook-token": SECRET.swapcase()},
    "quoted": {"x-webhook-token": f'"{SECRET}"'},
    "bearer": {"x-webhook-token": f"Bearer {SECRET}"},
    "backwards": {"x-webhook-token": SECRET[::-1]},
    "the placeholder": {"x-webhook-token": "{secret}"},
    "None": {"x-webhook-token": "None"},
    "letters that look alike": {"x-webhook-token": SECRET.replace("e", "\u0435")},
    "latin letters": {"x-webhook-token": "\xe9\xff"},
    "half a pair": {"x-webhook-token": "\ud800"},
    "very long": {"x-webhook-token": SECRET * 5000},
    "a retired secret": {"x-webhook-token": OLDER},
    "the connection's key": {"x-webhook-token": "k"},
    "authorization": {"authorization": SECRET},
    "bearer authorization": {"authorization": f"Bearer {SECRET}"},
    "other name": {"x-webhook-tokens": SECRET},
    "name with underscores": {"x_webhook_token": SECRET},
    "a signature": {"x-hub-signature": f"sha256={SECRET}"},
    "a cookie": {"cookie": f"x-webhook-token={SECRET}"},
}


@pytest.mark.parametrize("name", BAD)
def test_a_delivery_that_is_wrong_in_one_respect_is_not_genuine(name: str) -> None:
    assert not ServiceNowClient.is_genuine(delivery(BAD[name]), [SECRET], KEY)


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
@pytest.mark.parametrize("headers", [{}, {"x-webhook-token": ""}, {"x-webhook-token": SECRET}])
def test_without_a_secret_nothing_is_genuine(secrets: list[str], headers: dict[str, str]) -> None:
    assert not ServiceNowClient.is_genuine(delivery(headers), secrets, KEY)


@pytest.mark.parametrize("body", [SECRET.encode(), json.dumps({"token": SECRET, "x-webhook-token": SECRET}).encode()])
def test_a_secret_in_the_body_proves_nothing(body: bytes) -> None:
    assert not ServiceNowClient.is_genuine(delivery({}, body), [SECRET], KEY)


# -- what it speaks of ---------------------------------------------------------------------------------------------


def test_an_incident_goes_by_its_id() -> None:
    assert tuple(ServiceNowClient.touched(delivery())) == (SYS_ID,)


@pytest.mark.parametrize("table", ["change_request", "problem", "sc_task", "u_facilities_request"])
def test_a_record_of_another_table_goes_by_table_and_id(table: str) -> None:
    assert told(sys_id=SYS_ID, sys_class_name=table) == (f"{table}/{SYS_ID}", SYS_ID)


def test_without_a_table_the_number_tells_it() -> None:
    assert told(sys_id=SYS_ID, number="PRB0040001") == (f"problem/{SYS_ID}", SYS_ID)
    assert told(sys_id=SYS_ID, number="INC0010001") == (SYS_ID,)
    assert SYS_ID in told(sys_id=SYS_ID)


NONE_NAMED: list[Any] = [
    None, True, 0, 1.5, 10**400, "x", SYS_ID, [], [SYS_ID], [{"sys_id": SYS_ID}], {}, {"sys_id": None},
    {"sys_id": 7}, {"sys_id": 10**300}, {"sys_id": True}, {"sys_id": [SYS_ID]}, {"sys_id": {"value": SYS_ID}},
    {"sys_id": ""}, {"sys_id": "x"}, {"sys_id": SYS_ID[:-1]}, {"sys_id": f"{SYS_ID}a"}, {"sys_id": f"{SYS_ID}\n"},
    {"sys_id": SYS_ID.upper()}, {"sys_id": f"incident/{SYS_ID}"}, {"sys_id": f"{SYS_ID},{SYS_ID}"},
    {"sys_id": "\ud800" * 32}, {"sys_id": "x" * 100_000}, {"record": {"sys_id": SYS_ID}},
]  # fmt: skip


@pytest.mark.parametrize("body", NONE_NAMED, ids=lambda body: repr(body)[:40])
def test_odd_bodies_speak_of_no_ticket(body: Any) -> None:
    assert tuple(ServiceNowClient.touched(delivery(body=json.dumps(body).encode()))) == ()


ODD_TABLES = [None, 7, True, [], {}, "", "Incident", "incident/x", "../sys_user", "a^b", "x" * 200, "incident\n", "1x"]


@pytest.mark.parametrize("table", ODD_TABLES, ids=repr)
@pytest.mark.parametrize("number", [None, 7, [], "", "INC0010001", "a/b", "../x", "\ud800"], ids=repr)
def test_an_odd_table_or_number_leads_to_this_record_only(table: Any, number: Any) -> None:
    found = told(sys_id=SYS_ID, sys_class_name=table, number=number)
    assert found[-1] == SYS_ID
    assert all(re.fullmatch(rf"(?:[a-z][a-z0-9_]*/)?{SYS_ID}", each) for each in found)


UNREADABLE = {
    "empty": b"",
    "no JSON": b"<xml/>",
    "cut": BODY[:-1],
    "more behind": BODY + b"}",
    "a form": b"sys_id=" + SYS_ID.encode(),
    "no text": b"\xff\xfe\xfd",
    "deeply nested list": b"[" * 200_000,
    "deeply nested": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of 5,000 digits": b'{"sys_id":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_told_as_such(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        ServiceNowClient.touched(delivery(body=UNREADABLE[name]))


def test_what_the_instance_sends_is_genuine_and_leads_to_the_record() -> None:
    got: list[Delivery] = []
    app, standin = Flask(__name__), ServiceNowStandin()

    @app.post("/hook")
    def hook() -> tuple[str, int]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got.append(Delivery(headers, request.get_data()))
        return "", 204

    with standin.serve() as instance, serve(app) as ours, fresh((standin, instance.url)) as bench:
        closed = {"incident": "7", "problem": "107", "u_facilities_request": "3"}
        ids = [each for table in closed for each in bench.make(1, table)]
        standin.paste_webhook(f"{ours.url}/hook", SECRET)
        for each, state in zip(ids, closed.values(), strict=True):
            standin.set_state(bench.number(each), state)
        standin.hooks.wait()
        assert len(got) == 3
        for each, arrived in zip(ids, got, strict=True):
            assert ServiceNowClient.is_genuine(arrived, [SECRET], KEY)
            assert not ServiceNowClient.is_genuine(arrived, [OLDER], KEY)
            touched = ServiceNowClient.touched(arrived)
            assert touched[0] == each
            assert {status.category for status in bench.client().read_tickets(touched).values()} == {"done"}
        standin.reset()


# -- setting it up -------------------------------------------------------------------------------------------------


def test_nothing_can_be_registered() -> None:
    assert PROVIDER.can(ReceivesWebhooks)
    assert not any(ServiceNowClient.can_register(method.key) for method in PROVIDER.auth_methods)


def test_the_steps_hold_address_and_secret_and_no_other_placeholder() -> None:
    steps = " ".join(ServiceNowClient.webhook_steps)
    assert set(re.findall(r"\{[^}]*\}", steps)) == {"{address}", "{secret}"}
    filled = steps.format(address="https://patchpanel.example/hooks/1", secret=SECRET)
    assert filled == steps.replace("{address}", "https://patchpanel.example/hooks/1").replace("{secret}", SECRET)


def test_the_script_sends_what_we_read() -> None:
    assert "'X-Webhook-Token', '{secret}'" in SCRIPT
    assert "setEndpoint('{address}')" in SCRIPT
    sent = re.findall(r"ticket\.(\w+) = current\.", SCRIPT)
    assert sent == ["sys_id", "sys_class_name", "number", "state", "correlation_id", "sys_updated_on"]
    assert all(line.endswith(";") for line in SCRIPT.splitlines())
    assert any(step.endswith(SCRIPT) for step in ServiceNowClient.webhook_steps)
