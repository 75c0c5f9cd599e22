"""Whose place a request names: ours, a provider's, nobody's; and what becomes of a tunnel."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.users import digest
from mitmvault.core.message.arrival import Way
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.place import Passage, is_own, place, tunnel
from tests.worlds import PROVIDERS, TOKENS, arrival, bearer, intercepted, world

WORLD = world(configured="names: [proxy.corp, vault.example:9090]")


def verdict(made, came) -> str:
    """`own`, a provider's name, or the reason of the refusal."""
    try:
        known = place(made, came)
    except Refusal as refusal:
        return refusal.reason
    return known.name if known else "own"


def at(host: str, port: int = 8080, **fields):
    """A request to the base URL by this name; mitmproxy takes host and port from the Host header."""
    return arrival("/x", host=host, port=port, **fields)


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (at("127.0.0.1"), "own"),
        (at("localhost"), "own"),
        (at("LOCALHOST"), "own"),
        (at("localhost."), "own"),
        (at("app.localhost"), "own"),
        (at("[::1]"), "own"),
        (at("127.1"), "own"),
        (at("192.168.1.5", listener=("192.168.1.5", 8080)), "own"),
        (at("192.168.1.5"), "destination_refused"),
        (at("localhost", 8081), "destination_refused"),
        (at("127.0.0.1", 80), "destination_refused"),
        (at("rebind.evil.example"), "destination_refused"),
        (at("127.0.0.1.nip.io"), "destination_refused"),
        (at("proxy.corp", 8080), "own"),
        (at("proxy.corp", 80), "own"),
        (at("PROXY.corp.", 443, scheme="https"), "own"),
        (at("vault.example", 9090), "own"),
        (at("vault.example", 9091), "destination_refused"),
        (at("sub.proxy.corp"), "destination_refused"),
        # absolute form
        (at("api.openai.com", 80), "openai"),
        (at("api.openai.com", 443, scheme="https"), "openai"),
        (at("API.OpenAI.com.", 80), "openai"),
        (at("api.openai.com", 8443), "destination_refused"),
        (at("llm.example", 8443), "mine"),
        (at("llm.example", 8444), "destination_refused"),
        (at("example.com", 80), "destination_refused"),
        # the Host header and the URL must agree
        (at("127.0.0.1", authority="localhost:8080"), "host_mismatch"),
        (at("127.0.0.1", authority="evil.example"), "host_mismatch"),
        (at("127.0.0.1", authority="127.0.0.1:8081"), "host_mismatch"),
        (at("127.0.0.1", authority="127.0.0.1"), "host_mismatch"),
        (at("127.0.0.1", authority=""), "host_mismatch"),
        (at("127.0.0.1", authority="user@127.0.0.1:8080"), "host_mismatch"),
        (at("127.0.0.1", authority="127.0.0.1:8080/x"), "host_mismatch"),
        (at("127.0.0.1", authority="127.0.0.1:99999"), "host_mismatch"),
        (at("api.openai.com", 80, authority="API.OPENAI.COM:80"), "openai"),
        (at("api.openai.com", 80, authority="api.groq.com"), "host_mismatch"),
        (arrival("/x", ("host", "evil.example")), "host_mismatch"),
        (arrival("/x", ("HOST", "127.0.0.1:8080")), "own"),
        # inside a tunnel
        (intercepted("api.openai.com", "/x"), "openai"),
        (intercepted("API.OPENAI.COM", "/x", sni="api.openai.com", authority="api.openai.com."), "openai"),
        (intercepted("api.openai.com", "/x", sni=None, tls=False), "openai"),
        (intercepted("api.openai.com", "/x", sni="api.groq.com"), "host_mismatch"),
        (intercepted("api.openai.com", "/x", sni=""), "host_mismatch"),
        (intercepted("api.openai.com", "/x", authority="api.groq.com"), "host_mismatch"),
        (intercepted("api.openai.com", "/x", authority="api.openai.com:8443"), "host_mismatch"),
        (intercepted("example.com", "/x"), "destination_refused"),
        (intercepted("localhost", "/x"), "destination_refused"),
        (arrival("/x", way=Way.TUNNEL), "destination_refused"),
        (intercepted("api.openai.com", "/x", port=22), "destination_refused"),
        # redirected: the name in TLS counts, the address does not
        (intercepted("203.0.113.9", "/x", way=Way.TRANSPARENT, sni="api.groq.com", authority="api.groq.com"), "groq"),
        (intercepted("203.0.113.9", "/x", way=Way.TRANSPARENT, sni="api.groq.com", authority="203.0.113.9"),
         "host_mismatch"),
        (intercepted("203.0.113.9", "/x", way=Way.TRANSPARENT, sni="api.groq.com", authority="api.openai.com"),
         "host_mismatch"),
        (intercepted("203.0.113.9", "/x", way=Way.TRANSPARENT, sni=None, authority="api.groq.com"), "host_mismatch"),
        (arrival("/x", way=Way.TRANSPARENT, host="203.0.113.9", port=80, authority="api.groq.com"), "host_mismatch"),
        (intercepted("127.0.0.1", "/x", way=Way.TRANSPARENT, sni="evil.example", authority="evil.example"),
         "destination_refused"),
    ],
)  # fmt: skip
def test_place(came, expected):
    assert verdict(WORLD, came) == expected
    assert is_own(WORLD, came) is (expected == "own")


