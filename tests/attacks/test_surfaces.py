"""P10, P16: no secret and no forged line in anything that people or programs get to see."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest

from mitmvault.core.configuration import settings, users, vault
from mitmvault.core.decide import decide
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from tests.attacks.conftest import providers
from tests.attacks.tools import (
    BOB,
    BODY,
    CHAT_TARGET,
    DECOY,
    H2,
    MISTRAL,
    OPENAI,
    SECRETS,
    Evil,
    answer,
    assert_clean,
    head,
    post,
    resolver,
)  # fmt: skip
from tests.client import BEARER, CHAT, raw, send, tunnel
from tests.leaks import leaks
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
FORGED = "2026-11-21 ALERT mitmvault alice → openai"
LINE_ENDS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2K\x1b[1G", "\0", "\x08"]


def own(proxy: RunningProxy) -> str:
    return f"127.0.0.1:{proxy.port}"


def lines_since(proxy: RunningProxy, count: int) -> list[str]:
    return proxy.recorder.handler.lines[count:]


def assert_no_forgery(lines: list[str]) -> None:
    for line in lines:
        assert FORGED not in line.splitlines()[1:], line
        assert not [char for char in line if not char.isprintable() and char != "\n"], repr(line)
        assert "Traceback" in line or "\n" not in line, repr(line)


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("place", ["model", "path", "header", "user-agent", "query", "method"])
def test_log_injection(proxy: RunningProxy, provider: FakeProvider, place: str, end: str) -> None:
    text = f"x{end}{FORGED}"
    percent = "".join(f"%{byte:02x}" for byte in end.encode()) + "ALERT"
    before = len(proxy.recorder.handler.lines)
    if place in ("model", "path", "query"):
        body = {"model": text if place == "model" else "m", "messages": CHAT["messages"]}
        target = {"path": f"/openai/v1/x{percent}", "query": f"{CHAT_TARGET}?a={percent}"}.get(place, CHAT_TARGET)
        send(proxy, target, body)
    else:
        line = (
            f"{text.replace(' ', '_')} {CHAT_TARGET} HTTP/1.1" if place == "method" else f"GET {CHAT_TARGET} HTTP/1.1"
        )
        name = "User-Agent" if place == "user-agent" else "X-A"
        with raw(proxy) as client:
            client.sock.settimeout(2)
            answer(client.send(head(line, f"{name}: {text}", host=own(proxy))))
    assert_no_forgery(lines_since(proxy, before))


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("authority", ["x{end}y.example:443", "{openai}{end}:443", "{openai}:443{end}"])
def test_log_injection_by_connect(proxy: RunningProxy, end: str, authority: str) -> None:
    before = len(proxy.recorder.handler.lines)
    with resolver(proxy), raw(proxy) as client:
        client.send(f"CONNECT {authority.format(end=end, openai=OPENAI)} HTTP/1.1\r\n\r\n".encode())
        client.sock.settimeout(1)
        answer(client, "GET")
    assert_no_forgery(lines_since(proxy, before))


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0"])
def test_log_injection_by_http2(proxy: RunningProxy, wire: Evil, end: str) -> None:
    before = len(proxy.recorder.handler.lines)
    canary = f"canary-{ord(end[0])}-in-http2"
    with H2(proxy, MISTRAL) as client:
        client.request(("x-api-key", f"{canary}{end}x"))
    assert wire.received == b""
    assert_no_forgery(lines_since(proxy, before))
    assert canary.encode() not in proxy.observed()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /%b HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"%b\r\n\r\n",
        b"GET / HTTP/1.1 %b\r\n\r\n",
        b"GET http://x:%b@y/ HTTP/1.1\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization %b\r\n\r\n",
        b"CONNECT x:%b HTTP/1.1\r\n\r\n",
        b"CONNECT %b@x:443 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: {own}\r\nAuthorization: Bearer %b\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: {own}\r\nX-Api-Key: %b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /?key=%b HTTP/1.1\r\nHost: {own}\r\nTransfer-Encoding: %b\r\n\r\n",
        b"\x16\x03\x01\0\x10%b",
    ],
)
def test_unreadable_requests_are_not_quoted(proxy: RunningProxy, request_bytes: bytes) -> None:
    canary = b"canary-in-unreadable-request"
    request = request_bytes.replace(b"%b", canary).replace(b"{own}", own(proxy).encode())
    with raw(proxy) as client:
        client.sock.settimeout(1)
        try:
            received = client.send(request).to_end()
        except OSError:
            received = client.received
    if b"x-mitmvault-reason" in received or b"Authorization" in request or b"Api-Key" in request:
        assert canary not in received
    assert canary.decode() not in proxy.recorder.log_text()


@pytest.mark.parametrize(
    "line", ["canary-as-a-name {}: x", "Content-Length: canary-as-a-length", "Transfer-Encoding: canary-as-a-te"]
)
def test_error_texts_do_not_quote(proxy: RunningProxy, line: str) -> None:
    with raw(proxy) as client:
        reply = answer(client.send(post(line.format(""), host=own(proxy))))
    assert reply.status == 400
    assert "canary-as-a-length" not in reply.body.decode() and "canary-as-a-te" not in reply.body.decode()
    assert "validate_inbound_headers" not in reply.body.decode(), "the text advises to disable our safety"


def test_every_spelling(proxy: RunningProxy, provider: FakeProvider) -> None:
    """A walk through successes and refusals; then observers' view is searched in every spelling."""
    for headers in (BEARER, {}, {"X-Api-Key": BOB}, {"Authorization": f"Bearer {DECOY}"}):
        for target in (CHAT_TARGET, f"{CHAT_TARGET}?key={TOKEN}", f"/nope?key={BOB}", "/openai/../x", "/"):
            assert_clean(send(proxy, target, CHAT, headers=headers))
    with tunnel(proxy, f"{OPENAI}:443", f"Proxy-Authorization: Bearer {DECOY}\r\n"):
        pass
    wanted = {"key": KEY, "token": TOKEN, "bob": BOB, "decoy": DECOY}
    assert leaks(wanted, proxy.observed()) == []


