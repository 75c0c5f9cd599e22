"""Every carrier of a token is read, and removed in every duplicate and case."""

from __future__ import annotations

import base64

import pytest

from mitmvault.core.message.credentials import CARRIERS, candidates, stripped_headers, stripped_target
from tests.worlds import arrival

T = "mv-token-made-up-0001"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Authorization", f"Bearer {T}", [T]),
        ("AUTHORIZATION", f"bearer   {T} ", [T]),
        ("authorization", T, [T]),
        ("Authorization", f"Token {T}", [T]),
        ("Authorization", "", []),
        ("Authorization", "Bearer", []),
        ("Authorization", basic(f"x:{T}"), [T, "x"]),
        ("Authorization", basic(f"{T}:"), [T]),
        ("Authorization", basic(T), [T]),
        ("Authorization", basic(f"x:{T}:y"), [f"{T}:y", "x"]),
        ("Authorization", "Basic ???", []),
        ("Authorization", "Basic " + base64.b64encode(b"\xff").decode(), []),
        ("Authorization", "Basic", []),
        ("Proxy-Authorization", basic(f"x:{T}"), [T, "x"]),
        ("Proxy-Authorization", f"Bearer {T}", [T]),
        ("X-Api-Key", T, [T]),
        ("x-api-key", f" {T} ", [T]),
        ("x-api-key", f"Bearer {T}", [T]),
        ("X-Goog-Api-Key", T, [T]),
        ("api-key", T, [T]),
        ("X-AUTH-TOKEN", T, [T]),
        ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{T}, v1", [T]),
        ("sec-websocket-protocol", f"cf-aig-authorization.{T}", [T]),
        ("Sec-WebSocket-Protocol", f"OpenAI-Insecure-API-Key.{T}", [T]),
        ("Sec-WebSocket-Protocol", "realtime", []),
        ("Cookie", f"key={T}", []),
        ("cf-aig-authorization", f"Bearer {T}", []),
        ("X-Other", T, []),
    ],
)
def test_header_carriers(name, value, found):
    assert list(candidates(arrival("/x", (name, value)))) == found


@pytest.mark.parametrize(
    ("query", "found", "left"),
    [
        ("", [], "?"),
        (f"key={T}", [T], ""),
        (f"KEY={T}&a=1", [T], "?a=1"),
        (f"a=1&auth_token={T}&b=2", [T], "?a=1&b=2"),
        (f"%6bey={T}&a", [T], "?a"),
        (f"k%65y={T}", [T], ""),
        ("key=a%2Bb+c", ["a+b c"], ""),
        (f"key={T}&key=other", [T, "other"], ""),
        ("key=&key", [], ""),
        (f"a=%2F%3a&b={T}&&c", [], f"?a=%2F%3a&b={T}&&c"),
        (f"keys={T}&x-key={T}&key%5B%5D={T}", [], f"?keys={T}&x-key={T}&key%5B%5D={T}"),
        (f"a=b?key={T}", [], f"?a=b?key={T}"),
        (f"auth%5Ftoken={T}", [T], ""),
    ],
)
def test_query_carriers(query, found, left):
    target = f"/p%2Fq?{query}"
    assert list(candidates(arrival(target))) == found
    assert stripped_target(target) == "/p%2Fq" + left


def test_a_target_without_a_query_stays():
    assert stripped_target("/p%2Fq//x") == "/p%2Fq//x"


def test_duplicates_are_all_read():
    came = arrival(
        f"/x?key=q&key={T}", ("authorization", "Bearer a"), ("Authorization", "Bearer b"), ("x-api-key", "c")
    )
    assert list(candidates(came)) == ["a", "b", "c", "q", T]


