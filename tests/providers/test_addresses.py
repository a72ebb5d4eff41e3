"""The address table, the operator's entries, and the strict reading of URLs."""

import ipaddress
import socket
import threading
import time

import pytest

from providers.address_kinds import Kind, classify
from providers.addresses import NameNotFound, Policy, parse_allow
from providers.errors import Unreachable
from providers.targets import Forbidden


def resolver_of(*addresses):
    """A resolver that knows these addresses for every name and counts how often it was asked."""

    def resolve(host, port):
        resolve.calls.append(host)
        return [
            (socket.AF_INET6, (each, port, 0, 0)) if ":" in each else (socket.AF_INET, (each, port))
            for each in addresses
        ]

    resolve.calls = []
    return resolve


def reach(entries, url, *addresses):
    """What a call to this URL would connect to, under these entries, when its name has these addresses."""
    policy = Policy(parse_allow(entries), resolver=resolver_of(*addresses))
    return policy.resolve(policy.check_url(url), 1)


PUBLIC = [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.254", "100.128.0.1", "126.255.255.255", "128.0.0.1",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1",
    "191.255.255.255", "192.0.1.1", "192.0.3.1", "192.88.98.1", "192.88.100.1", "192.167.255.255", "192.169.0.1",
    "198.17.255.255", "198.20.0.1", "198.51.99.1", "198.51.101.1", "203.0.112.1", "203.0.114.1", "223.255.255.255",
    "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
    "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7", "2a00::5efe:808:808", "64:ff9b:1:808:8:800::", "64:ff9b:1:8:8:808::",
]  # fmt: skip
PRIVATE = [
    "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "100.64.0.0",
    "100.127.255.255", "fc00::1", "fdff:ffff::1", "fec0::1", "feff::1", "::ffff:10.0.0.1", "::10.0.0.1",
    "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::1", "2001:0:a00:1::f7f7:f7f7", "2001:0:808:808::f5ff:fffe",
    "2a00::5efe:a00:1", "2a00::200:5efe:a00:1",
]  # fmt: skip
OTHERS = [
    ("127.0.0.0", Kind.LOOPBACK), ("127.255.255.255", Kind.LOOPBACK), ("::1", Kind.LOOPBACK),
    ("::ffff:127.0.0.1", Kind.LOOPBACK), ("::127.0.0.1", Kind.LOOPBACK), ("64:ff9b::7f00:1", Kind.LOOPBACK),
    ("2002:7f00:1::", Kind.LOOPBACK), ("64:ff9b:1:7f00:0:100::", Kind.LOOPBACK),
    ("64:ff9b:1:7f:0:1::", Kind.LOOPBACK), ("64:ff9b:1::7f:0:100:0", Kind.LOOPBACK),
    ("169.254.0.0", Kind.LINK_LOCAL), ("169.254.255.255", Kind.LINK_LOCAL), ("fe80::1", Kind.LINK_LOCAL),
    ("febf::1", Kind.LINK_LOCAL), ("2002:a9fe:1::", Kind.LINK_LOCAL),
    ("0.0.0.1", Kind.UNUSABLE), ("0.255.255.255", Kind.UNUSABLE), ("224.0.0.0", Kind.UNUSABLE),
    ("239.255.255.255", Kind.UNUSABLE), ("255.255.255.255", Kind.UNUSABLE), ("::", Kind.UNUSABLE),
    ("ff02::1", Kind.UNUSABLE), ("64:ff9b:1::", Kind.UNUSABLE), ("::ffff:0.0.0.0", Kind.UNUSABLE),
    ("192.0.0.1", Kind.RESERVED), ("192.0.2.255", Kind.RESERVED), ("192.88.99.1", Kind.RESERVED),
    ("198.18.0.0", Kind.RESERVED), ("198.19.255.255", Kind.RESERVED), ("198.51.100.1", Kind.RESERVED),
    ("203.0.113.1", Kind.RESERVED), ("240.0.0.0", Kind.RESERVED), ("255.255.255.254", Kind.RESERVED),
    ("2001:2::1", Kind.RESERVED), ("2001:1ff::1", Kind.RESERVED), ("2001:db8::1", Kind.RESERVED),
    ("3fff::1", Kind.RESERVED), ("4000::1", Kind.RESERVED), ("1fff::1", Kind.RESERVED), ("100::1", Kind.RESERVED),
    ("5f00::1", Kind.RESERVED), ("64:ff9b:2::1", Kind.RESERVED),
    ("169.254.169.254", Kind.METADATA), ("169.254.170.2", Kind.METADATA), ("100.100.100.200", Kind.METADATA),
    ("168.63.129.16", Kind.METADATA), ("fd00:ec2::254", Kind.METADATA), ("::ffff:169.254.169.254", Kind.METADATA),
    ("64:ff9b::a9fe:a9fe", Kind.METADATA), ("2002:a9fe:a9fe::", Kind.METADATA), ("::168.63.129.16", Kind.METADATA),
    ("2a00::5efe:a9fe:a9fe", Kind.METADATA), ("64:ff9b:1::6464:64c8", Kind.METADATA),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [*((each, Kind.PUBLIC) for each in PUBLIC), *((each, Kind.PRIVATE) for each in PRIVATE), *OTHERS],
)
def test_every_address_has_its_kind(text, kind):
    assert classify(ipaddress.ip_address(text)) is kind


