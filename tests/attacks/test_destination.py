"""P1, P2: the key goes where the vault says, whatever the client names; names that differ are a 421."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.attacks.tools import (
    BODY,
    CHAT_TARGET,
    DECOY,
    H2,
    MISTRAL,
    OPENAI,
    Evil,
    answer,
    assert_unreached,
    head,
    post,
    refused,
    resolver,
)  # fmt: skip
from tests.client import over_tls, raw, tunnel
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy

pytestmark = pytest.mark.e2e
V1 = "/v1/chat/completions"
EVIL = "evil.example"
MISMATCH = (421, "host_mismatch")
REFUSED = (403, "destination_refused")
INVALID = (400, "bad_request")
NAMES = {EVIL: ["127.0.0.3"]}


@pytest.fixture(autouse=True)
def asked(proxy: RunningProxy, evil: Evil) -> Iterator[list[str]]:
    """No test here may lead to a look-up or a connection for the attacker."""
    with resolver(proxy, NAMES) as asked:
        yield asked
    assert (asked, evil.connections) == ([], 0)


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        (CHAT_TARGET, EVIL, REFUSED),
        (CHAT_TARGET, f"{OPENAI}.{EVIL}", REFUSED),
        (V1, f"{OPENAI}:8443", REFUSED),
        (CHAT_TARGET, f"{OPENAI}@{EVIL}", INVALID),
        (CHAT_TARGET, f"{OPENAI} {EVIL}", INVALID),
        (CHAT_TARGET, f"{OPENAI}, {EVIL}", INVALID),
        (f"http://{EVIL}{V1}", EVIL, REFUSED),
        (f"https://{EVIL}{V1}", EVIL, REFUSED),
        (f"http://{OPENAI}{V1}", EVIL, MISMATCH),
        (f"http://{EVIL}{V1}", OPENAI, MISMATCH),
        (f"http://{OPENAI}{V1}", None, MISMATCH),
        (f"http://{OPENAI}:81{V1}", OPENAI, MISMATCH),
        (f"http://{OPENAI}{V1}", f"{OPENAI}:81", MISMATCH),
        (f"http://{OPENAI}@{EVIL}{V1}", OPENAI, INVALID),
        (f"http://x:{DECOY}@{OPENAI}{V1}", OPENAI, INVALID),
        (f"http://{OPENAI}\\@{EVIL}{V1}", OPENAI, INVALID),
    ],
)
def test_to_the_listener(proxy: RunningProxy, provider: FakeProvider, target: str, host: str, expected: tuple) -> None:
    before = provider.connections
    with raw(proxy) as client:
        refused(answer(client.send(post(target=target, host=host))), *expected)
    assert_unreached(provider, before)


@pytest.mark.parametrize("second", [EVIL, OPENAI, "{own}"])
@pytest.mark.parametrize("first", ["{own}", EVIL])
def test_two_host_headers(proxy: RunningProxy, provider: FakeProvider, first: str, second: str) -> None:
    first, second = (host.format(own=f"127.0.0.1:{proxy.port}") for host in (first, second))
    with raw(proxy) as client:
        reply = answer(client.send(post(f"Host: {second}", host=first)))
    assert reply.status in (400, 421)
    refused(reply, reply.status, reply.reason)
    assert_unreached(provider)


@pytest.mark.parametrize("target", [f"http://{OPENAI}{V1}", "http://{own}" + CHAT_TARGET])
def test_http2_in_a_request_line(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    target = target.format(own=f"127.0.0.1:{proxy.port}")
    with raw(proxy) as client:
        assert answer(client.send(head(f"GET {target} HTTP/2.0", host=EVIL))).status in (400, 421, 505)
    assert_unreached(provider)


@pytest.mark.parametrize(
    ("sni", "host", "expected"),
    [
        (OPENAI, EVIL, MISMATCH),
        (OPENAI, "api.groq.com", MISMATCH),
        (OPENAI, f"{OPENAI}:80", MISMATCH),
        (OPENAI, f"{OPENAI}:8443", MISMATCH),
        (OPENAI, f"{OPENAI}.{EVIL}", MISMATCH),
        (OPENAI, f"{OPENAI}@{EVIL}", MISMATCH),
        (OPENAI, None, MISMATCH),
        (EVIL, OPENAI, MISMATCH),
        (EVIL, EVIL, MISMATCH),
        ("api.groq.com", "api.groq.com", MISMATCH),
        ("api.groq.com", OPENAI, MISMATCH),
    ],
)
def test_inside_a_tunnel_to_a_provider(
    proxy: RunningProxy, provider: FakeProvider, sni: str, host: str, expected: tuple
) -> None:
    before = provider.connections
    careless = ssl._create_unverified_context()
    with over_tls(tunnel(proxy, f"{OPENAI}:443"), careless, sni) as client:
        refused(answer(client.send(post(target=V1, host=host))), *expected)
    assert_unreached(provider, before)


@pytest.mark.parametrize("url", [f"https://{EVIL}", f"http://{EVIL}", f"https://{OPENAI}:8443", "https://api.groq.com"])
def test_absolute_form_inside_a_tunnel(proxy: RunningProxy, wire: Evil, url: str) -> None:
    with over_tls(tunnel(proxy, f"{MISTRAL}:443"), proxy.tls(), MISTRAL) as client:
        reply = answer(client.send(head(f"GET {url}/v1/models HTTP/1.1", host=MISTRAL)))
    assert url.encode() not in wire.received and EVIL.encode() not in wire.received
    refused(reply, *MISMATCH)
    assert wire.received == b""


@pytest.mark.parametrize(
    "authority",
    [f"{EVIL}:443", f"{OPENAI}.{EVIL}:443", "127.0.0.3:443", f"{OPENAI}@{EVIL}:443", f"{OPENAI}\\{EVIL}:443",
     f"{OPENAI}:443@{EVIL}:443", f"{OPENAI}#{EVIL}:443", f"{EVIL}/{OPENAI}:443"],
)  # fmt: skip
def test_connect_elsewhere_is_no_way_to_a_key(
    proxy: RunningProxy, provider: FakeProvider, asked: list[str], authority: str
) -> None:
    """The tunnel is refused, so that no request with a provider's Host can be sent inside."""
    with tunnel(proxy, authority) as client:
        assert client.received.split()[1] in (b"400", b"403", b"502")
        assert b"x-mitmvault-reason" in client.received
    assert_unreached(provider)
    asked.clear()  # a name that is no provider's must be looked up to be judged


