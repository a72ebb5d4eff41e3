"""What the outbound door sends again: reads, never writes, and never on a connection that has gone bad."""

import time

import pytest

from providers import errors
from tests.providers.door import JSON, local, open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive, once, read_request

pytestmark = pytest.mark.usefixtures("no_idle_lines")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_reads_are_tried_three_times_and_writes_once(ledger, status):
    with RawServer(keep_alive(answer(status))) as server:
        door = open_door(server, ledger)
        assert door.session().get(url(server)).status_code == status
        assert len(server.requests) == 3
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert door.session().request(method, url(server)).status_code == status
        with door.creating():
            assert door.session().get(url(server)).status_code == status
        assert len(server.requests) == 8
    assert [row["outcome"] for row in ledger.rows] == ["vendor_error"] * 6


def test_a_read_that_works_the_second_time(ledger):
    with RawServer(keep_alive(answer(503), OK)) as server:
        assert open_door(server, ledger).session().get(url(server)).ok
        assert len(server.requests) == 2
    assert [row["outcome"] for row in ledger.rows] == ["ok"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 501])
def test_other_answers_are_not_asked_for_again(status):
    with RawServer(keep_alive(answer(status))) as server:
        assert open_door(server).session().get(url(server)).status_code == status
        assert len(server.requests) == 1


@pytest.mark.parametrize(("header", "count"), [(b"0", 2), (b"1", 2), (b"60", 1), (b"soon", 1), (None, 1)])
def test_a_limited_read_waits_only_as_long_as_the_deadline_allows(ledger, header, count):
    limited = answer(429, b"", *([b"Retry-After: " + header] if header else []))
    with RawServer(keep_alive(limited, OK)) as server:
        started = time.monotonic()
        open_door(server, ledger).session().get(url(server))
        assert time.monotonic() - started >= (1 if header == b"1" else 0)
        assert len(server.requests) == count
    assert ledger.rows[0]["outcome"] == ("ok" if count == 2 else "limited")


def test_a_refused_connection_is_tried_again_for_reads_only():
    calls = []

    def count(host, port):
        calls.append(host)
        return local(host, port)

    with RawServer(keep_alive(OK)) as server:
        pass
    refused_by(errors.Unreachable, open_door(server, resolver=count), "POST", url(server))
    assert len(calls) == 1
    refused_by(errors.Unreachable, open_door(server, resolver=count), "GET", url(server))
    assert len(calls) == 4


def test_a_read_survives_a_connection_the_server_closed_meanwhile():
    """The server closes after its first answer without saying so, at the worst moment: when the next request comes."""

    def one_answer(conn, server):
        server.requests.append(read_request(conn))
        conn.sendall(OK)
        read_request(conn)

    with RawServer(one_answer) as server:
        session = open_door(server).session()
        assert session.get(url(server)).ok
        assert session.get(url(server)).ok
        assert server.connections == 2


def test_a_closed_idle_connection_is_not_used_for_a_write():
    with RawServer(once(OK)) as server:
        session = open_door(server).session()
        for _ in range(3):
            assert session.post(url(server), json={}).ok
            time.sleep(0.05)
        assert server.connections == 3


def test_unasked_bytes_after_an_answer_are_not_taken_for_the_next_answer():
    def greedy(conn, server):
        while read_request(conn):
            conn.sendall(OK + answer(200, b'{"evil": 1}', JSON))

    with RawServer(greedy) as server:
        session = open_door(server).session()
        assert [session.get(url(server)).content for _ in range(3)] == [b"{}"] * 3
