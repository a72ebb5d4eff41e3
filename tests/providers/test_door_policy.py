"""Where the outbound door may go: forbidden addresses, changing names, redirects."""

import socket

import pytest

from providers import errors
from providers.addresses import Policy, parse_allow
from providers.http import Door
from providers.idle_lines import idle_lines
from tests.providers.door import SECRET, local, open_door, policy_for, refused_by, url
from tests.providers.raw_server import OK, RawServer, answer, keep_alive

pytestmark = pytest.mark.usefixtures("no_idle_lines")


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
