"""The table of the provider contract: everything that may be wrong, and what the contract needs of each provider."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standins import azure_devops, servicenow
from standins import azure_devops_people as azure_people
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.jira_people import ACCOUNT_PASSWORD
from tests.providers.raw_server import RawServer, answer, make_certificate, read_request, server_tls

DEADLINE = 1.5  # instead of 10 s; nothing else is changed
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

    `kind` decides the first sentence; `cause` must occur in what follows it. `typed` replaces good values, `arm` spoils
    the stand-in, `world` gives another address to use (see `World`).
    """

    name: str
    kind: str
    cause: str
    typed: Mapping[str, str] = field(default_factory=dict)
    arm: Callable[[Any, str], Any] = lambda standin, route: None
    world: Callable[[World], str] | None = None


class World:
    """Servers and addresses made for one case. All end with it."""

    def __init__(self, folder: Path, allow: Callable[..., None], stack: ExitStack) -> None:
        self.folder, self.allow, self.stack = folder, allow, stack

    def raw(self, handler: Callable[[Any, Any], None]) -> str:
        """A plain server that does with each connection what the handler says."""
        url = f"http://127.0.0.1:{self.stack.enter_context(RawServer(handler)).port}"
        self.allow(url)
        return url

    def bytes(self, *pieces: bytes, pause: float = 0.0) -> str:
        """A plain server that sends these pieces to whatever is asked, with a pause after each, and closes."""

        def handle(conn: socket.socket, server: RawServer) -> None:
            read_request(conn)
            for piece in pieces:
                conn.sendall(piece)
                if server.stopping.wait(pause):
                    return

        return self.raw(handle)

    def tls(self, name: str, *, days: tuple[int, int] = (-2, 30), trusted: bool = True) -> str:
        """A TLS server whose certificate is made out to `name`, signed by an authority we trust or by itself."""
        authority = make_certificate(self.folder, ["authority.example"], ca=True)
        path, _, _ = make_certificate(self.folder, [name], issuer=authority if trusted else None, days=days)
        server = self.stack.enter_context(RawServer(lambda conn, _: None, tls=server_tls(path)))
        self.allow(f"127.0.0.1:{server.port}", tls_ca_file=str(authority[0]) if trusted else "")
        return f"https://127.0.0.1:{server.port}"

    def plain_speaker(self) -> str:
        """A server without TLS, called with https."""

        def handle(conn: socket.socket, _: RawServer) -> None:
            conn.recv(4096)
            conn.sendall(answer(400))

        port = self.raw(handle).rpartition(":")[2]
        self.allow(f"127.0.0.1:{port}")
        return f"https://127.0.0.1:{port}"

    def closed_port(self) -> str:
        """An address that refuses connections."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        self.allow(url)
        return url


def _stall(conn: Any, server: RawServer) -> None:
    read_request(conn)
    server.stopping.wait(10)


def fails(status: int, **more: Any) -> Callable[[Any, str], Any]:
    """The proving call is answered with this status, however often it is made."""
    return lambda standin, route: standin.fail_next(status, times=None, route=route, **more)


LATE = f"did not answer within {DEADLINE:g} seconds"
BODY = answer(200, b'{"accountId":"1"}', JSON)
CASES = (
    Case("unknown host", UNREACHABLE, "nobody.invalid", world=lambda w: "https://nobody.invalid"),
    Case("refused port", UNREACHABLE, "refused the connection on port", world=World.closed_port),
    Case("self-signed", UNREACHABLE, "certificate", world=lambda w: w.tls("127.0.0.1", trusted=False)),
    Case("expired", UNREACHABLE, "certificate of 127.0.0.1 has expired",
         world=lambda w: w.tls("127.0.0.1", days=(-9, -2))),
    Case("other name", UNREACHABLE, "certificate of 127.0.0.1 is made out", world=lambda w: w.tls("other.example")),
    Case("no TLS there", UNREACHABLE, "No secure connection",
         world=lambda w: w.plain_speaker()),
    Case("HTML for JSON", UNREACHABLE, "a web page instead of data",
         arm=lambda standin, route: standin.html_instead(route, times=None)),
    Case("401", REFUSED, "refused", arm=fails(401)),
    Case("403", PERMISSION, "missing permission", arm=fails(403)),
    Case("404", UNREACHABLE, "web server at this address", arm=fails(404)),
    Case("429 with Retry-After", UNREACHABLE, "in 30 seconds", arm=fails(429, headers={"Retry-After": "30"})),
    Case("429 without Retry-After", UNREACHABLE, "in a few minutes", arm=fails(429)),
    Case("500", UNREACHABLE, "status 500", arm=fails(500)),
    Case("502", UNREACHABLE, "status 502", arm=fails(502)),
    Case("503", UNREACHABLE, "status 503", arm=fails(503)),
    Case("503 with Retry-After", UNREACHABLE, "status 503", arm=fails(503, headers={"Retry-After": "60"})),
    Case("dripping header", UNREACHABLE, LATE,
         world=lambda w: w.bytes(*(bytes([c]) for c in b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 99), pause=0.1)),
    Case("dripping body", UNREACHABLE, LATE,
         world=lambda w: w.bytes(BODY[:-17], *(bytes([c]) for c in b'{"accountId":"1"}' + b" " * 99), pause=0.15)),
    Case("stall", UNREACHABLE, LATE, world=lambda w: w.raw(_stall)),
    Case("connection cut", UNREACHABLE, "broke off", world=lambda w: w.bytes(BODY[:-5])),
    Case("not HTTP", UNREACHABLE, "not proper HTTP", world=lambda w: w.bytes(b"220 mail.example ESMTP\r\n")),
    Case("redirect", UNREACHABLE, "follows no redirects",
         arm=lambda standin, route: standin.set(redirect_to="http://elsewhere.example")),
    Case("private address", UNREACHABLE, "PATCHPANEL_OUTBOUND_ALLOW", world=lambda w: "https://10.11.12.13"),
    Case("metadata address", UNREACHABLE, "169.254.169.254", world=lambda w: "https://169.254.169.254"),
    Case("garbage JSON", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b"{'a': ", JSON))),
    Case("empty body", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b"", JSON))),
    Case("other JSON", UNREACHABLE, "does not look like", world=lambda w: w.bytes(answer(200, b'{"ok":true}', JSON))),
    Case("a list", UNREACHABLE, "does not look like", world=lambda w: w.bytes(answer(200, b"[1]", JSON))),
    Case("NaN", UNREACHABLE, "cannot be read", world=lambda w: w.bytes(answer(200, b'{"accountId":NaN}', JSON))),
)  # fmt: skip

ANONYMOUS = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
JIRA_CASES = (
    Case("wrong token", REFUSED, "refused this e-mail address and API token", {"api_token": "not-the-token-4711"}),
    Case("wrong e-mail", REFUSED, "refused this e-mail address and API token", {"user_email": "x@sandbox.example"}),
    Case("account password", REFUSED, "takes API tokens only", {"api_token": ACCOUNT_PASSWORD}),
    Case("anonymous 200", REFUSED, "refused this e-mail", arm=fails(200, body={"accountId": "1"}, headers=ANONYMOUS)),
    Case("captcha", REFUSED, "locked this account", arm=lambda standin, route: standin.set(auth_denied=True)),
)
CONTRACTS = {
    "jira": Contract(
        provider="jira",
        method="api_token",
        address="service_url",
        typed={"user_email": ADMIN_EMAIL, "api_token": API_TOKEN},
        secrets=("api_token",),
        proving="/rest/api/3/myself",
        standin=JiraStandin,
        own=JIRA_CASES,
    ),
    "servicenow by API key": Contract(
        provider="servicenow",
        method="api_key",
        address="service_url",
        typed={"user_id": servicenow.USER_NAME, "api_key": servicenow.API_KEY},
        secrets=("api_key",),
        proving="/api/now/table/sys_user",
        standin=servicenow.ServiceNowStandin,
        own=(Case("wrong key", REFUSED, "refused", {"api_key": "not-the-key-4711"}),),
    ),
    "servicenow by OAuth": Contract(
        provider="servicenow",
        method="oauth",
        address="service_url",
        typed={
            "client_id": servicenow.CLIENT_ID,
            "client_secret": servicenow.CLIENT_SECRET,
            "username": servicenow.USER_NAME,
            "password": servicenow.PASSWORD,
        },
        secrets=("client_secret", "password"),
        proving="/api/now/table/sys_user",
        standin=servicenow.ServiceNowStandin,
        own=(
            Case("wrong password", REFUSED, "refused", {"password": "not-the-password-4711"}),
            Case("wrong client secret", REFUSED, "refused", {"client_secret": "not-the-secret-4711"}),
        ),
    ),
    "azure_devops": Contract(
        provider="azure_devops",
        method="pat",
        address="organization_url",
        typed={"personal_access_token": azure_people.PAT},
        secrets=("personal_access_token",),
        proving="/sandbox/_apis/connectionData",
        standin=azure_devops.AzureDevOpsStandin,
        own=(
            Case("wrong token", REFUSED, "token", {"personal_access_token": "not-the-token-4711"}),
            Case("expired token", REFUSED, "expired", {"personal_access_token": azure_people.EXPIRED_PAT}),
            Case("revoked token", REFUSED, "token", {"personal_access_token": azure_people.REVOKED_PAT}),
            Case("other organisation", REFUSED, "", {"personal_access_token": azure_people.OTHER_ORGANIZATION_PAT}),
        ),
        path="/sandbox",
    ),
}
