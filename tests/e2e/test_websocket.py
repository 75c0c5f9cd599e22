"""WebSockets (OpenAI realtime) through both ways in, with frames in both directions. (RFC 6455)"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import wsproto
from wsproto import events

from tests.client import Raw, over_tls, raw, tunnel
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
BASIC = "Proxy-Authorization: Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode() + "\r\n"


class Socket:
    """A WebSocket client over an open connection, by wsproto."""

    def __init__(self, client: Raw, host: str, target: str, **request: Any) -> None:
        self.client = client
        self.machine = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        client.send(self.machine.send(events.Request(host=host, target=target, **request)))

    def next(self) -> Any:
        while True:
            for event in self.machine.events():
                return event
            data = self.client.sock.recv(65536)
            self.machine.receive_data(data or None)

    def say(self, message: events.Event) -> None:
        self.client.send(self.machine.send(message))


def talk(socket: Socket) -> None:
    assert isinstance(socket.next(), events.AcceptConnection)
    assert "session.created" in socket.next().data
    socket.say(events.TextMessage("hällo"))
    assert socket.next().data == "hällo"
    binary = os.urandom(100_000)
    socket.say(events.BytesMessage(binary))
    received = bytearray()
    while len(received) < len(binary):
        received += socket.next().data
    assert received == binary
    socket.say(events.CloseConnection(1000))


def test_base_url(proxy: RunningProxy, provider: FakeProvider) -> None:
    with raw(proxy) as client:
        talk(Socket(client, f"127.0.0.1:{proxy.port}", "/openai/v1/realtime?model=gpt-realtime",
                    extra_headers=[(b"Authorization", b"Bearer " + TOKEN.encode())]))  # fmt: skip
    arrived = provider.wait_for(1)[0]
    assert arrived.target == "/v1/realtime?model=gpt-realtime"
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]


def test_https_proxy(proxy: RunningProxy, provider: FakeProvider) -> None:
    with tunnel(proxy, "api.openai.com:443", BASIC) as opened:
        with over_tls(opened, proxy.tls(), "api.openai.com") as client:
            talk(Socket(client, "api.openai.com", "/v1/realtime?model=gpt-realtime",
                        extra_headers=[(b"Authorization", b"Bearer sk-dummy")]))  # fmt: skip
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


def test_a_token_in_a_subprotocol_is_found_and_does_not_arrive(proxy: RunningProxy, provider: FakeProvider) -> None:
    with raw(proxy) as client:
        talk(Socket(client, f"127.0.0.1:{proxy.port}", "/openai/v1/realtime?model=m",
                    subprotocols=["realtime", f"openai-insecure-api-key.{TOKEN}", "openai-beta.v1"]))  # fmt: skip
    arrived = provider.wait_for(1)[0]
    assert arrived.headers_named("sec-websocket-protocol") == ["realtime, openai-beta.v1"]
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]


def test_a_wrong_token_opens_nothing(proxy: RunningProxy, provider: FakeProvider) -> None:
    with raw(proxy) as client:
        socket = Socket(client, f"127.0.0.1:{proxy.port}", "/openai/v1/realtime?model=m")
        rejected = socket.next()
    assert isinstance(rejected, events.RejectConnection) and rejected.status_code == 401
    assert provider.arrivals == []


@pytest.fixture
def limited(proxy: RunningProxy) -> Iterator[RunningProxy]:
    proxy.write_users({"alice": {"key": TOKEN, "models": ["cheap"]}})
    yield proxy
    proxy.write_users({"alice": {"key": TOKEN}})


def test_a_limited_user_names_an_allowed_model_first(limited: RunningProxy, provider: FakeProvider) -> None:
    with raw(limited) as client:
        socket = Socket(client, f"127.0.0.1:{limited.port}", "/openai/v1/responses/realtime",
                        extra_headers=[(b"Authorization", b"Bearer " + TOKEN.encode())])  # fmt: skip
        assert isinstance(socket.next(), events.AcceptConnection)
        assert "session.created" in socket.next().data
        for allowed in ('{"model":"cheap"}', '{"type":"more"}'):
            socket.say(events.TextMessage(allowed))
            assert socket.next().data == allowed  # the provider's echo
        socket.say(events.TextMessage('{"session":{"model":"dear"}}'))
        told = json.loads(socket.next().data)
        assert (told["type"], told["error"]["code"]) == ("error", "model_not_allowed")
        socket.say(events.TextMessage('{"model":"cheap"}'))  # too late: the connection is mute
        socket.say(events.CloseConnection(1000))
        assert isinstance(socket.next(), events.CloseConnection)


def test_a_limited_user_who_names_none_is_told(limited: RunningProxy, provider: FakeProvider) -> None:
    with raw(limited) as client:
        socket = Socket(client, f"127.0.0.1:{limited.port}", "/openai/v1/responses/realtime",
                        extra_headers=[(b"Authorization", b"Bearer " + TOKEN.encode())])  # fmt: skip
        assert isinstance(socket.next(), events.AcceptConnection)
        assert "session.created" in socket.next().data
        socket.say(events.BytesMessage(b"\x00\x01"))
        assert json.loads(socket.next().data)["error"]["code"] == "model_not_allowed"
