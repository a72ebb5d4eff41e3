"""Which kind of network an IP address belongs to, by our own table.

`ipaddress.is_global` is not enough: on Python 3.11 it calls `64:ff9b::7f00:1` (NAT64 of 127.0.0.1), `fec0::1`,
multicast and the Azure host agent 168.63.129.16 global. The ranges are those of the IANA special-purpose address
registries (RFC 6890 and its updates); the metadata addresses are the ones the cloud vendors document.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

AnyAddress = IPv4Address | IPv6Address
AnyNetwork = IPv4Network | IPv6Network


class Kind(IntEnum):
    """What an address is, the more dangerous the higher: of several findings about one address the highest counts."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    RESERVED = 3
    LINK_LOCAL = 4
    UNUSABLE = 5
    METADATA = 6

    @property
    def words(self) -> str:
        """The kind with its article, for sentences."""
        return _WORDS[self]


_WORDS = {
    Kind.PUBLIC: "a public address",
    Kind.PRIVATE: "a private address",
    Kind.LOOPBACK: "a loopback address",
    Kind.RESERVED: "a reserved address",
    Kind.LINK_LOCAL: "a link-local address",
    Kind.UNUSABLE: "an address no server can have",
    Kind.METADATA: "a cloud metadata address",
}

# AWS, Azure, Google, Oracle, Alibaba, Tencent, Scaleway; container credential and DNS endpoints lie beside them.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",
        "168.63.129.16",
        "169.254.0.23",
        "169.254.42.42",
        "169.254.169.249",
        "169.254.169.250",
        "169.254.169.251",
        "169.254.169.252",
        "169.254.169.253",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "fd00:42::42",
        "fd00:ec2::23",
        "fd00:ec2::253",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)

_TABLE: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.UNUSABLE, ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")),
    (Kind.LOOPBACK, ("127.0.0.0/8", "::1/128")),
    (Kind.LINK_LOCAL, ("169.254.0.0/16", "fe80::/10")),
    (Kind.PRIVATE, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")),
    (
        Kind.RESERVED,
        (
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # former 6to4 relays
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "240.0.0.0/4",  # future use
            "2001::/23",  # IETF protocol assignments: benchmarking, ORCHID and others
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    ),
)
_RANGES: tuple[tuple[Kind, AnyNetwork], ...] = tuple(
    (kind, ip_network(text)) for kind, texts in _TABLE for text in texts
)

_GLOBAL_IPV6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


def classify(address: AnyAddress) -> Kind:
    """The kind of an address; for an IPv6 address that carries IPv4 addresses, the worst kind among all of them."""
    if address in _METADATA:
        return Kind.METADATA
    if isinstance(address, IPv6Address):
        inner = embedded(address)
        if inner:
            # Inside transition prefixes only the carried addresses count; ISATAP lives inside ordinary prefixes.
            outer = Kind.PUBLIC if _is_transition(address) else _by_range(address)
            return max(outer, *(classify(each) for each in inner))
    return _by_range(address)


def embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses a translator or tunnel would read out of an IPv6 address; empty for ordinary ones.

    Layouts: RFC 4291 (mapped, compatible), RFC 6052 and 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 5214
    (ISATAP).
    """
    bits = int(address)
    last = bits & 0xFFFFFFFF
    if address in _MAPPED or address in _NAT64 or (address in _COMPATIBLE and bits > 1):
        return (IPv4Address(last),)
    if address in _NAT64_LOCAL:
        return _local_nat64(bits)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(bits >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return (IPv4Address(bits >> 64 & 0xFFFFFFFF), IPv4Address(last ^ 0xFFFFFFFF))
    if bits >> 32 & 0xFFFFFFFF in _ISATAP_MARKS:
        return (IPv4Address(last),)
    return ()


def _local_nat64(bits: int) -> tuple[IPv4Address, ...]:
    """Every reading of a local-use NAT64 address: its operator may have cut the prefix at /48, /56, /64 or /96.

    In the three shorter cuts, bits 64 to 71 are skipped (RFC 6052, section 2.2). A wrong cut mostly reads as 0.x.x.x,
    where no translator sends anything; such readings are dropped, except when there is no other.
    """
    cut48 = (bits >> 64 & 0xFFFF) << 16 | (bits >> 40 & 0xFFFF)
    cut56 = (bits >> 64 & 0xFF) << 24 | (bits >> 32 & 0xFFFFFF)
    cut64 = bits >> 24 & 0xFFFFFFFF
    cut96 = bits & 0xFFFFFFFF
    # A shorter cut leaves zeros behind its address, so a reading counts only when what follows it is zero.
    readings = [cut96]
    readings += [cut48] if bits & 0xFFFFFFFFFF == 0 else []
    readings += [cut56] if bits & 0xFFFFFFFF == 0 else []
    readings += [cut64] if bits & 0xFFFFFF == 0 else []
    return tuple(IPv4Address(each) for each in readings if each >> 24) or (IPv4Address(0),)


def _is_transition(address: IPv6Address) -> bool:
    prefixes = (_MAPPED, _COMPATIBLE, _NAT64, _NAT64_LOCAL, _SIX_TO_FOUR, _TEREDO)
    return any(address in prefix for prefix in prefixes)


def _by_range(address: AnyAddress) -> Kind:
    found = [kind for kind, network in _RANGES if network.version == address.version and address in network]
    if found:
        return max(found)
    if address.version == 6 and address not in _GLOBAL_IPV6:
        return Kind.RESERVED
    return Kind.PUBLIC
