"""No server, however slow, outlives the deadline of the outbound door."""

import time

import pytest

from providers import errors
from tests.providers.door import open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, keep_alive, read_request, server_tls

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def drip(prefix, piece):
    def handle(conn, server):
        read_request(conn)
        conn.sendall(prefix)
        while not server.stopping.wait(0.05):
            conn.sendall(piece)

    return handle


def stall(conn, server):
    server.stopping.wait(5)


def answers_never(conn, server):
    read_request(conn)
    server.stopping.wait(5)


SLOW = {
    "status line": drip(b"", b"H"),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "chunk size": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "endless body": drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": answers_never,
}


@pytest.mark.parametrize("handler", SLOW.values(), ids=SLOW.keys())
def test_a_slow_server_does_not_outlive_the_deadline(ledger, handler):
    with RawServer(handler) as server:
        started = time.monotonic()
        error = refused_by(errors.Unreachable, open_door(server, ledger, deadline=0.5), "GET", url(server))
        assert 0.4 < time.monotonic() - started < 0.9
    assert (error.cause, error.sent) == ("acme.example did not answer within 0.5 seconds.", True)
    assert ledger.rows[0]["outcome"] == "timeout"


def test_an_upload_nobody_reads_does_not_outlive_the_deadline():
    with RawServer(stall) as server:
        started = time.monotonic()
        body = b"x" * 20_000_000
        error = refused_by(errors.Unreachable, open_door(server, deadline=0.5), "POST", url(server), data=body)
        assert time.monotonic() - started < 1
    assert error.sent


def test_a_stalled_tls_handshake_does_not_outlive_the_deadline():
    with RawServer(stall) as server:
        started = time.monotonic()
        error = refused_by(errors.Unreachable, open_door(server, deadline=0.5), "POST", url(server, scheme="https"))
        assert time.monotonic() - started < 1
    assert not error.sent
    assert "did not answer within 0.5 seconds" in error.cause


def test_the_deadline_counts_for_all_calls_of_a_door_together():
    with RawServer(keep_alive(OK)) as server:
        door = open_door(server, deadline=0.3)
        assert door.session().get(url(server)).ok
        time.sleep(0.35)
        error = refused_by(errors.Unreachable, door, "GET", url(server))
    assert not error.sent
    assert len(server.requests) == 1


def test_a_slow_answer_over_tls_does_not_outlive_the_deadline(authority, certificate):
    with RawServer(SLOW["body"], tls=server_tls(certificate("acme.example"))) as server:
        started = time.monotonic()
        door = open_door(server, deadline=0.5, ca_file=str(authority[0]))
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https"))
        assert time.monotonic() - started < 1
    assert error.sent
