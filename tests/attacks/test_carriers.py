"""P6: the user's token and every other credential stay here, wherever they were carried; one provider key leaves."""

from __future__ import annotations

import base64

import pytest

from tests.attacks.tools import BOB, CHAT_TARGET, DECOY, H2, OPENAI, answer, assert_unreached, head, post, refused
from tests.client import BEARER, CHAT, over_tls, raw, send, tunnel
from tests.provider import Arrived, FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CARRIERS = [
    ("Authorization", "Bearer {}"), ("AUTHORIZATION", "bearer   {}"), ("authorization", "{}"), ("Authorization",
    "Token {}"),
    ("Proxy-Authorization", "Bearer {}"), ("proxy-AUTHORIZATION", "BASIC"), ("X-Api-Key", "{}"), ("x-api-KEY", "{}"),
    ("X-Goog-Api-Key", "{}"), ("Api-Key", "{}"), ("X-Auth-Token", "{}"), ("Cookie", "session={}"),
    ("Cookie", "a=b; c={}"), ("cf-aig-authorization", "Bearer {}"), ("X-Auth-Key", "{}"), ("X-Amz-Security-Token",
    "{}"),
    ("X-Auth-Email", "{}"),
]  # fmt: skip


def carried(token: str) -> list[tuple[str, str]]:
    return [(n, basic("x", token) if v == "BASIC" else v.format(token)) for n, v in CARRIERS]


def assert_one_key(arrived: Arrived, header: str = "authorization", value: str = f"Bearer {KEY}") -> None:
    """Exactly one credential, and no trace of a token."""
    everything = f"{arrived.target}\n{arrived.headers}".encode() + arrived.body
    for token in (TOKEN, BOB, DECOY):
        assert token.encode() not in everything
        assert base64.b64encode(f"x:{token}".encode()) not in everything
    names = {name.lower() for name, _ in CARRIERS}
    assert [(n.lower(), v) for n, v in arrived.headers if n.lower() in names] == [(header, value)]
    assert str(arrived.headers).count(KEY) == 1


@pytest.mark.parametrize("target", [CHAT_TARGET, "/anthropic/v1/messages", "/gemini/v1beta/models/x:generateContent"])
def test_all_carriers_at_once(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    """The token and a decoy, twice each, in every carrier and in the query."""
    query = f"?key={TOKEN}&a=1&KEY={DECOY}&%6Bey={TOKEN}&auth_token={DECOY}&k%65y={TOKEN}&key"
    headers = [*carried(TOKEN), *carried(DECOY), *carried(TOKEN)]
    assert send(proxy, target + query, CHAT | {"max_tokens": 5}, headers=headers).status == 200
    (arrived,) = provider.wait_for(1)
    expected = {"/anthropic/v1/messages": ("x-api-key", KEY), CHAT_TARGET: ("authorization", f"Bearer {KEY}")}
    assert_one_key(arrived, *expected.get(target, ("x-goog-api-key", KEY)))
    assert arrived.query == "a=1"


def test_query_with_a_semicolon(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, f"/openai/v1/models?a=1;key={DECOY}").status in (200, 400)
    assert not [arrived for arrived in provider.arrivals if DECOY in arrived.target]


@pytest.mark.parametrize("carrier", range(len(CARRIERS)))
def test_one_carrier_beside_the_usual_one(proxy: RunningProxy, provider: FakeProvider, carrier: int) -> None:
    name, value = carried(DECOY)[carrier]
    headers = [("X-Api-Key", TOKEN), (name, value), (name.upper(), value), (name.lower(), value)]
    assert send(proxy, CHAT_TARGET, CHAT, headers=headers).status == 200
    assert_one_key(provider.wait_for(1)[0])


@pytest.mark.parametrize("name", ["X-Secret", "x-SECRET", "Authorization", "Content-Type", "Content-Length", "Host"])
def test_named_in_connection(proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
    """What Connection names is gone; but the key, the framing and the host cannot be taken away by naming them."""
    headers = [*BEARER.items(), ("X-Secret", DECOY), ("Connection", f"keep-alive, {name}"), ("Connection", "x-secret")]
    assert send(proxy, CHAT_TARGET, CHAT, headers=headers).status == 200
    (arrived,) = provider.wait_for(1)
    assert_one_key(arrived)
    assert arrived.json == CHAT
    assert arrived.header("host") == f"127.0.0.1:{provider.port}"


@pytest.mark.parametrize("protocol", ["openai-insecure-api-key", "cf-aig-authorization"])
def test_subprotocols(proxy: RunningProxy, provider: FakeProvider, protocol: str) -> None:
    lines = (
        "GET /openai/v1/realtime?model=m-1 HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: realtime, {protocol}.{TOKEN}", f"Sec-WebSocket-Protocol: {protocol}.{DECOY}",
    )  # fmt: skip
    with raw(proxy) as client:
        client.send(head(*lines, host=f"127.0.0.1:{proxy.port}", token=None))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101")
    (arrived,) = provider.wait_for(1)
    assert_one_key(arrived)
    assert arrived.headers_named("sec-websocket-protocol") == ["realtime"]


def test_basic_with_the_token_as_user_or_password(proxy: RunningProxy, provider: FakeProvider) -> None:
    for value in (basic(TOKEN, ""), basic(TOKEN, "x"), basic("x", TOKEN)):
        assert send(proxy, CHAT_TARGET, CHAT, headers={"Authorization": value}).status == 200
    for arrived in provider.wait_for(3):
        assert_one_key(arrived)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("Authorization", f"Bearer {TOKEN}"), ("X-Api-Key", BOB)], ""),
        ([("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {BOB}")], ""),
        ([("Authorization", f"Bearer {TOKEN}"), ("Proxy-Authorization", basic("x", BOB))], ""),
        ([("Authorization", f"Bearer {TOKEN}")], f"?key={BOB}"),
        ([], f"?key={BOB}&key={TOKEN}"),
        ([("Authorization", basic(TOKEN, BOB))], ""),
        ([("Sec-WebSocket-Protocol", f"openai-insecure-api-key.{BOB}"), ("X-Api-Key", TOKEN)], ""),
    ],
)
def test_two_users(proxy: RunningProxy, provider: FakeProvider, headers: list, query: str) -> None:
    before = provider.connections
    refused(send(proxy, CHAT_TARGET + query, CHAT, headers=headers), 400, "ambiguous_token")
    assert_unreached(provider, before)


