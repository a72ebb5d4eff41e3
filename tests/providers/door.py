"""What the tests of the outbound door share: a door for a raw server, and a ledger in memory."""

import socket

import pytest
import requests

from providers import errors
from providers.addresses import Policy, parse_allow
from providers.http import Door

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


def made(body, kind="application/json", status=200, **headers):
    """A response as a door would return it, for the functions that only read."""
    response = requests.Response()
    response.status_code, response._content = status, body
    response.headers.update({"Content-Type": kind} | {name.replace("_", "-"): text for name, text in headers.items()})
    return response
