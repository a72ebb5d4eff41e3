"""Where Patchpanel may call: which addresses a URL may lead to, and the operator's exceptions.

A target is resolved once, every address found is checked, and the caller connects to exactly the checked ones. The
exceptions come from the environment and never from a page, so that an intruder with admin rights cannot widen them.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from providers.address_kinds import AnyAddress, AnyNetwork, Kind, classify, embedded
from providers.errors import Unreachable
from providers.targets import Forbidden, Target, canonical_host, literal_address, make_target, parse_url

SETTING = "PATCHPANEL_OUTBOUND_ALLOW"
_ENTRY = re.compile(
    r"(?P<plain>http://)?(?:\[(?P<range>[^\]]+)\]|(?P<host>[^:\[\]=/@]+)):(?P<port>[0-9]{1,5})(?:=(?P<net>.+))?"
)
# An entry with a host name and no range vouches for these; anything odder must be named by address.
_BY_NAME = (Kind.PUBLIC, Kind.PRIVATE, Kind.LOOPBACK)
_NEVER = (Kind.METADATA, Kind.UNUSABLE)

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Found = tuple[int, SocketAddress]
Resolver = Callable[[str, int], Sequence[Found]]


class NameNotFound(Unreachable):
    """The name has no address, or nobody could say in time; `temporary` is True when asking again may help."""

    def __init__(self, cause: str, *, temporary: bool = False) -> None:
        super().__init__(cause, next_step="Check the spelling of the address and the name servers.", sent=False)
        self.temporary = temporary


@dataclass(frozen=True)
class AllowEntry:
    """One exception of the operator; `host` is "" when it counts for every name that leads into `network`."""

    host: str
    port: int
    network: AnyNetwork | None
    plain: bool

    def covers(self, target: Target) -> bool:
        """Whether the entry is about this target at all, as far as can be told before its name is looked up."""
        same_place = self.port == target.port and self.host in ("", target.host)
        return same_place and (self.plain or target.scheme != "http")

    def permits(self, target: Target, address: AnyAddress, kind: Kind) -> bool:
        """Whether the entry lets this target be reached at this address."""
        if not self.covers(target) or kind in _NEVER:
            return False
        if self.network is None:
            return kind in _BY_NAME
        if kind is Kind.LINK_LOCAL and not self.network.is_link_local:
            # Clouds keep adding metadata services there; "everything" does not mean those.
            return False
        inner = embedded(address) if isinstance(address, IPv6Address) else ()
        return any(each in self.network for each in (address, *inner) if each.version == self.network.version)


def parse_allow(text: str) -> tuple[AllowEntry, ...]:
    """The entries of PATCHPANEL_OUTBOUND_ALLOW: a comma list of `[http://]host:port[=CIDR]` or `[CIDR]:port`.

    Raises ValueError with a sentence that names the malformed entry; start-up must stop on it.
    """
    return tuple(_parse_entry(entry) for entry in (part.strip() for part in text.split(",")) if entry)


def _parse_entry(entry: str) -> AllowEntry:
    found = _ENTRY.fullmatch(entry)
    if not found or not 0 < int(found["port"]) < 65536:
        raise ValueError(f"{SETTING}: {entry!r} is not of the form [http://]host:port[=CIDR] or [CIDR]:port.")
    if found["range"] and found["net"]:
        raise ValueError(f"{SETTING}: {entry!r} gives a range twice.")
    host, network = "", _parse_network(entry, found["range"] or found["net"])
    if found["host"]:
        host = canonical_host(found["host"])
        if not host:
            raise ValueError(f"{SETTING}: {entry!r} has no usable host name.")
        literal = literal_address(host)
        # An address written as the host names itself, so it may be of a kind that a name cannot vouch for.
        network = ip_network(literal) if literal and network is None else network
    return AllowEntry(host=host, port=int(found["port"]), network=network, plain=bool(found["plain"]))


def _parse_network(entry: str, text: str | None) -> AnyNetwork | None:
    if text is None:
        return None
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{SETTING}: {text!r} in {entry!r} is not an address range such as 10.2.0.0/16.") from None


def system_resolver(host: str, port: int) -> list[Found]:
    """All addresses the operating system knows for a name. Raises OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [(family, address) for family, _, _, _, address in answers]  # type: ignore[misc]  # AF_INET and AF_INET6 only


