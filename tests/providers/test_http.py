"""The outbound door against servers that behave, and many that do not. Every byte goes over a real socket."""

import base64
import gzip
import json
import logging
import socket
import ssl
import threading
import time
import tracemalloc
from email.utils import format_datetime

import jira
import pytest
import requests

from providers import errors
from providers.addresses import Policy, parse_allow
from providers.base import utcnow
from providers.bulkheads import bulkheads
from providers.http import Door, error_for, read_json, retry_after, set_total_limit
from providers.idle_lines import idle_lines
from tests.providers.raw_server import OK, RawServer, answer, keep_alive, make_certificate, read_request, server_tls

JSON = b"Content-Type: application/json"
SECRET = "s3cr/t+tok en=="


class Ledger:
    """A recorder that keeps rows in a list."""

    def __init__(self):
        self.rows = []

    def before(self, *, purpose, method, target):
        self.rows.append({"purpose": purpose, "method": method, "target": target})
        return len(self.rows)

    def after(self, attempt_id, **ending):
        row = self.rows[attempt_id - 1]
        # Closed once; only the reader of the body may correct it.
        assert row.get("outcome") in (None, "ok")
        self.rows[attempt_id - 1] |= ending


@pytest.fixture(autouse=True)
def _no_idle_lines():
    yield
    idle_lines.close()


@pytest.fixture
def ledger():
    return Ledger()


def local(host, port):
    return [(socket.AF_INET, ("127.0.0.1", port))]


def policy_for(*servers, resolver=local):
    entries = ",".join(f"http://[127.0.0.0/8]:{server.port}" for server in servers)
    return Policy(parse_allow(entries), resolver=resolver)


def open_door(server, ledger=None, *, deadline=3.0, resolver=local, **options):
    return Door(policy_for(server, resolver=resolver), recorder=ledger, deadline=deadline, label="Acme", **options)


def url(server, path="/x", host="acme.example", scheme="http"):
    return f"{scheme}://{host}:{server.port}{path}"


def refused_by(kind, door, method, address, **options):
    """The error of a call that must fail."""
    with pytest.raises(errors.ProviderError) as caught:
        door.session().request(method, address, **options)
    assert type(caught.value) is kind or isinstance(caught.value, kind)
    assert caught.value.cause == str(caught.value)
    assert caught.value.next_step
    return caught.value


# --- the good case -------------------------------------------------------------------------------------------------


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


# --- where it may go -----------------------------------------------------------------------------------------------


def test_a_forbidden_address_is_not_reached_open_or_closed(ledger):
    with RawServer(keep_alive(OK)) as server, socket.create_server(("127.0.0.1", 0)) as spare:
        closed = spare.getsockname()[1]
        spare.close()
        door = Door(Policy(resolver=local), recorder=ledger, deadline=2)
        texts = []
        for port in (server.port, closed):
            error = refused_by(errors.Unreachable, door, "GET", f"https://acme.example:{port}/")
            assert not error.sent
            assert error.attempt_id == len(ledger.rows)
            texts.append((error.cause + error.next_step).replace(str(port), "PORT"))
        assert texts[0] == texts[1]
        assert "PATCHPANEL_OUTBOUND_ALLOW" in texts[0]
        assert server.connections == 0
        assert [row["outcome"] for row in ledger.rows] == ["forbidden", "forbidden"]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "gopher://127.0.0.1:70/x", "ftp://a.example/", "x.example"])
def test_other_schemes_are_refused(address):
    error = refused_by(errors.Unreachable, Door(Policy(), recorder=None), "GET", address)
    assert not error.sent


def test_a_name_that_changes_its_address_is_looked_up_once_per_connection():
    """DNS rebinding: the first answer is fine, every later one leads elsewhere."""
    calls = []

    def flipping(host, port):
        calls.append(host)
        return [(socket.AF_INET, ("127.0.0.1" if len(calls) == 1 else "169.254.169.254", port))]

    with RawServer(keep_alive(OK)) as server:
        door = open_door(server, resolver=flipping)
        session = door.session()
        session.get(url(server))
        session.get(url(server))
        assert (len(calls), server.connections) == (1, 1)
        idle_lines.close()
        error = refused_by(errors.Unreachable, door, "GET", url(server))
        assert "metadata" in error.cause
        assert (len(calls), server.connections) == (2, 1)


def test_the_second_address_is_tried_when_the_first_refuses():
    with RawServer(keep_alive(OK)) as server:

        def two(host, port):
            return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

        entries = parse_allow(f"http://acme.example:{server.port}")
        door = Door(Policy(entries, resolver=two), recorder=None, deadline=2)
        assert door.session().get(url(server)).ok