def test_redirected_traffic_without_tls():
    came = intercepted("api.groq.com", "/x", way=Way.TRANSPARENT, sni="api.groq.com", tls=False)
    assert verdict(WORLD, came) == "destination_refused"


def connect(host: str, *headers, port: int = 443, listener=("127.0.0.1", 8080)):
    return arrival("", *headers, method="CONNECT", host=host, port=port, way=Way.TUNNEL, listener=listener)


PROXY_AUTH = ("Proxy-Authorization", f"Bearer {TOKENS['alice']}")
WRONG = ("Proxy-Authorization", "Bearer nobody")
HERE, EVERYWHERE = {"loopback_bind": True}, {"loopback_bind": False}
OPEN, SHUT = {"configured": "unmatched: tunnel"}, {"configured": "unmatched: refuse"}
PRIVATE = {"configured": "allow_networks: [10.20.0.0/16, 127.0.0.0/8]"}


@pytest.mark.parametrize(
    ("settings", "came", "expected"),
    [
        # a provider's host: decrypted, whoever asks; who has no token is refused inside
        (HERE, connect("api.openai.com"), "intercept"),
        (HERE, connect("API.openai.com."), "intercept"),
        (HERE, connect("api.openai.com", PROXY_AUTH), "intercept alice"),
        (EVERYWHERE, connect("api.openai.com"), "intercept"),
        (SHUT, connect("api.openai.com"), "intercept"),
        (HERE, connect("llm.example", port=8443), "intercept"),
        (HERE, connect("api.openai.com", WRONG), "unknown_token"),
        (HERE, connect("api.openai.com", ("Proxy-Authorization", f"Bearer {TOKENS['erin']}")), "unknown_token"),
        # any other
        (HERE, connect("example.com"), "blind"),
        (HERE, connect("example.com", PROXY_AUTH), "blind alice"),
        (HERE, connect("example.com", WRONG), "unknown_token"),
        (HERE, connect("1.1.1.1"), "blind"),
        (HERE, connect("api.openai.com", port=8443), "blind"),
        (SHUT, connect("example.com"), "destination_refused"),
        (SHUT, connect("example.com", PROXY_AUTH), "destination_refused"),
        (EVERYWHERE, connect("example.com"), "destination_refused"),
        (EVERYWHERE | OPEN, connect("example.com"), "proxy_token_needed"),
        (EVERYWHERE | OPEN, connect("example.com", bearer()), "proxy_token_needed"),
        (EVERYWHERE | OPEN, connect("example.com", PROXY_AUTH), "blind alice"),
        (EVERYWHERE | OPEN, connect("example.com", WRONG), "unknown_token"),
        # this machine and private networks
        *[(HERE, connect(host, PROXY_AUTH), "destination_refused") for host in (
            "127.0.0.1", "localhost", "LOCALHOST.", "x.localhost", "10.20.1.1", "0x7f.1", "2130706433", "[::1]",
            "[::ffff:10.0.0.1]", "[fe80::1%25eth0]", "169.254.169.254", "metadata.google.internal", "0.0.0.0", "")],
        (PRIVATE, connect("10.20.1.1"), "blind"),
        (PRIVATE, connect("10.21.1.1"), "destination_refused"),
        (PRIVATE, connect("127.0.0.1", port=5000), "blind"),
        # our own ports stay closed
        (PRIVATE | {"own_ports": frozenset({8081})}, connect("127.0.0.1", port=8081), "destination_refused"),
        (PRIVATE | {"own_ports": frozenset({8081})}, connect("127.0.0.1", port=8080), "destination_refused"),
        (PRIVATE | {"own_ports": frozenset({8081})}, connect("127.8.8.8", port=8081), "destination_refused"),
        (PRIVATE, connect("10.20.1.1", port=8080, listener=("10.20.1.1", 8080)), "destination_refused"),
    ],
)  # fmt: skip
def test_tunnel(settings, came, expected):
    try:
        opened = tunnel(world(**settings), came)
    except Refusal as refusal:
        assert refusal.reason == expected
        return
    shown = opened.passage.value + (f" {opened.user.name}" if opened.user else "")
    assert shown == expected
    assert opened.token_digest == (digest(TOKENS["alice"]) if opened.user else None)
    assert opened.passage in Passage