class Policy:
    """The rules for outbound addresses, made once from the operator's entries.

    Args:
        entries: what `parse_allow` returned.
        resolver: looks up a name; takes host and port, returns (family, socket address) pairs, raises OSError.
    """

    def __init__(self, entries: Sequence[AllowEntry] = (), *, resolver: Resolver = system_resolver) -> None:
        self.entries = tuple(entries)
        self._resolver = resolver

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for policies that decide alike; open connections are kept by it."""
        return (self.entries, self._resolver)

    def check_url(self, url: str) -> Target:
        """Scheme, host and port of a URL that may be called as far as can be told without looking its name up.

        Raises Forbidden for anything but https (http where an entry says so), for user names in the URL, for host
        names that do not survive normalisation, and for forbidden addresses written as such.
        """
        return self._check(parse_url(url))

    def check_host(self, host: str, port: int, scheme: str) -> Target:
        """The same for protocols without URLs; `scheme` is only a name ("smtp"). Raises Forbidden."""
        return self._check(make_target(scheme, host, port))

    def _check(self, target: Target) -> Target:
        literal = literal_address(target.host)
        if literal and classify(literal) in _NEVER:
            raise self._refusal(target, [literal])
        if target.scheme == "http" and not any(entry.covers(target) for entry in self.entries):
            line = f"http://{target.authority}"
            raise Forbidden(
                "Only https addresses are allowed, and this one begins with http.",
                f"Use https, or have the operator add {line} to {SETTING}.",
            )
        if literal:
            self._vet(target, [literal])
        return target

    def resolve(self, target: Target, timeout: float) -> list[Found]:
        """Look the target up once and return its addresses, each of them vetted.

        Raises Forbidden when any of them may not be called, NameNotFound when there are none within `timeout` seconds.
        """
        literal = literal_address(target.host)
        found = [_socket_address(literal, target.port)] if literal else self._look_up(target, timeout)
        if not found:
            raise NameNotFound(f"The name {target.host} could not be found.")
        self._vet(target, [_address_of(each) for each in found])
        return found

    def _look_up(self, target: Target, timeout: float) -> list[Found]:
        """Ask the resolver in a thread of its own, because the operating system's look-up takes no time limit."""
        answers: queue.SimpleQueue[list[Found] | OSError | UnicodeError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(list(self._resolver(target.host, target.port)))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=max(timeout, 0))
        except queue.Empty:
            cause = f"The name {target.host} could not be found, because no name server answered in time."
            raise NameNotFound(cause, temporary=True) from None
        if isinstance(answer, list):
            return answer
        temporary = isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN
        raise NameNotFound(f"The name {target.host} could not be found.", temporary=temporary)

    def _vet(self, target: Target, addresses: Sequence[AnyAddress]) -> None:
        refused = [each for each in addresses if not self._permitted(target, each)]
        if refused:
            raise self._refusal(target, refused)

    def _permitted(self, target: Target, address: AnyAddress) -> bool:
        kind = classify(address)
        if kind is Kind.PUBLIC and target.scheme != "http":
            return True
        return any(entry.permits(target, address, kind) for entry in self.entries)

    def _refusal(self, target: Target, refused: Sequence[AnyAddress]) -> Forbidden:
        """The refusal in words; it depends on names and addresses only, never on what a port answers."""
        kind = max(classify(each) for each in refused)
        verb = "is" if literal_address(target.host) else "resolves to"
        cause = f"{target.host} {verb} {kind.words}, which Patchpanel does not call."
        if kind in _NEVER:
            return Forbidden(cause, f"Use another address; this one is never allowed, not even by {SETTING}.")
        if kind is Kind.PUBLIC:
            cause = f"{target.host} resolves to an address for which plain http is not allowed."
        return Forbidden(cause, f"If it is meant, have the operator add {_lines(target, refused)} to {SETTING}.")


def _lines(target: Target, refused: Sequence[AnyAddress]) -> str:
    """The entries that would permit exactly this target at exactly these addresses."""
    prefix = "http://" if target.scheme == "http" else ""
    if literal_address(target.host):
        return f"{prefix}{target.authority}"
    return ",".join(f"{prefix}{target.authority}={ip_network(each)}" for each in dict.fromkeys(refused))


def _socket_address(address: AnyAddress, port: int) -> Found:
    if address.version == 4:
        return socket.AF_INET, (str(address), port)
    return socket.AF_INET6, (str(address), port, 0, 0)


def _address_of(found: Found) -> AnyAddress:
    """The bare address of a look-up result; a scope ("fe80::1%eth0") plays no part in the rules."""
    return ip_address(found[1][0].partition("%")[0])