@pytest.mark.parametrize("address", [*PRIVATE, *(text for text, _ in OTHERS)])
def test_without_entries_only_public_addresses_are_reached(address):
    with pytest.raises(Forbidden) as caught:
        reach("", "https://jira.corp.example", address)
    assert not caught.value.sent
    assert isinstance(caught.value, Unreachable)
    assert "which Patchpanel does not call" in caught.value.cause


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_on_any_port(address):
    assert [found[1][:2] for found in reach("", "https://jira.corp.example:8443", address)] == [(address, 8443)]


def test_one_forbidden_record_among_good_ones_is_enough():
    with pytest.raises(Forbidden, match="resolves to a private address"):
        reach("", "https://jira.corp.example", "1.1.1.1", "10.0.0.1", "2606:4700::1111")


@pytest.mark.parametrize(
    ("entries", "url", "addresses"),
    [
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example", ["10.2.3.4"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://JIRA.corp.example.", ["10.2.255.255", "1.1.1.1"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example", ["::ffff:10.2.3.4"]),
        ("jira.corp.example:443", "https://jira.corp.example", ["10.9.9.9", "192.168.1.1"]),
        ("jira.corp.example:8443=10.2.3.4", "https://jira.corp.example:8443", ["10.2.3.4"]),
        ("[10.0.0.0/8]:443", "https://any.example", ["10.200.0.1"]),
        ("[fd00::/8]:443", "https://any.example", ["fd12::1"]),
        ("[::1]:443", "https://[::1]", []),
        ("[::1]:443", "https://any.example", ["::1"]),
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001/x", []),
        ("http://127.0.0.1:9001", "https://127.0.0.1:9001/x", []),
        ("http://localhost:9001", "http://localhost:9001", ["127.0.0.1", "::1"]),
        ("http://[10.0.0.0/8]:80", "http://any.example", ["10.0.0.1"]),
        ("http://plain.example:80", "http://plain.example", ["1.1.1.1"]),
        ("203.0.113.9:443", "https://203.0.113.9", []),
        ("[169.254.7.0/24]:443", "https://any.example", ["169.254.7.7"]),
        ("a.example:1, jira.corp.example:443=fd00::/8 ,", "https://jira.corp.example", ["fd00::7"]),
        ("bücher.example:443", "https://bücher.example", ["10.0.0.1"]),
        ("bücher.example:443", "https://xn--bcher-kva.example", ["10.0.0.1"]),
    ],
)
def test_entries_open_what_they_name(entries, url, addresses):
    assert reach(entries, url, *addresses)


@pytest.mark.parametrize(
    ("entries", "url", "addresses"),
    [
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example:8443", ["10.2.3.4"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://wiki.corp.example", ["10.2.3.4"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://xjira.corp.example", ["10.2.3.4"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://corp.example", ["10.2.3.4"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example", ["10.3.0.0"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example", ["127.0.0.1"]),
        ("jira.corp.example:443=10.2.0.0/16", "https://jira.corp.example", ["10.2.3.4", "10.3.0.0"]),
        ("jira.corp.example:443=10.2.0.0/16", "http://jira.corp.example:443", ["10.2.3.4"]),
        ("jira.corp.example:443", "https://jira.corp.example", ["169.254.7.7"]),
        ("jira.corp.example:443", "https://jira.corp.example", ["169.254.169.254"]),
        ("jira.corp.example:443", "https://jira.corp.example", ["198.18.0.1"]),
        ("jira.corp.example:443", "https://10.2.3.4", []),
        ("http://127.0.0.1:9001", "http://127.0.0.1:9002", []),
        ("http://127.0.0.1:9001", "http://127.0.0.2:9001", []),
        ("http://127.0.0.1:9001", "http://localhost:9001", ["127.0.0.1"]),
        ("127.0.0.1:9001", "http://127.0.0.1:9001", []),
        ("[fd00::/8]:443", "https://any.example", ["fc00::1"]),
        ("[fd00::/8]:443", "http://any.example:443", ["fd00::1"]),
        ("http://[10.0.0.0/8]:80", "http://any.example", ["1.1.1.1"]),
        ("http://plain.example:80=10.0.0.0/8", "http://plain.example", ["1.1.1.1"]),
        ("[0.0.0.0/0]:443,[::/0]:443", "https://any.example", ["169.254.7.7"]),
    ],
)
def test_near_misses_stay_closed(entries, url, addresses):
    with pytest.raises(Forbidden):
        reach(entries, url, *addresses)


@pytest.mark.parametrize("address", [text for text, kind in OTHERS if kind in (Kind.METADATA, Kind.UNUSABLE)])
def test_metadata_addresses_stay_closed_whatever_the_entries_say(address):
    entries = f"[0.0.0.0/0]:443,[::/0]:443,m.example:443,[{address}]:443"
    with pytest.raises(Forbidden) as caught:
        reach(entries, "https://m.example", address)
    assert "never allowed" in caught.value.next_step
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden, match="does not call"):
        Policy(parse_allow(entries)).check_url(f"https://{literal}/latest/meta-data")


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://jira.corp.example", ["10.2.3.4"]),
        ("https://jira.corp.example:8443", ["10.2.3.4", "fd00::1", "1.1.1.1"]),
        ("http://jira.corp.example:8080", ["127.0.0.1"]),
        ("http://127.0.0.1:9001", []),
        ("https://[::1]:9001", []),
        ("https://lab.example", ["198.18.0.1"]),
        ("https://lab.example", ["169.254.7.7"]),
        ("http://jira.example", ["1.1.1.1"]),
        ("https://jira.corp.example", ["::ffff:10.0.0.1"]),
    ],
)
def test_the_line_in_the_refusal_fixes_it(url, addresses):
    entries = ""
    for _ in range(2):
        # Plain http to a name: the first line allows http, which alone may already be enough.
        try:
            assert reach(entries, url, *addresses)
            break
        except Forbidden as error:
            line = error.next_step.partition(" add ")[2].partition(" to PATCHPANEL_OUTBOUND_ALLOW")[0]
            entries = line
    assert entries
    assert reach(entries, url, *addresses)