# --- what was wrong once ---


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_our_own_ports_stay_closed_when_mapped(host):
    with pytest.raises(Refusal):
        tunnel(world(**PRIVATE, own_ports=frozenset({8081})), connect(host, port=8081))


def test_a_tunnel_with_the_tokens_of_two_users():
    with pytest.raises(Refusal) as caught:
        tunnel(WORLD, connect("api.openai.com", PROXY_AUTH, bearer("bob")))
    assert caught.value.reason == "ambiguous_token"


def test_a_provider_at_a_port_of_its_own_does_not_own_the_host():
    opened = tunnel(world(PROVIDERS), connect("llm.example", port=443))
    assert opened.passage is Passage.BLIND


@pytest.mark.parametrize(
    ("name", "host"),
    [("proxy.corp.", "proxy.corp"), ("b\u00fccher.example", "xn--bcher-kva.example"), ("[fd00::1]", "fd00::1")],
)
def test_names_of_the_operator_in_any_form(name, host):
    authority = f"[{host}]:8080" if ":" in host else None
    assert verdict(world(configured=f"names: ['{name}']"), at(host, authority=authority)) == "own"


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        (None, "[]", "own"),
        ("http://127.0.0.1:8080", "[]", "own"),
        ("http://127.0.0.1:8081", "[]", "origin_refused"),
        ("https://evil.example", "[]", "origin_refused"),
        ("null", "[]", "origin_refused"),
        ("", "[]", "origin_refused"),
        ("https://app.example", "['https://app.example']", "own"),
        ("HTTPS://App.Example", "['https://app.example/']", "own"),
        ("https://app.example.evil.example", "['https://app.example']", "origin_refused"),
        ("https://evil.example", "['*']", "own"),
    ],
)
def test_web_origins(origin, allowed, expected):
    headers = [("Origin", origin)] if origin is not None else []
    came = arrival("/x", *headers)
    assert verdict(world(configured=f"allow_origins: {allowed}"), came) == expected
    inside = intercepted("api.openai.com", "/x", *headers)
    assert verdict(world(), inside) == "openai"  # a browser that knows us as its proxy is not at our base URL