@pytest.mark.parametrize("second", [("Proxy-Authorization", f"Bearer {BOB}"), ("X-Api-Key", BOB)])
def test_two_users_open_a_tunnel(proxy: RunningProxy, second: tuple) -> None:
    headers = f"Proxy-Authorization: Bearer {TOKEN}\r\n{second[0]}: {second[1]}\r\n"
    with tunnel(proxy, f"{OPENAI}:443", headers) as client:
        assert b" 400 " in client.received.partition(b"\r\n")[0]


def test_keep_alive_does_not_carry_the_token_over(proxy: RunningProxy, provider: FakeProvider) -> None:
    own = f"127.0.0.1:{proxy.port}"
    with raw(proxy) as client:
        assert answer(client.send(post(host=own))).status == 200
        refused(answer(client.send(post(host=own, token=None))), 401, "missing_token")
    assert len(provider.arrivals) == 1


def test_other_peoples_token_inside_a_vouched_tunnel(proxy: RunningProxy, provider: FakeProvider) -> None:
    credentials = f"Proxy-Authorization: {basic('x', TOKEN)}\r\n"
    opened = tunnel(proxy, f"{OPENAI}:443", credentials)
    with over_tls(opened, proxy.tls(), OPENAI) as client:
        assert answer(client.send(post(f"X-Api-Key: {BOB}", host=OPENAI, target="/v1/chat/completions"))).status == 200
    assert_one_key(provider.wait_for(1)[0])


def test_http2_duplicates(proxy: RunningProxy, provider: FakeProvider) -> None:
    fields = [(n.lower(), v) for n, v in (*carried(DECOY), *carried(TOKEN))]
    with H2(proxy) as client:
        assert client.request(*fields).status == 200
    assert_one_key(provider.wait_for(1)[0])


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "proxy-authorization", "cookie"])
def test_http2_trailers(proxy: RunningProxy, provider: FakeProvider, name: str) -> None:
    canary = f"canary-in-a-trailer-{name}"
    with H2(proxy) as client:
        client.client.sock.settimeout(1)
        client.request(trailers=[(name, canary)])
    assert canary.encode() not in proxy.observed()
    assert all(canary not in str(arrived.headers) for arrived in provider.arrivals)


@pytest.mark.parametrize("line", ["X-Api-Key : {}", "Authorization : Bearer {}", "X-Api-Key\t: {}"])
def test_misspelt_carriers_are_hidden_too(proxy: RunningProxy, provider: FakeProvider, line: str) -> None:
    canary = f"canary-{len(line)}-misspelt"
    with raw(proxy) as client:
        request = post(line.format(canary), host=f"127.0.0.1:{proxy.port}")
        refused(answer(client.send(request)), 400, "bad_request")
    assert_unreached(provider)
    assert canary.encode() not in proxy.observed()
