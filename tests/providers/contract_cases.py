"""What may be wrong with any provider, whatever it is: the cases every one of them is put through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.providers.contract_world import World
from tests.providers.raw_server import RawServer, answer, read_request

DEADLINE = 1.5  # instead of 10 s; nothing else is changed
VERBS = ("Save", "Update", "Test connection", "Check now")
REFUSED, UNREACHABLE, PERMISSION = "refused", "unreachable", "permission"
JSON = b"Content-Type: application/json"


@dataclass(frozen=True)
class Contract:
    """What the table needs to know of a provider.

    `typed` holds good values without the address, which is in the field `address`; `proving` is the route of the
    proving call at the stand-in; `own` are cases only this provider has.
    """

    provider: str
    method: str
    address: str
    typed: Mapping[str, str]
    secrets: tuple[str, ...]
    proving: str
    standin: Callable[[], Any]
    own: tuple[Case, ...] = ()
    # What follows the stand-in's address in a good one.
    path: str = ""


@dataclass(frozen=True)
class Case:
    """One thing that is wrong.

    `kind` decides the first sentence; `cause` must occur in what follows it. `outcome` is the class of the failure in
    the ledger. `typed` replaces good values, `arm` spoils the stand-in, `world` gives another address to use.
    """

    name: str
    kind: str
    cause: str
    typed: Mapping[str, str] = field(default_factory=dict)
    arm: Callable[[Any, str], Any] = lambda standin, route: None
    world: Callable[[World], str] | None = None
    outcome: str = "refused"


def _stall(conn: Any, server: RawServer) -> None:
    read_request(conn)
    server.stopping.wait(10)


def fails(status: int, **more: Any) -> Callable[[Any, str], Any]:
    """The proving call is answered with this status, however often it is made."""
    return lambda standin, route: standin.fail_next(status, times=None, route=route, **more)


LATE = f"did not answer within {DEADLINE:g} seconds"
BODY = answer(200, b'{"accountId":"1"}', JSON)
CASES = (
    Case("unknown host", UNREACHABLE, "nobody.invalid", world=lambda w: "https://nobody.invalid",
         outcome="unreachable"),
    Case("refused port", UNREACHABLE, "refused the connection on port", world=World.closed_port, outcome="unreachable"),
    Case("self-signed", UNREACHABLE, "certificate", world=lambda w: w.tls("127.0.0.1", trusted=False),
         outcome="certificate"),
    Case("expired", UNREACHABLE, "certificate of 127.0.0.1 has expired",
         world=lambda w: w.tls("127.0.0.1", days=(-9, -2)), outcome="certificate"),
    Case("other name", UNREACHABLE, "certificate of 127.0.0.1 is made out", world=lambda w: w.tls("other.example"),
         outcome="certificate"),
    Case("no TLS there", UNREACHABLE, "No secure connection",
         world=lambda w: w.plain_speaker(), outcome="unreachable"),
    Case("HTML for JSON", UNREACHABLE, "a web page instead of data",
         arm=lambda standin, route: standin.html_instead(route, times=None), outcome="bad_answer"),
    Case("401", REFUSED, "refused", arm=fails(401)),
    Case("403", PERMISSION, "missing permission", arm=fails(403)),
    Case("404", UNREACHABLE, "web server at this address", arm=fails(404)),
    Case("429 with Retry-After", UNREACHABLE, "in 30 seconds", arm=fails(429, headers={"Retry-After": "30"}),
         outcome="limited"),
    Case("429 without Retry-After", UNREACHABLE, "in a few minutes", arm=fails(429), outcome="limited"),
    Case("500", UNREACHABLE, "status 500", arm=fails(500), outcome="vendor_error"),
    Case("502", UNREACHABLE, "status 502", arm=fails(502), outcome="vendor_error"),
    Case("503", UNREACHABLE, "status 503", arm=fails(503), outcome="vendor_error"),
    Case("503 with Retry-After", UNREACHABLE, "status 503", arm=fails(503, headers={"Retry-After": "60"}),
         outcome="vendor_error"),
    Case("dripping header", UNREACHABLE, LATE,
         world=lambda w: w.bytes(*(bytes([c]) for c in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 99), pause=0.1),
         outcome="timeout"),
    Case("dripping body", UNREACHABLE, LATE,
         world=lambda w: w.bytes(BODY[:-17], *(bytes([c]) for c in b'{"accountId":"1"}' + b" " * 99), pause=0.15),
         outcome="timeout"),
    Case("stall", UNREACHABLE, LATE, world=lambda w: w.raw(_stall), outcome="timeout"),
    Case("connection cut", UNREACHABLE, "broke off", world=lambda w: w.bytes(BODY[:-5]), outcome="unreachable"),
    Case("not HTTP", UNREACHABLE, "not proper HTTP", world=lambda w: w.bytes(b"220 mail.example ESMTP\r\n"),
         outcome="bad_answer"),
    Case("redirect", UNREACHABLE, "follows no redirects",
         arm=lambda standin, route: standin.set(redirect_to="http://elsewhere.example"), outcome="bad_answer"),
    Case("private address", UNREACHABLE, "PATCHPANEL_OUTBOUND_ALLOW", world=lambda w: "https://10.11.12.13",
         outcome="forbidden"),
    Case("metadata address", UNREACHABLE, "169.254.169.254", world=lambda w: "https://169.254.169.254",
         outcome="forbidden"),
    Case("garbage JSON", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b"{'a': ", JSON)),
         outcome="bad_answer"),
    Case("empty body", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b"", JSON)),
         outcome="bad_answer"),
    Case("other JSON", UNREACHABLE, "does not look like", world=lambda w: w.bytes(answer(200, b'{"ok":true}', JSON)),
         outcome="bad_answer"),
    Case("a list", UNREACHABLE, "does not look like", world=lambda w: w.bytes(answer(200, b"[1]", JSON)),
         outcome="bad_answer"),
    Case("NaN", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b'{"accountId":NaN}', JSON)),
         outcome="bad_answer"),
)  # fmt: skip
