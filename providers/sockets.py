"""Sockets that keep to a deadline and a size limit, connected only to vetted addresses.

`requests` and `urllib3` know time limits per read only: a server that drips one byte a second outlives them without
end. Here every single read and write first sets what is left of one total deadline.
"""

from __future__ import annotations

import socket
import ssl
import time
from functools import lru_cache
from ipaddress import ip_address
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import certifi
from urllib3.connection import HTTPConnection

from providers.addresses import Found, Policy
from providers.targets import Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_SECONDS = 3.0
HANDSHAKE_SECONDS = 5.0
HEADER_LIMIT = 64 * 1024
BODY_LIMIT = 2 * 1024 * 1024
# What may come over the wire for one body: framing costs bytes too, and a body may unpack to fewer bytes than it has.
_WIRE_LIMIT = 4 * BODY_LIMIT
_ADDRESSES_TRIED = 3


class TooMuch(Exception):
    """The answer is longer than allowed; `part` says which part of it. `providers/exchange.py` puts it into words."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class Deadline:
    """One total time limit, counted from the first `begin`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends: float | None = None

    def begin(self) -> None:
        """Start counting; later calls change nothing."""
        if self._ends is None:
            self._ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self.seconds if self._ends is None else self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Watched:
    """Mixed into a socket class: deadline before every operation, byte count on every read."""

    deadline: Deadline | None = None
    allowance: int = HEADER_LIMIT
    part: str = "headers"
    started: bool = False
    heard: bool = False
    ended: bool = False

    def begin(self, deadline: Deadline) -> None:
        """Make ready for the next request on this socket."""
        self.deadline, self.allowance, self.part = deadline, HEADER_LIMIT, "headers"
        self.started = self.heard = self.ended = False

    def expect_body(self) -> None:
        """The headers are complete; from here the limit of bodies counts."""
        self.allowance, self.part = _WIRE_LIMIT, "body"

    def _arm(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.left())  # type: ignore[attr-defined]  # the socket class beside us has it

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Read into a buffer. Raises TooMuch, TimeoutError and, within headers, on the end of the stream."""
        if self.allowance <= 0:
            raise TooMuch(self.part)
        self._arm()
        size: int = super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)  # type: ignore[misc]
        if not size and self.part == "headers":
            # http.client takes headers that break off for complete ones, and a create would look done.
            raise ConnectionResetError("closed within the headers")
        self.allowance -= size
        self.heard = self.heard or size > 0
        self.ended = not size
        return size

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Write some bytes. Raises TimeoutError beside the usual."""
        self._arm()
        self.started = True
        return super().send(data, flags)  # type: ignore[misc,no-any-return]

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Write all bytes within the deadline. Raises TimeoutError beside the usual."""
        self._arm()
        self.started = True
        super().sendall(data, flags)  # type: ignore[misc]


class PlainSocket(Watched, socket.socket):
    """A watched TCP socket."""


class SecureSocket(Watched, ssl.SSLSocket):
    """A watched TLS socket."""


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """TLS settings for every outbound connection: certificates always verified, TLS 1.2 or newer.

    Trusted are the roots of the system and of `certifi`, and those in `ca_file`. Raises ValueError when that file
    cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.sslsocket_class = SecureSocket
    context.load_default_certs()
    context.load_verify_locations(certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError:
            raise ValueError(f"The certificate file {ca_file} cannot be read or holds no certificate.") from None
    return context


def dial(policy: Policy, target: Target, deadline: Deadline) -> PlainSocket:
    """Look the target up once, vet every address and connect to one of them.

    Raises Forbidden and NameNotFound (see `Policy.resolve`), OSError when no address takes the connection.
    """
    addresses = _alternate(policy.resolve(target, deadline.left()))[:_ADDRESSES_TRIED]
    ends = time.monotonic() + min(CONNECT_SECONDS, deadline.left())
    trouble: OSError = TimeoutError()
    for position, found in enumerate(addresses):
        share = (ends - time.monotonic()) / (len(addresses) - position)
        try:
            return _connect(found, max(share, 0.05))
        except OSError as error:
            trouble = error
    raise trouble


def _alternate(found: list[Found]) -> list[Found]:
    """The addresses with IPv6 and IPv4 taking turns, so that one broken family does not use up all tries."""
    unique = list(dict.fromkeys(found))
    first = unique[0][0]
    same = [each for each in unique if each[0] == first]
    other = [each for each in unique if each[0] != first]
    return [each for pair in zip_longest(same, other) for each in pair if each]


def _connect(found: Found, timeout: float) -> PlainSocket:
    family, address = found
    sock = PlainSocket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address)
        if ip_address(sock.getpeername()[0]) != ip_address(address[0]):
            raise OSError("connected to another address than the vetted one")
    except BaseException:
        sock.close()
        raise
    return sock


def secure(sock: PlainSocket, target: Target, context: ssl.SSLContext, deadline: Deadline) -> SecureSocket:
    """Put TLS on a connected socket; name and chain are verified. Closes the socket and raises OSError on failure."""
    try:
        sock.settimeout(min(HANDSHAKE_SECONDS, deadline.left()))
        wrapped = context.wrap_socket(sock, server_hostname=target.host)
    except BaseException:
        sock.close()
        raise
    if not isinstance(wrapped, SecureSocket):  # a context that was not made by `tls_context`
        wrapped.close()
        raise TypeError("use tls_context() for outbound connections")
    return wrapped


class Line(HTTPConnection):
    """An HTTP connection of urllib3 that is opened by `dial` and never by itself."""

    # http.client would otherwise connect again in the middle of a request, unseen by us.
    auto_open = 0

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=None)
        self.target = target
        self.reused = False

    def open(self, policy: Policy, context: ssl.SSLContext, deadline: Deadline) -> None:
        """Connect. Raises Forbidden, NameNotFound and OSError."""
        sock: Any = dial(policy, self.target, deadline)
        self.sock = secure(sock, self.target, context, deadline) if self.target.scheme == "https" else sock

    def connect(self) -> None:
        """Refused: only `open` knows the address policy."""
        raise ConnectionError("the connection was closed")

    @property
    def watched(self) -> Watched:
        """The socket underneath. Raises ConnectionError when it is gone."""
        if not isinstance(self.sock, Watched):
            raise ConnectionError("the connection was closed")
        return self.sock

    @property
    def clean(self) -> bool:
        """Whether another request may follow: still open, and no unasked-for bytes are waiting."""
        return self.sock is not None and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class SecureLine(Line):
    """The same for https; urllib3 leaves the default port of the class out of the Host header."""

    default_port = 443  # type: ignore[misc]  # a Final of urllib3 that its own HTTPS class overrides the same way


def make_line(target: Target) -> Line:
    """A line to the target, not yet open."""
    return SecureLine(target) if target.scheme == "https" else Line(target)