@pytest.mark.parametrize("authority", ["API.OpenAI.com:443", f"{OPENAI}.:443", "aPI.oPENAI.COM.:443"])
@pytest.mark.parametrize("host", [OPENAI, OPENAI.upper(), f"{OPENAI}.", f"{OPENAI}:443", f"{OPENAI}.:443"])
def test_spellings_of_one_host_are_one_host(
    proxy: RunningProxy, provider: FakeProvider, authority: str, host: str
) -> None:
    with over_tls(tunnel(proxy, authority), proxy.tls(), OPENAI) as client:
        assert answer(client.send(post(target=V1, host=host))).status == 200
    (arrived,) = provider.wait_for(1)
    assert arrived.header("host") == f"127.0.0.1:{provider.port}"
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "value",
    [EVIL, f"https://{EVIL}/", f"{OPENAI}.{EVIL}", f"{OPENAI}@{EVIL}", f"https://{OPENAI}@{EVIL}", f"{EVIL}#{OPENAI}",
     f"{EVIL}/{OPENAI}", f"{EVIL}?{OPENAI}", f"{OPENAI}\\@{EVIL}", f"{OPENAI}, {EVIL}", f"{OPENAI}%00.{EVIL}", "",
     "127.0.0.3", "localhost", f"//{EVIL}", f"{EVIL}:443:{OPENAI}"],
)  # fmt: skip
def test_x_host_final(proxy: RunningProxy, provider: FakeProvider, value: str) -> None:
    with raw(proxy) as client:
        request = post(f"X-Host-Final: {value}", target=V1, host=f"127.0.0.1:{proxy.port}")
        refused(answer(client.send(request)), 400, "unknown_host_final")
    assert_unreached(provider)