@pytest.mark.parametrize(
    "url",
    [
        "", "jira.example", "//jira.example", "ftp://jira.example", "file:///etc/passwd", "gopher://x:70/_",
        "unix:///run/x", "https://", "https://:443", "https://a:b@jira.example", "https://@jira.example",
        "https://127.1", "https://0x7f000001", "https://2130706433", "https://0177.0.0.1", "https://0", "https://1.2.3",
        "https://127.0.0.0x1", "https://0x7f.1", "https://①②⑦.0.0.1", "https://１２７.0.0.1", "https://127。0。0。1",
        "https://ｊira.example", "https://jira.example:0", "https://jira.example:65536", "https://jira.example:x",
        "https://jira.example:", "https://jira.example:４４３", "https://ji ra.example", "https://jira.example\\@x",
        "https://jira.example\t", "https://jira\n.example", "https://-jira.example", "https://jira..example",
        "https://..", "https://[::1", "https://[fe80::1%25eth0]", "https://[127.0.0.1]", "https://[::ffff:7f00:1]",
        "https://xn--a.example", "https://" + "a" * 64 + ".example", "https://" + "a." * 130 + "example",
        "https://jira.example%00", "https://%6a.example", "https://jira.example.\u200b", "https://ex\u00adample.org",
        "https://256.1.1.1", "https://1.1.1.1.1", "https://127.0.0.1", "https://[::]", "https://localhost.:80:80",
    ],
)  # fmt: skip
def test_odd_urls_are_refused_without_a_look_up(url):
    resolver = resolver_of("1.1.1.1")
    with pytest.raises(Forbidden) as caught:
        Policy(resolver=resolver).check_url(url)
    assert resolver.calls == []
    assert caught.value.next_step