def test_values(proxy: RunningProxy, provider: FakeProvider, wire: Evil) -> None:
    """What holds a secret does not show it, whichever way it is printed, copied or serialised."""
    world = proxy.addon("keeper").current
    held = [
        Secret(KEY),
        world,
        world.vault,
        world.users,
        world.providers,
        world.settings,
        next(iter(world.providers.values())),
    ]
    for value in held:
        shown = f"{value} {value!r} {[value]!r} {value!s} {vars(value) if hasattr(value, '__dict__') else ''}"
        assert not [secret for secret in SECRETS if secret in shown], type(value)
        for dump in (pickle.dumps, json.dumps, msgspec.json.encode, lambda v: json.dumps(v, default=vars)):
            try:
                data = dump(value)
            except Exception as error:
                data = "".join(traceback.format_exception(error))
            data = data.encode() if isinstance(data, str) else data
            assert not [secret for secret in SECRETS if secret.encode() in data], (type(value), dump)
        assert KEY not in repr(copy.deepcopy(value)) if isinstance(value, Secret) else True


def test_permit(proxy: RunningProxy) -> None:
    from mitmvault.core.message.arrival import Arrival, Way

    headers = (("Host", own(proxy)), ("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json"))
    arrival = Arrival(Way.LISTENER, "POST", "http", "127.0.0.1", proxy.port, CHAT_TARGET, headers, own(proxy),
                      ("127.0.0.1", proxy.port))  # fmt: skip
    permit = decide(proxy.addon("keeper").current, arrival, BODY)
    assert isinstance(permit, Permit)
    shown = f"{permit!r} {permit.story} {[c.shown for c in permit.credentials()]} {permit.credentials()!r}"
    assert not [secret for secret in SECRETS if secret in shown]
    assert "…0001" in shown


@pytest.mark.parametrize(
    "fails",
    [
        lambda: vault.parse(json.dumps({"providers": {"a": {"keys": [{"key": KEY + "\n"}]}}}).encode()),
        lambda: vault.parse(b'{"providers": {"a": {"keys": [{"key": "' + KEY.encode() + b'"}]'),
        lambda: vault.parse(json.dumps({"providers": {"a": {"endpoint": f"https://u:{KEY}@x/", "keys": []}}}).encode()),
        lambda: vault.parse(json.dumps({"providers": {"a": {"keys": KEY}}}).encode()),
        lambda: users.parse(json.dumps({"a": {"key": TOKEN}, "b": {"key": TOKEN}}).encode()),
        lambda: users.parse(json.dumps({"a": {"key": TOKEN + " "}}).encode()),
        lambda: users.parse(b'{"a": {"key": "' + TOKEN.encode()),
        lambda: pickle.dumps(Secret(KEY)),
        lambda: json.dumps(Secret(KEY)),
    ],
)
def test_tracebacks(fails) -> None:
    with pytest.raises(Exception) as caught:
        fails()
    text = "".join(traceback.format_exception(caught.value))
    chain, seen = caught.value, []
    while chain:
        seen.append(repr(chain) + str(vars(chain)))
        chain = chain.__cause__ or chain.__context__
    source = Path(__file__).read_text()  # a traceback quotes this file's lines, which name the secrets' variables only
    assert KEY not in source and TOKEN not in source
    assert not [s for s in SECRETS if s in text or s in "".join(seen)]
    assert settings and providers
