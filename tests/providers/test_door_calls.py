"""The outbound door in the good case: calls are recorded and answered, and carry nothing but what was asked for."""

import pytest

from providers import errors
from providers.addresses import Policy
from providers.http import Door, read_json
from tests.providers.door import JSON, SECRET, local, open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def test_a_call_is_recorded_and_answered(ledger):
    with RawServer(keep_alive(OK)) as server:
        door = open_door(server, ledger)
        door.purpose = "check"
        response = door.session().get(url(server, "/rest?token=abc"), params={"q": SECRET}, auth=("u", "p"))
    assert read_json(response, "Acme") == {}
    assert response.attempt_id == 1
    row = ledger.rows[0]
    assert row.pop("duration_ms") >= 0
    assert row == {
        "purpose": "check",
        "method": "GET",
        "target": f"acme.example:{server.port}/rest",
        "outcome": "ok",
        "status": 200,
        "code": "",
        "message": "",
    }
    head = server.requests[0].decode()
    assert f"Host: acme.example:{server.port}\r\n" in head
    assert "User-Agent: Patchpanel\r\n" in head


def test_the_second_call_reuses_the_connection_also_from_another_door():
    with RawServer(keep_alive(OK)) as server:
        for _ in range(3):
            door = open_door(server)
            assert door.session().get(url(server)).content == b"{}"
            assert door.session().post(url(server), json={}).content == b"{}"
        assert (server.connections, len(server.requests)) == (1, 6)


def test_doors_with_other_rules_do_not_share_connections():
    with RawServer(keep_alive(OK)) as server:
        open_door(server).session().get(url(server))
        strict = Door(Policy(resolver=local), recorder=None)
        refused_by(errors.Unreachable, strict, "GET", url(server))
        assert len(server.requests) == 1


def test_cookies_of_the_server_do_not_come_back_and_the_host_header_is_ours():
    with RawServer(keep_alive(answer(200, b"{}", JSON, b"Set-Cookie: a=b; Path=/"))) as server:
        session = open_door(server).session()
        session.get(url(server))
        session.get(url(server), headers={"Host": "other.example", "Cookie": "c=d"})
        assert b"cookie" not in server.requests[1].lower()
        assert b"other.example" not in server.requests[1]


def test_environment_proxies_and_netrc_count_for_nothing(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with RawServer(keep_alive(OK)) as server:
        session = open_door(server).session()
        assert session.get(url(server), proxies={"http": "http://127.0.0.1:9"}).ok
        assert b"Authorization" not in server.requests[0]