def test_plain_http_names_the_entry_that_would_allow_it():
    with pytest.raises(Forbidden, match="Only https") as caught:
        Policy().check_url("http://jira.corp.example:8080/rest")
    assert "http://jira.corp.example:8080" in caught.value.next_step


@pytest.mark.parametrize(
    "entry",
    [
        "jira.corp.example", "jira.corp.example:", "jira.corp.example:0", "jira.corp.example:65536", "jira:x",
        "https://jira:443", "http://jira", "http://jira:80/", "jira:443=10.0.0.1/8", "jira:443=", "jira:443=x",
        "[10.0.0.0/33]:443", "[10.0.0.1/8]:443", "[x]:443", "[]:443", "[10.0.0.0/8]", "[10.0.0.0/8]:443=10.0.0.0/8",
        "::1:443", "*.corp.example:443", "*:443", "127.1:443", "user@jira:443", "jira:443 jira2:443", "ftp://jira:21",
    ],
)  # fmt: skip
def test_a_malformed_entry_stops_the_start_with_a_sentence(entry):
    with pytest.raises(ValueError, match="PATCHPANEL_OUTBOUND_ALLOW: "):
        parse_allow(f"good.example:443,{entry}")


def test_no_entries():
    assert parse_allow("") == parse_allow(" , ") == ()


def test_hosts_of_other_protocols_follow_the_same_rules():
    policy = Policy(parse_allow("mail.corp.example:587=10.0.0.0/8"), resolver=resolver_of("10.0.0.25"))
    assert policy.resolve(policy.check_host("Mail.corp.example", 587, "smtp"), 1)
    for host, port in (("127.1", 25), ("", 25), ("mail.example", 0), ("10.0.0.25", 25), ("::1", 25), ("a@b", 25)):
        with pytest.raises(Forbidden):
            policy.check_host(host, port, "smtp")
    assert policy.check_host("[2606:4700::1111]", 25, "smtp").host == "2606:4700::1111"


def test_an_unknown_name_says_so():
    def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    policy = Policy(resolver=unknown)
    with pytest.raises(NameNotFound, match=r"The name nowhere\.example could not be found") as caught:
        policy.resolve(policy.check_url("https://nowhere.example"), 1)
    assert not caught.value.sent
    assert not caught.value.temporary


def test_a_slow_name_server_does_not_outlive_the_deadline():
    release = threading.Event()
    policy = Policy(resolver=lambda host, port: release.wait(5) and [])
    started = time.monotonic()
    with pytest.raises(NameNotFound, match="no name server answered in time"):
        policy.resolve(policy.check_url("https://slow.example"), 0.2)
    release.set()
    assert time.monotonic() - started < 1
