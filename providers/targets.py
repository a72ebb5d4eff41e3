"""What a call is aimed at: the one strict reading of URLs and host names.

The URL is taken apart here once; the connection, the Host header, the certificate check and the ledger all use the
result, so no two readers can disagree about where a call goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import idna

from providers.address_kinds import AnyAddress
from providers.errors import Unreachable

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Forbidden(Unreachable):
    """The address policy refused the target; nothing was sent."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause, next_step=next_step, sent=False)


@dataclass(frozen=True)
class Target:
    """Scheme, canonical host (lower-case ASCII, IPv6 without brackets) and port of a call."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as they stand in an allow entry."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str) -> Target:
    """Take a URL apart, strictly. Raises Forbidden."""
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise bad_url()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad_url() from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise Forbidden("Only https addresses are allowed.", "Enter an address that begins with https://.")
    if "@" in parts.netloc:
        raise Forbidden("The address contains a user name or password.", "Enter the address without the part before @.")
    host = canonical_host(parts.hostname or "", bracketed="[" in parts.netloc)
    if not host or port == 0 or parts.netloc.endswith(":"):
        raise bad_url()
    return Target(scheme=parts.scheme, host=host, port=port or _DEFAULT_PORTS[parts.scheme])


def make_target(scheme: str, host: str, port: int) -> Target:
    """A target from its parts; an IPv6 host may stand with or without brackets. Raises Forbidden."""
    bare = host.removeprefix("[").removesuffix("]")
    canonical = canonical_host(bare, bracketed=":" in bare)
    if not canonical or not 0 < port < 65536:
        raise Forbidden("The host name or port is not valid.", "Enter a name such as mail.example.com and its port.")
    return Target(scheme=scheme, host=canonical, port=port)


def place(url: str) -> str:
    """Host and path of a URL for the ledger, without user, query and fragment; "" when it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2] + parts.path


def bad_url() -> Forbidden:
    """The refusal of a URL that cannot be read in exactly one way."""
    return Forbidden("The address is not a valid URL.", "Enter an address such as https://tickets.example.com.")


def canonical_host(host: str, *, bracketed: bool = False) -> str:
    """A host in its one accepted spelling, "" when it has none.

    Refused are all spellings that a resolver would turn into an IPv4 address although they are not its usual form
    (127.1, 0x7f000001, 2130706433, 0177.0.0.1) and characters that IDNA would map to others (circled digits).
    """
    if bracketed:
        try:
            return str(IPv6Address(host)) if "%" not in host else ""
        except ValueError:
            return ""
    ascii_host = _to_ascii(host.lower().removesuffix("."))
    labels = ascii_host.split(".")
    if len(ascii_host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return ""
    if _NUMBER.fullmatch(labels[-1]):
        return ascii_host if isinstance(literal_address(ascii_host), IPv4Address) else ""
    return ascii_host


def _to_ascii(host: str) -> str:
    """IDNA form of a host, "" when converting it back does not give the same name."""
    if host.isascii() and "xn--" not in host:
        return host
    try:
        encoded = idna.encode(host, uts46=True).decode("ascii")
        same = idna.decode(encoded) == host or encoded == host
    except (idna.IDNAError, UnicodeError):
        return ""
    return encoded if same else ""


def literal_address(host: str) -> AnyAddress | None:
    """The address when a host is written as one, else None."""
    try:
        return ip_address(host)
    except ValueError:
        return None
