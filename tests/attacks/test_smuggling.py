"""P7: one request in, at most one request out, and no byte in it that two parsers could read differently."""

from __future__ import annotations

import pytest
from mitmproxy import exceptions

from tests.attacks.tools import (
    BODY,
    CHAT_TARGET,
    DECOY,
    H2,
    MISTRAL,
    Evil,
    answer,
    assert_clean,
    broken_on_11,
    head,
    post,
    refused,
    statuses,
)  # fmt: skip
from tests.client import Reply, raw
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy

pytestmark = pytest.mark.e2e
SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHAT = "/mistral/v1/chat/completions"
NEW = "11.0.2 and 12.2.3"


def to_wire(proxy: RunningProxy, request: bytes) -> Reply:
    with raw(proxy) as client:
        return answer(client.send(request))


def own(proxy: RunningProxy) -> str:
    return f"127.0.0.1:{proxy.port}"


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 4", "Content-Length: 40"),
        ("Content-Length: 4", "Content-Length: 4"),
        ("Content-Length: 4, 40",),
        ("Content-Length: +4",),
        ("Content-Length: -4",),
        ("Content-Length: 0x4",),
        ("Content-Length: 4 4",),
        ("Content-Length:",),
        ("Content-Length : 4",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: identity, chunked",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked\0",),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: x"),
        ("Transfer-Encoding: x", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding:\r\n chunked", "Content-Length: 4"),
        ("X y: z",),
        ("X\0y: z",),
        (": z",),
        ("no colon",),
    ],
)
def test_framing(proxy: RunningProxy, wire: Evil, headers: tuple) -> None:
    request = head(f"POST {CHAT} HTTP/1.1", *headers, host=own(proxy)) + b"0\r\n\r\n" + SMUGGLED
    with raw(proxy) as client:
        received = client.send(request).to_end()
    assert statuses(received) == [400]
    assert b"\r\nx-mitmvault-reason: bad_request\r\n" in received
    assert wire.received == b""


@pytest.mark.parametrize(
    "value", [b"a\rX-Evil: b", b"a\0b", b"a\x01b", b"a\x0bb", b"a\x7fb", b"a\x1b[31mb", b"a\r\n X-Evil: b", b"a\r\n\tb"]
)
def test_control_characters_in_values(proxy: RunningProxy, wire: Evil, value: bytes) -> None:
    reply = to_wire(proxy, head(b"GET /mistral/v1/models HTTP/1.1", b"X-A: " + value, host=own(proxy)))
    assert value not in wire.received
    refused(reply, 400, "bad_request")


@pytest.mark.parametrize("query", [b"a=\0", b"a=\x01", b"a=\x7f", b"a=\x1b[31m"])
def test_control_characters_in_the_query(proxy: RunningProxy, wire: Evil, query: bytes) -> None:
    reply = to_wire(proxy, head(b"GET /mistral/v1/models?" + query + b" HTTP/1.1", host=own(proxy)))
    assert query not in wire.received
    refused(reply, 400, "bad_path")


@pytest.mark.parametrize("path", [b"/a\0", b"/a\x01", b"/a\x7f", b"/%00", b"/%0d%0aX:%20y", b"/%250d%250a"])
def test_control_characters_in_the_path(proxy: RunningProxy, wire: Evil, path: bytes) -> None:
    reply = to_wire(proxy, head(b"GET /mistral/v1" + path + b" HTTP/1.1", host=own(proxy)))
    refused(reply, 400, reply.reason)
    assert wire.received == b""


@pytest.mark.parametrize("method", [b"GE\0T", b"GE\x01T", b"GET:", b"G{T"])
def test_method(proxy: RunningProxy, wire: Evil, method: bytes) -> None:
    reply = to_wire(proxy, head(method + b" /mistral/v1/models HTTP/1.1", host=own(proxy)))
    assert wire.received == b""
    refused(reply, 400, "bad_request")


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n",
     b"+2\r\n{}\r\n0\r\n\r\n", b"2_0\r\n{}\r\n0\r\n\r\n", b"2\0\r\n{}\r\n0\r\n\r\n", b"\r\n{}\r\n0\r\n\r\n",
     b"fffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
     *broken_on_11("P7: h11 0.14 does not look at the end of a chunk", b"2\r\n{}XX0\r\n\r\n")],
)  # fmt: skip
def test_chunks(proxy: RunningProxy, wire: Evil, body: bytes) -> None:
    lines = (f"POST {CHAT} HTTP/1.1", "Transfer-Encoding: chunked")
    with raw(proxy) as client:
        client.sock.settimeout(1)
        received = client.send(head(*lines, host=own(proxy)) + body + SMUGGLED).to_end()
    assert statuses(received) in ([], [400])
    assert wire.received == b""