def test_two_x_host_finals(proxy: RunningProxy, provider: FakeProvider) -> None:
    headers = (f"X-Host-Final: {OPENAI}", f"X-Host-Final: {EVIL}")
    with raw(proxy) as client:
        request = post(*headers, target=V1, host=f"127.0.0.1:{proxy.port}")
        refused(answer(client.send(request)), 400, "unknown_host_final")
    assert_unreached(provider)


@pytest.mark.parametrize(
    "header",
    [f"X-Forwarded-Host: {EVIL}", f"Forwarded: host={EVIL}", f"X-Original-URL: https://{EVIL}/", f"X-Host: {EVIL}",
     f"X-Rewrite-URL: https://{EVIL}/", f"Base-Url: https://{EVIL}", f"X-Portkey-Custom-Host: https://{EVIL}"],
)  # fmt: skip
def test_headers_that_others_obey(proxy: RunningProxy, provider: FakeProvider, header: str) -> None:
    body = BODY.replace(b"{", b'{"api_base": "https://evil.example", "base_url": "https://evil.example", ', 1)
    with raw(proxy) as client:
        assert answer(client.send(post(header, host=f"127.0.0.1:{proxy.port}", body=body))).status == 200
    (arrived,) = provider.wait_for(1)
    assert (arrived.target, arrived.header("host")) == (V1, f"127.0.0.1:{provider.port}")


@pytest.mark.parametrize(
    ("fields", "pseudo", "statuses"),
    [
        ([], {"authority": EVIL}, {421}),
        ([], {"authority": "api.groq.com"}, {421}),
        ([], {"authority": f"{OPENAI}:8443"}, {421}),
        ([], {"authority": f"{OPENAI}@{EVIL}"}, {0, 400, 421}),
        ([], {"path": f"https://{EVIL}{V1}"}, {400}),
        ([], {"path": f"//{EVIL}@x{V1}", "authority": EVIL}, {421}),
        ([("host", EVIL)], {}, {0, 400, 421}),
        ([("host", OPENAI), ("host", EVIL)], {}, {0, 400, 421}),
        ([(":authority", EVIL)], {}, {0, 400, 421}),
        ([(":path", "/evil")], {}, {0, 400, 421}),
    ],
)
def test_http2(proxy: RunningProxy, provider: FakeProvider, fields: list, pseudo: dict, statuses: set) -> None:
    with H2(proxy) as client:
        assert client.request(*fields, **pseudo).status in statuses
    assert_unreached(provider)


@pytest.mark.parametrize("authority", [OPENAI.upper(), f"{OPENAI}.", f"{OPENAI}:443"])
def test_http2_spellings(proxy: RunningProxy, provider: FakeProvider, authority: str) -> None:
    with H2(proxy) as client:
        assert client.request(authority=authority).status == 200
    assert provider.wait_for(1)[0].header("host") == f"127.0.0.1:{provider.port}"


def test_later_addons_cannot_lead_the_key_elsewhere(proxy: RunningProxy, provider: FakeProvider, evil: Evil) -> None:
    class Helpful:
        def request(self, flow):
            flow.request.host, flow.request.port = evil.address, evil.port

    helper = Helpful()
    proxy.call(lambda: __import__("mitmproxy.ctx").ctx.master.addons.add(helper))
    try:
        with raw(proxy) as client:
            reply = answer(client.send(post(host=f"127.0.0.1:{proxy.port}")))
    finally:
        proxy.call(lambda: __import__("mitmproxy.ctx").ctx.master.addons.remove(helper))
    assert reply.status == 502
    refused(reply, 502, reply.reason)
    assert_unreached(provider)