GONE = [*CARRIERS, "cookie", "cf-aig-authorization", "x-auth-key", "x-auth-email", "x-amz-security-token",
"x-host-final",
        "host", "connection", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authenticate"]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(GONE) - {"sec-websocket-protocol"}))
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_removed_in_every_case_and_duplicate(name, spell):
    headers = (("A", "1"), (spell(name), "x"), ("b", "2"), (name, "y"), ("A", "3"))
    assert stripped_headers(headers) == (("A", "1"), ("b", "2"), ("A", "3"))


def test_the_rest_keeps_its_order_case_and_duplicates():
    headers = (
        ("X-B", "1"),
        ("Accept", "*/*"),
        ("x-b", "2"),
        ("anthropic-beta", "a"),
        ("User-Agent", "sdk/1"),
        ("X-B", ""),
    )
    assert stripped_headers(headers) == headers


@pytest.mark.parametrize(
    ("connection", "gone"),
    [
        ("X-Secret", {"x-secret"}),
        ("close, X-Secret ,X-Other", {"x-secret", "x-other"}),
        ("keep-alive", set()),
        ("Content-Length, Transfer-Encoding, Content-Type, Content-Encoding", set()),
        ("X-SECRET", {"x-secret"}),
    ],
)
def test_what_connection_names_is_removed_but_not_the_framing(connection, gone):
    framing = (
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Type", "a/b"),
        ("Content-Encoding", "br"),
    )
    rest = (("X-Secret", "1"), ("X-Other", "2"), *framing)
    kept = stripped_headers((("Connection", connection), *rest))
    assert kept == tuple(pair for pair in rest if pair[0].lower() not in gone)


def test_two_connection_headers():
    headers = (("Connection", "x-a"), ("X-A", "1"), ("X-B", "2"), ("CONNECTION", "x-b"))
    assert stripped_headers(headers) == ()


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (f"realtime, openai-insecure-api-key.{T}", "realtime"),
        (f"openai-insecure-api-key.{T},realtime,  openai-beta.realtime-v1", "realtime, openai-beta.realtime-v1"),
        (f"cf-aig-authorization.{T}", None),
        ("realtime", "realtime"),
    ],
)
def test_tokens_in_subprotocols(value, left):
    headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", value))
    kept = stripped_headers(headers, websocket=True)
    expected = (("Sec-WebSocket-Protocol", left),) if left else ()
    assert kept == (*expected, ("Connection", "Upgrade"), ("Upgrade", "websocket"))


def test_subprotocols_in_another_case():
    headers = (("Sec-WebSocket-Protocol", f"realtime, OpenAI-Insecure-Api-Key.{T}"),)
    assert stripped_headers(headers) == (("Sec-WebSocket-Protocol", "realtime"),)


def test_cloudflares_headers_are_for_a_gateway_alone():
    headers = (("CF-AIG-Cache-TTL", "60"), ("cf-aig-gateway-id", "theirs"), ("cf-aig-authorization", "x"), ("A", "b"))
    assert stripped_headers(headers) == (("CF-AIG-Cache-TTL", "60"), ("A", "b"))
    assert stripped_headers(headers, gateway=False) == (("A", "b"),)


SIGNED = "AWS4-HMAC-SHA256 Credential={}/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=0f"


@pytest.mark.parametrize("spell", [SIGNED, SIGNED.replace(", ", ","), SIGNED.replace("AWS4", "aws4")])
def test_the_access_key_id_of_a_signature_may_be_the_token(spell):
    came = arrival("/x", ("Authorization", spell.format(T)))
    assert list(candidates(came)) == [T]
    assert list(candidates(arrival("/x", ("Authorization", "AWS4-HMAC-SHA256 Signature=0f")))) == []


def test_what_belongs_to_a_clients_signature_does_not_leave():
    headers = (
        ("X-Amz-Date", "now"),
        ("x-amz-content-sha256", "0f"),
        ("X-Amz-Security-Token", "t"),
        ("x-amzn-trace", "1"),
    )
    assert stripped_headers(headers) == (("x-amzn-trace", "1"),)
    query = "/x?X-Amz-Algorithm=a&b=1&X-Amz-Credential=mv-1%2F2&x%2Damz-signature=0f"
    assert stripped_target(query) == "/x?b=1"