def test_broken_chunk_is_told(proxy: RunningProxy, wire: Evil) -> None:
    lines = (f"POST {CHAT} HTTP/1.1", "Transfer-Encoding: chunked")
    refused(to_wire(proxy, head(*lines, host=own(proxy)) + b"zz\r\n{}\r\n0\r\n\r\n"), 400, "bad_request")


@pytest.mark.parametrize("te", ["Chunked", "\x0bchunked", "chunked\x0c"])
def test_odd_but_accepted_framing_is_sent_plainly(proxy: RunningProxy, wire: Evil, te: str) -> None:
    reply = to_wire(
        proxy, head(f"POST {CHAT} HTTP/1.1", f"Transfer-Encoding: {te}", host=own(proxy)) + b"2\r\n{}\r\n0\r\n\r\n"
    )
    assert reply.status in (200, 400)
    sent = wire.received.lower()
    assert sent.count(b"http/1.1\r\n") == (1 if reply.status == 200 else 0)
    assert not sent or sent.count(b"\r\ntransfer-encoding: chunked\r\n") == 1


def test_bare_line_feeds_are_sent_as_line_ends(proxy: RunningProxy, wire: Evil) -> None:
    request = head("GET /mistral/v1/models HTTP/1.1", "X-A: b\nX-Api-Key: " + DECOY, host=own(proxy))
    assert to_wire(proxy, request).status == 200
    assert wire.received.count(b"\n") == wire.received.count(b"\r\n")
    assert DECOY.encode() not in wire.received


def test_pipelined_requests_are_judged_one_by_one(proxy: RunningProxy, provider: FakeProvider) -> None:
    requests = [post(host=own(proxy)), post(host=own(proxy), token=None), post(host=own(proxy))]
    with raw(proxy) as client:
        assert statuses(client.send(b"".join(requests)).to_end()) == [200, 401]
    assert len(provider.arrivals) == 1


@pytest.mark.parametrize("length", [400, 5, 0])
def test_body_of_a_refused_request_is_no_request(proxy: RunningProxy, provider: FakeProvider, length: int) -> None:
    refused_head = head(f"POST {CHAT_TARGET} HTTP/1.1", f"Content-Length: {length}", host=own(proxy), token=None)
    inner = post("Connection: close", host=own(proxy))
    with raw(proxy) as client:
        client.send(refused_head + inner + b" " * min(length, 400))
        assert statuses(client.to_end())[:1] == [401]
        assert statuses(client.received).count(200) == (1 if length == 0 else 0)
    assert len(provider.arrivals) == (1 if length == 0 else 0)


def test_http1_trailers(proxy: RunningProxy, wire: Evil) -> None:
    lines = (f"POST {CHAT} HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: authorization")
    with raw(proxy) as client:
        client.sock.settimeout(1)
        client.send(head(*lines, host=own(proxy)) + b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert answer(client).status in (200, 400)


H2_VALUES = [b"b\r\nx-evil: c", b"b\r\n\r\n" + SMUGGLED + b"x", b"b\rc", b"b\nx-evil: c", b"b\0c"]


def assert_at_most_one(wire: Evil, reply: Reply) -> None:
    assert wire.received.count(b" HTTP/1.1\r\n") <= 1
    assert b"evil" not in wire.received and b"smuggled" not in wire.received
    assert reply.status in (0, 400)
    assert wire.received == b""


@pytest.mark.parametrize("value", H2_VALUES)
def test_http2_values(proxy: RunningProxy, wire: Evil, value: bytes) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request(("x-a", value)))


@pytest.mark.parametrize("name", ["x-a: b\r\nx-evil", "x-a b", "x-a:b", "X-Evil", "x-a\0", ""])
def test_http2_names(proxy: RunningProxy, wire: Evil, name: str) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request((name, "c")))