def test_an_unknown_name(ledger):
    def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    door = Door(Policy(resolver=unknown), recorder=ledger, deadline=2)
    error = refused_by(errors.Unreachable, door, "GET", "https://nowhere.example/")
    assert (error.cause, error.sent) == ("The name nowhere.example could not be found.", False)
    assert ledger.rows[0]["outcome"] == "unreachable"


def test_a_refused_port(ledger):
    with RawServer(keep_alive(OK)) as server:
        pass
    error = refused_by(errors.Unreachable, open_door(server, ledger), "POST", url(server))
    assert (error.cause, error.sent) == (f"acme.example refused the connection on port {server.port}.", False)
    assert ledger.rows[0]["outcome"] == "unreachable"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(ledger, status):
    with RawServer(keep_alive(OK)) as second:
        moved = answer(status, b"", f"Location: http://other.example:{second.port}/login".encode())
        with RawServer(keep_alive(moved)) as server:
            door = Door(policy_for(server, second), recorder=ledger, label="Acme")
            error = refused_by(errors.UnexpectedAnswer, door, "GET", url(server), headers={"x-api-key": SECRET})
        assert "redirected the call to other.example" in error.cause
        assert error.vendor_status == status
        assert second.connections == 0
    assert ledger.rows[0]["outcome"] == "bad_answer"


# --- deadlines -----------------------------------------------------------------------------------------------------


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


# --- hostile and broken answers ------------------------------------------------------------------------------------


def once(data):
    """A handler that reads the request, sends these bytes and closes."""

    def handle(conn, server):
        server.requests.append(read_request(conn))
        conn.sendall(data)

    return handle


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


def made(body, kind="application/json", status=200, **headers):
    """A response as a door would return it, for the functions that only read."""
    response = requests.Response()
    response.status_code, response._content = status, body
    response.headers.update({"Content-Type": kind} | {name.replace("_", "-"): text for name, text in headers.items()})
    return response


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


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("ca"), ["Test authority"], ca=True)


@pytest.fixture
def certificate(authority, tmp_path):
    return lambda *names, **options: make_certificate(tmp_path, names, issuer=authority, **options)[0]


def test_a_good_certificate_of_an_extra_authority(authority, certificate):
    with RawServer(keep_alive(OK), tls=server_tls(certificate("acme.example", "127.0.0.1"))) as server:
        door = open_door(server, ca_file=str(authority[0]))
        assert door.session().get(url(server, scheme="https")).ok
        assert door.session().get(url(server, scheme="https")).ok
        assert server.connections == 1
        assert door.session().get(url(server, scheme="https", host="127.0.0.1")).ok


def test_an_unreadable_authority_file_is_named(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(ValueError, match=name):
            Door(Policy(), recorder=None, ca_file=str(tmp_path / name))


@pytest.mark.parametrize(
    ("names", "options", "trusted", "words"),
    [
        (["acme.example"], {}, False, "not known here"),
        (["acme.example"], {"issuer": None}, True, "self-signed"),
        (["acme.example"], {"days": (-9, -1)}, True, "expired"),
        (["acme.example"], {"days": (1, 9)}, True, "not valid yet"),
        (["other.example"], {}, True, "another name"),
        (["*.acme.example"], {}, True, "another name"),
    ],
)
@pytest.mark.parametrize("verify", [True, False])
def test_bad_certificates_are_refused_also_with_verify_off(
    authority, tmp_path, ledger, names, options, trusted, words, verify
):
    path = make_certificate(tmp_path, names, **({"issuer": authority} | options))[0]
    with RawServer(keep_alive(OK), tls=server_tls(path)) as server:
        door = open_door(server, ledger, ca_file=str(authority[0]) if trusted else None)
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https"), verify=verify, stream=True)
        assert server.requests == []
    assert "certificate" in error.cause
    assert words in error.cause
    assert not error.sent
    assert ledger.rows[0]["outcome"] == "certificate"


def test_a_common_name_is_no_replacement_for_the_names_of_a_certificate(authority, tmp_path):
    path = make_certificate(tmp_path, ["acme.example"], issuer=authority)[0]
    with RawServer(keep_alive(OK), tls=server_tls(path)) as server:
        door = open_door(server, ca_file=str(authority[0]))
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https", host="127.0.0.1"))
    assert "another name" in error.cause


def test_old_tls_and_no_tls_are_refused(authority, certificate):
    old = server_tls(certificate("acme.example"))
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    for tls in (old, None):
        with RawServer(keep_alive(OK), tls=tls) as server:
            door = open_door(server, ca_file=str(authority[0]), deadline=1)
            error = refused_by(errors.Unreachable, door, "POST", url(server, scheme="https"))
        assert not error.sent


def test_a_slow_answer_over_tls_does_not_outlive_the_deadline(authority, certificate):
    with RawServer(SLOW["body"], tls=server_tls(certificate("acme.example"))) as server:
        started = time.monotonic()
        door = open_door(server, deadline=0.5, ca_file=str(authority[0]))
        error = refused_by(errors.Unreachable, door, "GET", url(server, scheme="https"))
        assert time.monotonic() - started < 1
    assert error.sent


# --- retries -------------------------------------------------------------------------------------------------------


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


# --- bulkheads -----------------------------------------------------------------------------------------------------


def crowd(server, doors):
    """Call through all doors at once; returns the errors."""
    failures = []

    def call(door):
        try:
            door.session().get(url(server))
        except errors.ProviderError as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def slowly(conn, server):
    while request := read_request(conn):
        server.requests.append(request)
        time.sleep(0.4)
        conn.sendall(OK)


def test_four_calls_at_once_per_connection_and_the_fifth_is_told(ledger):
    with RawServer(slowly) as server:
        failures = crowd(server, [open_door(server, ledger, key="connection-7") for _ in range(6)])
        assert len(server.requests) == 4
        assert [type(error) for error in failures] == [errors.Busy] * 2
        assert not failures[0].sent
        assert sorted(row["outcome"] for row in ledger.rows) == ["busy", "busy", "ok", "ok", "ok", "ok"]
        assert crowd(server, [open_door(server, key="connection-7") for _ in range(4)]) == []


def test_a_cap_for_the_whole_process():
    before = bulkheads.total
    try:
        set_total_limit(2)
        with RawServer(slowly) as server:
            failures = crowd(server, [open_door(server, key=f"connection-{n}") for n in range(4)])
        assert [type(error) for error in failures] == [errors.Busy] * 2
    finally:
        set_total_limit(before)


# --- ledger and secrets --------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.AuthenticationFailed),
        (403, errors.NotAllowed),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.InvalidInput),
        (429, errors.RateLimited),
        (500, errors.Unreachable),
        (503, errors.Unreachable),
        (203, errors.UnexpectedAnswer),
        (418, errors.UnexpectedAnswer),
    ],
)
def test_every_status_has_its_error(status, kind):
    error = error_for(made(b"", status=status), label="Acme", code="C", message="M")
    assert type(error) is kind
    assert (error.vendor_status, error.vendor_code, error.vendor_message, error.sent) == (status, "C", "M", True)
    assert "Acme" in error.cause
    assert error.next_step


