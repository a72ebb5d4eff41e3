"""Hostile and broken answers at the outbound door do no harm and are told as what they are."""

import gzip
import socket
import tracemalloc

import pytest

from providers import errors
from providers.http import read_json
from tests.providers.door import JSON, Ledger, made, open_door, refused_by, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive, once, read_request

pytestmark = pytest.mark.usefixtures("no_idle_lines")

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(gzip.compress(b"\0" * 50_000_000, 9), 9)
CHUNKED_BOMB = gzip.compress(b"\0" * 50_000_000, 9)
GZIP = b"Content-Encoding: gzip"
BAD_ANSWERS = {
    "long body": (answer(200, b"x" * 3_000_000, JSON), "more than 2 MiB"),
    "bomb": (answer(200, CHUNKED_BOMB, JSON, GZIP), "more than 2 MiB"),
    "double bomb": (answer(200, BOMB, JSON, b"Content-Encoding: gzip, gzip"), "more than 2 MiB"),
    "chunked bomb": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        + b"%x\r\n" % len(CHUNKED_BOMB)
        + CHUNKED_BOMB
        + b"\r\n0\r\n\r\n",
        "more than 2 MiB",
    ),
    "long chunk size": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 9_000_000,
        "not proper HTTP",
    ),
    "huge headers": (b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 9000 + b"\r\n") * 50, "more than 64 KiB of headers"),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "not proper HTTP"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.0\r\n\r\n", "not proper HTTP"),
    "broken gzip": (answer(200, b"not gzip at all", JSON, GZIP), "cannot be unpacked"),
}


@pytest.mark.parametrize(("data", "words"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_hostile_answers_do_no_harm(ledger, data, words):
    with RawServer(once(data)) as server:
        tracemalloc.start()
        error = refused_by(errors.UnexpectedAnswer, open_door(server, ledger), "POST", url(server))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert error.cause.startswith("Acme answered with")
    assert words in error.cause
    assert error.sent
    assert peak < 20_000_000
    assert ledger.rows[0]["outcome"] == "bad_answer"


def test_an_answer_of_just_the_limit_is_taken_and_one_byte_more_is_not():
    size = 2 * 1024 * 1024
    with RawServer(keep_alive(answer(200, gzip.compress(b"x" * size), GZIP), answer(200, b"x" * (size + 1)))) as server:
        door = open_door(server)
        assert len(door.session().get(url(server)).content) == size
        refused_by(errors.UnexpectedAnswer, door, "GET", url(server))


def test_headers_of_nearly_the_limit_are_taken():
    with RawServer(once(answer(200, b"{}", JSON, *[b"X-%d: " % n + b"y" * 8000 for n in range(8)]))) as server:
        assert open_door(server).session().get(url(server)).content == b"{}"


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", OK[:30], CHUNKS + b"5\r\nab", CHUNKS],
)
def test_an_answer_that_breaks_off(ledger, data):
    with RawServer(once(data)) as server:
        door = open_door(server, ledger)
        with pytest.raises(errors.ProviderError) as caught, door.creating():
            door.session().post(url(server), json={"a": 1})
    assert isinstance(caught.value, errors.Unreachable)
    assert caught.value.sent
    assert len(server.requests) == 1
    assert ledger.rows[0]["outcome"] == "unreachable"


def test_a_reset_after_the_request(ledger):
    def reset(conn, server):
        server.requests.append(read_request(conn))
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with RawServer(reset) as server:
        error = refused_by(errors.Unreachable, open_door(server, ledger), "POST", url(server), json={})
        assert len(server.requests) == 1
    assert error.sent
    assert error.cause == "The connection to acme.example broke off before the answer was complete."


def test_an_early_refusal_of_a_large_upload_is_still_read():
    def impatient(conn, server):
        conn.recv(1000)
        conn.sendall(answer(413, b"", b"Connection: close"))
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(65536):
            pass

    with RawServer(impatient) as server:
        assert open_door(server).session().post(url(server), data=b"x" * 3_000_000).status_code == 413


def test_html_for_json():
    page = answer(200, b"<html>sign in</html>", b"Content-Type: text/html; charset=utf-8")
    ledger = Ledger()
    with RawServer(keep_alive(page)) as server:
        response = open_door(server, ledger).session().get(url(server))
    assert ledger.rows[0]["outcome"] == "ok"
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        read_json(response, "Acme")
    assert ledger.rows[0]["outcome"] == "bad_answer"
    assert caught.value.cause == "Acme answered with a web page instead of data."
    assert caught.value.attempt_id == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", ""),
        (b"{}", "text/plain"),
        (b"{}", "application/jsonx"),
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe\xfd", "application/json"),
        (b"[NaN]", "application/json"),
        (b"[-Infinity]", "application/json"),
        (b"[" * 33 + b"]" * 33, "application/json"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "application/json"),
        (b"[" * 100_000, "application/json"),
    ],
)
def test_data_that_is_no_data(body, kind):
    with pytest.raises(errors.UnexpectedAnswer, match="Acme answered with"):
        read_json(made(body, kind), "Acme")


def test_data_of_every_json_type():
    assert read_json(made(b"[" * 32 + b"]" * 32), "Acme")
    assert read_json(made(b'{"keys": []}', "application/jwk-set+json; charset=utf-8"), "Acme") == {"keys": []}