@pytest.mark.parametrize(
    "pseudo",
    [
        {"path": b"/v1/chat/completions?a HTTP/1.1\r\nx-evil: a\r\n\r\nGET /v1/evil"},
        {"path": b"/v1/chat/completions?a\nx-evil: b"},
        {"method": b"POST /evil HTTP/1.1\r\nx-evil: 1\r\n\r\nGET"},
    ],
)
def test_http2_pseudo_headers(proxy: RunningProxy, wire: Evil, pseudo: dict) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request(**pseudo))


def test_http2_path_with_line_ends(proxy: RunningProxy, wire: Evil) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request(path=b"/v1/chat HTTP/1.1\r\nx-evil: a\r\n\r\nGET /v1/evil"))


@pytest.mark.parametrize(
    "pseudo",
    [{"path": "/v1/chat/completions HTTP/1.1"}, {"path": "/v1/chat?a HTTP/1.0"}, {"method": "POST /v1/evil"},
     {"method": "POST /v1/evil HTTP/1.1"}],
)  # fmt: skip
def test_http2_blanks_in_the_request_line(proxy: RunningProxy, wire: Evil, pseudo: dict) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request(**pseudo))


@pytest.mark.parametrize("media", ["text/plain", "application/json"])
def test_http2_body_without_a_length(proxy: RunningProxy, wire: Evil, media: str) -> None:
    """The provider would take the body for the next request on the connection."""
    body = BODY if "json" in media else SMUGGLED
    with H2(proxy, MISTRAL) as client:
        client.client.sock.settimeout(1)
        client.request(("content-type", media), body=body, replaced=("content-type", "content-length"))
    sent = wire.received.lower()
    assert (
        not sent or b"\r\ncontent-length: %d\r\n" % len(body) in sent or b"\r\ntransfer-encoding: chunked\r\n" in sent
    )


@pytest.mark.parametrize(
    "fields",
    [[("transfer-encoding", "chunked")], [("connection", "x-a"), ("x-a", "b")], [("content-length", "5")],
     [("upgrade", "h2c")], [("te", "gzip")]],
)  # fmt: skip
def test_http2_connection_fields(proxy: RunningProxy, wire: Evil, fields: list) -> None:
    with H2(proxy, MISTRAL) as client:
        assert_at_most_one(wire, client.request(*fields))


@pytest.mark.parametrize("headers", [("Upgrade: h2c",), ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")])
def test_no_upgrade_to_h2c(proxy: RunningProxy, wire: Evil, headers: tuple) -> None:
    request = head("GET /mistral/v1/models HTTP/1.1", *headers, "HTTP2-Settings: AAMAAABk", host=own(proxy))
    assert to_wire(proxy, request).status == 200
    assert b"h2c" not in wire.received and b"upgrade" not in wire.received.lower()


@pytest.mark.parametrize(
    "request_line",
    [b"PRI * HTTP/2.0\r\n\r\nSM", b"GET /mistral/v1/models", b"GET /mistral/v1/models HTTP/9.9x", b"\0\1\2\3"],
)
def test_other_protocols(proxy: RunningProxy, wire: Evil, request_line: bytes) -> None:
    reply = to_wire(proxy, request_line + b"\r\n\r\n")
    refused(reply, 400, "bad_request")
    assert wire.received == b""


@pytest.mark.parametrize("method", ["TRACE", "TRACK"])
def test_trace_does_not_show_the_key(proxy: RunningProxy, wire: Evil, method: str) -> None:
    echo = f"TRACE / HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    wire.reply = b"HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: %d\r\n\r\n" % len(echo) + echo
    assert_clean(to_wire(proxy, head(f"{method} /mistral/v1/models HTTP/1.1", host=own(proxy))))


@pytest.mark.parametrize(
    ("option", "value"), [("validate_inbound_headers", False), ("rawtcp", True), ("connection_strategy", "eager")]
)
def test_posture_at_run_time(proxy: RunningProxy, option: str, value: object) -> None:
    from mitmproxy import ctx

    before = getattr(ctx.options, option)
    with pytest.raises(exceptions.OptionsError, match=option):
        proxy.call(lambda: ctx.options.update(**{option: value}))
    assert getattr(ctx.options, option) == before
