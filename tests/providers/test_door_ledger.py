"""What the outbound door writes into the ledger, and that no secret gets there or into an error."""

import base64
import json
import logging

import pytest
import requests

from providers import errors
from providers.bulkheads import bulkheads
from providers.http import error_for
from tests.providers.door import JSON, SECRET, open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive, read_request

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def test_the_ledger_is_closed_even_when_the_program_fails(ledger):
    def broken(host, port):
        return [None]

    with RawServer(keep_alive(OK)) as server, pytest.raises(TypeError):
        open_door(server, ledger, resolver=broken).session().get(url(server))
    assert ledger.rows[0]["outcome"] == "unreachable"
    assert bulkheads._under_way.total() == 0


def describe(response):
    body = response.json()
    return body["code"], body["message"]


def echo(conn, server):
    """A vendor that puts everything it received into its error message."""
    while request := read_request(conn):
        pair = base64.b64encode(f"someone@acme.example:{SECRET}".encode()).decode()
        text = f"{SECRET} {request.decode()} {pair} {base64.b64encode(SECRET.encode()).decode()}"
        conn.sendall(answer(400, json.dumps({"code": f"BAD {SECRET}", "message": text}).encode(), JSON))


def test_secrets_an_answer_echoes_reach_neither_ledger_nor_error(ledger, caplog):
    caplog.set_level(logging.DEBUG)
    with RawServer(echo) as server:
        door = open_door(server, ledger, secrets=[SECRET, ""], describe=describe)
        response = door.session().post(
            url(server, f"/a/{requests.utils.quote(SECRET, safe='')}"),
            params={"token": SECRET},
            json={"password": SECRET},
            auth=("someone", SECRET),
        )
    error = error_for(response, label="Acme", field_errors={"summary": f"bad {SECRET}"})
    assert isinstance(error, errors.InvalidInput)
    assert error.attempt_id == response.attempt_id == 1
    assert error.vendor_code == "BAD •••"
    assert len(error.vendor_message) <= 500
    assert error.field_errors == {"summary": "bad •••"}
    assert error_for(response, label="Acme", message=SECRET, code="X").vendor_message == "•••"
    texts = f"{ledger.rows} {vars(error)} {caplog.text}"
    forms = [SECRET, requests.utils.quote(SECRET, safe=""), SECRET.replace(" ", "+"), "s3cr"]
    forms += [base64.b64encode(each.encode()).decode()[4:16] for each in (SECRET, f"someone:{SECRET}")]
    assert [form for form in forms if form in texts] == []


def test_a_message_is_shortened(ledger):
    body = json.dumps({"code": "LONG", "message": "word\n" * 1000}).encode()
    with RawServer(keep_alive(answer(422, body, JSON))) as server:
        open_door(server, ledger, describe=describe).session().post(url(server))
    assert len(ledger.rows[0]["message"]) == 500
    assert (ledger.rows[0]["outcome"], ledger.rows[0]["code"]) == ("refused", "LONG")


def test_an_error_answer_that_cannot_be_described_is_still_an_error_answer(ledger):
    with RawServer(keep_alive(answer(403, b"<html>", b"Content-Type: text/html"))) as server:
        response = open_door(server, ledger, describe=describe).session().get(url(server))
    assert isinstance(error_for(response, label="Acme"), errors.NotAllowed)
    assert (ledger.rows[0]["outcome"], ledger.rows[0]["status"]) == ("refused", 403)


def test_values_that_http_cannot_carry_are_not_quoted_back():
    with RawServer(keep_alive(OK)) as server:
        door = open_door(server)
        for header in ("line\nbreak" + SECRET, "€" + SECRET):
            error = refused_by(errors.InvalidInput, door, "GET", url(server), headers={"x-api-key": header})
            assert SECRET not in str(error)
            assert not error.sent
        refused_by(errors.InvalidInput, door, "GET", url(server), auth=("user", "€"))
        assert server.requests == []