def test_retry_after_as_number_and_as_date():
    assert retry_after(made(b"", Retry_After="7")) == 7
    assert retry_after(made(b"", Retry_After="-7")) == 0
    assert retry_after(made(b"")) is retry_after(made(b"", Retry_After="inf")) is None
    in_a_minute = format_datetime(utcnow().replace(microsecond=0), usegmt=True).replace("2026", "2099")
    assert retry_after(made(b"", Retry_After=in_a_minute)) > 1_000_000
    assert retry_after(made(b"", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")) == 0
    error = error_for(made(b"", status=429, Retry_After="7"), label="Acme")
    assert (error.retry_after, error.next_step) == (7, "Try again in 7 seconds.")


# --- the session of a library --------------------------------------------------------------------------------------


def mounted(server, ledger, **options):
    client = jira.JIRA(
        server=url(server, ""),
        basic_auth=("u", SECRET),
        max_retries=0,
        get_server_info=False,
        options={"verify": False},
    )
    door = open_door(server, ledger, **options)
    door.mount(client._session)
    return client, door


def test_the_jira_library_goes_through_the_door(ledger):
    with RawServer(keep_alive(answer(200, b'{"accountId": "5"}', JSON), answer(401, b"{}", JSON))) as server:
        client, door = mounted(server, ledger)
        door.purpose = "check"
        assert client.myself() == {"accountId": "5"}
        with pytest.raises(jira.JIRAError) as caught:
            client._session.get(url(server, "/rest/api/2/other"))
        assert caught.value.response.attempt_id == 2
        client.close()
    assert [(row["purpose"], row["outcome"]) for row in ledger.rows] == [("check", "ok"), ("check", "refused")]


def test_the_jira_library_lets_our_errors_pass_and_repeats_nothing(ledger):
    with RawServer(once(b"")) as server:
        client, door = mounted(server, ledger)
        with pytest.raises(errors.Unreachable) as caught, door.creating():
            client.create_issue(fields={"project": {"id": "1"}, "issuetype": {"id": "2"}, "summary": "x"})
        assert len(server.requests) == 1
        client.close()
    assert caught.value.sent
    assert caught.value.attempt_id == len(ledger.rows) == 1


def test_the_jira_library_verifies_certificates_whatever_its_options_say(ledger, certificate):
    with RawServer(keep_alive(OK), tls=server_tls(certificate("acme.example"))) as server:
        client = jira.JIRA(
            server=url(server, "", scheme="https"), max_retries=0, get_server_info=False, options={"verify": False}
        )
        open_door(server, ledger).mount(client._session)
        with pytest.raises(errors.Unreachable, match="certificate"):
            client.myself()
        client.close()
