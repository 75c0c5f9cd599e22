"""Addresses that clients may not choose, in every notation; and public ones, which they may."""

from __future__ import annotations

import ipaddress

import pytest

from mitmvault.core.configuration import networks
from mitmvault.core.configuration.networks import forbidden, forbidden_name, is_loopback, is_own, parse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("10.258", "10.0.1.2"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0x7f.0.0x0.0x1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0177.0x0.1", "127.0.0.1"),
        ("010.0.0.1", "8.0.0.1"),
        ("00000300.0250.0.1", "192.168.0.1"),
        ("0", "0.0.0.0"),
        ("4294967295", "255.255.255.255"),
        ("::1", "::1"),
        ("0:0::0:1", "::1"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        ("::127.0.0.1", "::7f00:1"),
    ],
)
def test_parse(text, address):
    assert parse(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", "1..2", "api.groq.com", "256.0.0.1", "1.2.3.256", "1.2.3.4.5", "4294967296", "0x", "08.1.1.1",
    "1.0x100.1.1",
     "-1", "+1", "1_0.1.1.1", "0x7f.1.example", "\u0661.1.1.1", "1e3", "9" * 5000, "[::1]", "::1::"],
)  # fmt: skip
def test_what_spells_no_address(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1",
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1",
        "100::1",
        # an IPv4 address inside
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::10.0.0.1",
        "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::1",
        "2001:0:a00:1::1", "2001:0:808:808:0:0:f5ff:fffe",  # Teredo: server 10.0.0.1; client 10.0.0.1
        # other notations
        "0x7f.1", "2130706433", "0177.1", "0xa9fea9fe", "3232235777",
    ],
)  # fmt: skip
def test_forbidden(text):
    assert forbidden(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1",
        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808:0:0:f7f7:f7f7",
    ],
)  # fmt: skip
def test_public(text):
    assert not forbidden(parse(text))


@pytest.mark.parametrize(
    ("text", "allowed", "closed"),
    [
        ("10.20.1.1", ["10.20.0.0/16"], False),
        ("10.21.1.1", ["10.20.0.0/16"], True),
        ("::ffff:10.20.1.1", ["10.20.0.0/16"], False),
        ("64:ff9b::10.20.1.1", ["10.20.0.0/16"], False),
        ("64:ff9b::127.0.0.1", ["10.20.0.0/16"], True),
        ("fd00::1", ["fd00::/8"], False),
        ("fd00::1", ["0.0.0.0/0"], True),
        ("10.0.0.1", ["::/0"], True),
        ("127.0.0.1", ["127.0.0.0/8"], False),
    ],
)
def test_an_operator_opens_named_networks(text, allowed, closed):
    assert forbidden(parse(text), map(ipaddress.ip_network, allowed)) is closed


@pytest.mark.parametrize(
    "name", ["localhost", "x.localhost", "metadata", "metadata.google.internal", "metadata.goog", "printer.local",
    "a.internal",
             "ip-10-0-0-1.ec2.internal", "nas.home.arpa", "instance-data"]
)  # fmt: skip
def test_forbidden_names(name):
    assert forbidden_name(name)


@pytest.mark.parametrize(
    "name", ["api.openai.com", "localhost.example", "mylocalhost", "internal", "local.example", "notlocal"]
)
def test_other_names(name):
    assert not forbidden_name(name)


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("x.localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("0x7f.1", True), ("::1",
    True),
     ("", False), ("0.0.0.0", False), ("10.0.0.1", False), ("localhost.example", False), ("::2", False)],
)  # fmt: skip
def test_is_loopback(host, here):
    assert is_loopback(host) is here


LISTENER = ("192.168.1.5", 8080)


@pytest.mark.parametrize(
    ("text", "port", "own"),
    [
        ("127.0.0.1", 8080, True),
        ("127.0.0.1", 8081, True),
        ("127.9.9.9", 8081, True),
        ("0.0.0.0", 8081, True),
        ("::1", 8081, True),
        ("::", 8080, True),
        ("192.168.1.5", 8080, True),
        ("192.168.1.5", 8081, True),
        ("192.168.1.6", 8080, False),
        ("127.0.0.1", 9999, False),
        ("8.8.8.8", 8080, False),
    ],
)
def test_our_own_ports(text, port, own):
    assert is_own(parse(text), port, LISTENER, {8081}) is own


# --- what was wrong once ---


@pytest.mark.parametrize("text", ["::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:192.168.1.5"])
def test_our_own_ports_mapped(text):
    assert is_own(ipaddress.IPv6Address(text), 8081, LISTENER, {8081})


def test_an_operator_opens_the_ipv6_loopback():
    assert not forbidden(parse("::1"), [ipaddress.ip_network("::1/128")])


def test_azure_metadata():
    assert forbidden(parse("168.63.129.16"))


def test_local_nat64_with_the_address_where_rfc_6052_has_it():
    assert forbidden(parse("64:ff9b:1:7f00:0:100:808:808"))


def test_the_table_is_of_networks_without_host_bits():
    assert all(network.prefixlen and network == ipaddress.ip_network(str(network)) for network in networks.FORBIDDEN)


@pytest.mark.parametrize(
    ("peer", "own", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True), ("127.0.0.9", "127.0.0.1", True), ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True), ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.2", "192.0.2.1", False), ("::ffff:192.0.2.2", "::1", False), ("", "", False), ("host", "host", False),
    ],
)  # fmt: skip
def test_local_peer(peer: str, own: str, local: bool) -> None:
    assert networks.is_local_peer(peer, own) is local
