"""The real key is written into a copy, for the permitted connection, or not at all."""

from __future__ import annotations

import dataclasses
import json

import pytest
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.http import Headers, Request
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import ReceiveHttp, RequestData, RequestHeaders
from mitmproxy.test import taddons, tflow

from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.keys import Rotation
from mitmvault.core.route.universal import in_turn
from mitmvault.core.verdict import Permit
from mitmvault.wire import key, permits, switch
from tests import aws
from tests.worlds import AIG_TOKEN, JSON, PROVIDERS, TOKENS, arrival, bearer, chat, through_gateway, world

KEY = PROVIDERS["openai"]["keys"][0]["key"]
LOCAL = {"ollama": {"endpoint": "http://127.0.0.1:11434/v1", "keys": [{"key": KEY}]}}


@pytest.fixture(autouse=True)
def switched_on():
    switch.on()
    with taddons.context() as tctx:
        yield tctx
    switch.off()


def permit_for(path: str = "/openai/v1/chat/completions", made=None) -> Permit:
    permit = decide(made or world(), arrival(path, bearer(), JSON), chat())
    assert isinstance(permit, Permit)
    return permit


PERMIT = permit_for()
PLAIN = permit_for("/ollama/v1/chat/completions", world(LOCAL))


def request_for(permit: Permit, **fields) -> Request:
    """The request as the gate leaves it."""
    target = permit.target
    shown = {credential.header: credential.shown for credential in permit.credentials()}
    request = Request.make(
        "POST", f"{target.scheme}://{target.authority}{target.path}", chat(), {"x-other": "1", **shown}
    )
    for name, value in fields.items():
        setattr(request.data, name, value)
    permits.attach(request, permit)
    return request


def server_for(permit: Permit, **fields) -> Server:
    """A connection as mitmproxy opens it for the permit."""
    target = permit.target
    server = Server(address=(target.host, target.port))
    if target.scheme == "https":
        server.tls, server.sni, server.timestamp_tls_setup = True, target.host, 1.0
    for name, value in fields.items():
        setattr(server, name, value)
    server.state = ConnectionState.OPEN
    return server


def write(permit: Permit, request: Request, server) -> Request:
    outgoing = request.copy()
    key.write(server, request, outgoing)
    return outgoing


def test_the_key_goes_into_the_copy():
    request = request_for(PERMIT)
    before = request.get_state()
    outgoing = write(PERMIT, request, server_for(PERMIT))
    assert outgoing.headers.get_all("authorization") == [f"Bearer {KEY}"]
    assert outgoing.headers["x-other"] == "1" and outgoing.content == chat()
    assert request.get_state() == before and KEY not in repr(before)
    assert request.headers["authorization"] == "Bearer [openai #1 …0001]"


@pytest.mark.parametrize(
    ("path", "made", "expected"),
    [
        ("/anthropic/v1/messages", world(), {"x-api-key": PROVIDERS["anthropic"]["keys"][0]["key"]}),
        ("/gemini/v1beta/models/g:x", world(), {"x-goog-api-key": PROVIDERS["gemini"]["keys"][0]["key"]}),
        ("/ollama/v1/chat/completions", world(LOCAL), {"authorization": f"Bearer {KEY}"}),
        ("/openai/v1/chat/completions", through_gateway(),
         {"authorization": f"Bearer {KEY}", "cf-aig-authorization": f"Bearer {AIG_TOKEN}"}),
    ],
)  # fmt: skip
def test_exactly_one_scheme(path, made, expected):
    permit = permit_for(path, made)
    request = request_for(permit)
    stray = ["authorization", "Authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key",
    "x-auth-token",
             "cf-aig-authorization", "cookie"]  # fmt: skip
    request.headers = Headers([*request.headers.fields, *((name.encode(), TOKENS["alice"].encode()) for name in stray)])
    outgoing = write(permit, request, server_for(permit))
    found = {n: v for n, v in outgoing.headers.items(multi=True) if n.lower() in stray}
    assert found == expected
    assert TOKENS["alice"].encode() not in b"".join(value for _, value in outgoing.headers.fields)


def test_only_our_own_close_is_taken_out():
    for value, left in (("close", None), ("Upgrade", "Upgrade")):
        request = request_for(PERMIT)
        request.headers["connection"] = value
        assert write(PERMIT, request, server_for(PERMIT)).headers.get("connection") == left


EVIL = ("evil.example", 443)


@pytest.mark.parametrize(
    ("permit", "request_fields", "server_fields"),
    [
        (PERMIT, {}, {"address": EVIL}),
        (PERMIT, {}, {"address": ("api.openai.com", 8443)}),
        (PERMIT, {}, {"address": None}),
        (PERMIT, {}, {"sni": "evil.example"}),
        (PERMIT, {}, {"sni": None}),
        (PERMIT, {}, {"sni": "API.openai.com"}),
        (PERMIT, {}, {"timestamp_tls_setup": None}),
        (PERMIT, {}, {"timestamp_tls_setup": None, "tls": False, "sni": None}),
        (PERMIT, {}, {"via": ("https", ("proxy.example", 443))}),
        (PERMIT, {"host": "evil.example"}, {}),
        (PERMIT, {"host": "evil.example"}, {"address": EVIL, "sni": "evil.example"}),
        (PERMIT, {"port": 8443}, {}),
        (PERMIT, {"scheme": b"http"}, {}),
        (PLAIN, {}, {"tls": True}),
        (PLAIN, {}, {"address": ("127.0.0.1", 11435)}),
        (PLAIN, {}, {"address": EVIL}),
        (PLAIN, {"scheme": b"https"}, {}),
        (PLAIN, {"host": "127.0.0.2"}, {"address": ("127.0.0.2", 11434)}),
    ],
)
def test_another_place_gets_nothing(permit, request_fields, server_fields):
    request = request_for(permit, **request_fields)
    outgoing = request.copy()
    with pytest.raises(Refusal) as caught:
        key.write(server_for(permit, **server_fields), request, outgoing)
    assert caught.value.reason == "not_permitted"
    assert KEY not in repr(outgoing.get_state())


def test_without_a_permit():
    request = request_for(PERMIT)
    for unpermitted in (
        request.copy(),
        Request.from_state(request.get_state()),
        Request.make("GET", "https://api.openai.com/"),
    ):
        with pytest.raises(Refusal):
            write(PERMIT, unpermitted, server_for(PERMIT))


def test_switched_off():
    switch.off()
    with pytest.raises(Refusal):
        write(PERMIT, request_for(PERMIT), server_for(PERMIT))


def test_a_client_is_no_server():
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=1.0)
    with pytest.raises(Refusal):
        write(PERMIT, request_for(PERMIT), client)


def test_unverified_tls(switched_on):
    switched_on.options.ssl_insecure = True
    with pytest.raises(Refusal):
        write(PERMIT, request_for(PERMIT), server_for(PERMIT))


def test_another_host_header():
    request = request_for(PERMIT)
    request.headers["host"] = "evil.example"
    with pytest.raises(Refusal):
        write(PERMIT, request, server_for(PERMIT))


# --- the classes put in place of mitmproxy's ---


class Stock:
    """Stands in for Http1Client: keeps the events it is given."""

    def __init__(self, conn) -> None:
        self.conn, self.seen = conn, []

    def _handle_event(self, event):
        self.seen.append(event)
        yield from ()


def drive(request: Request, server: Server):
    machine = key._swapping(Stock)(server)
    out = list(machine._handle_event(RequestHeaders(1, request, False)))
    out += machine._handle_event(RequestData(1, b"body"))
    return machine, out


def test_a_permitted_request_is_passed_on_as_a_copy():
    request = request_for(PERMIT)
    machine, out = drive(request, server_for(PERMIT))
    head, data = machine.seen
    assert out == [] and data.data == b"body"
    assert head.request is not request and head.request.headers["authorization"] == f"Bearer {KEY}"


def test_of_a_refused_request_nothing_is_passed_on():
    machine, out = drive(request_for(PERMIT), server_for(PERMIT, address=EVIL))
    assert machine.seen == [] and len(out) == 1
    assert isinstance(out[0], ReceiveHttp) and out[0].event.refusal.reason == "not_permitted"


def test_an_error_is_told_by_its_type_alone(monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError(f"holds {KEY}")

    monkeypatch.setattr(key, "_check", fail)
    machine, out = drive(request_for(PERMIT), server_for(PERMIT))
    assert machine.seen == [] and out[0].event.refusal.reason == "internal_error"
    assert "RuntimeError" in caplog.text and KEY not in caplog.text and KEY not in repr(out)


def test_install_replaces_each_class_once(monkeypatch):
    for name, stock in key._STOCK.items():
        monkeypatch.setattr(layers, name, stock)
    key.install()
    first = [getattr(layers, name) for name in key._STOCK]
    key.install()
    assert [getattr(layers, name) for name in key._STOCK] == first
    assert all(
        issubclass(new, stock) and new is not stock for new, stock in zip(first, key._STOCK.values(), strict=True)
    )


def test_flows_never_hold_it():
    flow = tflow.tflow(req=request_for(PERMIT))
    write(PERMIT, flow.request, server_for(PERMIT))
    assert KEY not in repr(flow.get_state()) and KEY not in repr(dataclasses.asdict(PERMIT.target))


@pytest.mark.parametrize(
    ("headers", "framing"),
    [({}, "chunked"), ({"content-length": "4"}, None), ({"transfer-encoding": "chunked"}, "chunked")],
)
def test_a_streamed_body_from_http2_gets_a_framing(headers, framing):
    request = Request.make("POST", "https://api.openai.com/", b"", headers)
    if "content-length" not in headers:
        request.headers.pop("content-length", None)
    key._frame(request)
    assert request.headers.get("transfer-encoding") == framing


# --- keys in a body ---


def sealed_permit() -> Permit:
    keys = [{"key": KEY}, {"key": 'quoted-"key"-made-up-0002'}]
    endpoint = "https://gateway.ai.cloudflare.com/v1/acct/main"
    made = world({"openai": {"keys": keys, "gatewayEndpoint": endpoint, "gatewayMode": "universal"}}, gateway=True)
    return in_turn(permit_for(made=made), Rotation().order)


def test_keys_are_written_into_the_body_that_leaves():
    permit = sealed_permit()
    request = request_for(permit)
    request.content = permit.body
    head_and_data = key._swapping(Stock)(server_for(permit))
    list(head_and_data._handle_event(RequestHeaders(1, request, False)))
    list(head_and_data._handle_event(RequestData(1, request.raw_content)))
    list(head_and_data._handle_event(RequestData(3, b"another stream's")))
    head, data, other = head_and_data.seen
    assert [element["headers"]["authorization"] for element in json.loads(data.data)] == [
        f"Bearer {KEY}", 'Bearer quoted-"key"-made-up-0002']  # fmt: skip
    assert head.request.headers.get_all("content-length") == [str(len(data.data))]
    assert head.request.headers["cf-aig-authorization"] == f"Bearer {AIG_TOKEN}"
    assert other.data == b"another stream's"
    assert KEY not in repr(request.get_state()) and head_and_data.__dict__["_mitmvault_bodies"] == {}


@pytest.mark.parametrize(
    "change", [lambda body: body + b" ", lambda body: body[:-1], lambda body: None, lambda body: b""]
)
def test_another_body_gets_no_key(change):
    permit = sealed_permit()
    request = request_for(permit)
    request.data.content = change(permit.body)
    machine, out = drive(request, server_for(permit))
    assert machine.seen == [] and out[0].event.refusal.reason == "not_permitted"


def test_steps_without_a_body_of_theirs_do_not_leave():
    permit = dataclasses.replace(sealed_permit(), slots=(), body=chat())
    request = request_for(permit)
    machine, out = drive(request, server_for(permit))
    assert machine.seen == [] and out[0].event.refusal.reason == "not_permitted"


# --- keys that sign ---

BEDROCK = {"endpoint": "https://bedrock-runtime.eu-west-1.amazonaws.com", "keys": [{"key": aws.PAIR}]}


def test_a_pair_signs_the_copy():
    permit = permit_for("/bedrock/model/m%3A0/converse", world({"aws-bedrock": BEDROCK}))
    request = request_for(permit)
    outgoing = write(permit, request, server_for(permit))
    assert outgoing.headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={aws.ACCESS_KEY}/")
    assert "/eu-west-1/bedrock/aws4_request, " in outgoing.headers["authorization"]
    for seen in (request, outgoing):
        assert aws.SECRET_KEY not in repr(seen.get_state())
    assert request.headers["authorization"] == "AWS4-HMAC-SHA256 [aws-bedrock #1 …S001]"


def test_a_pair_without_anything_to_sign_stays_here():
    permit = permit_for("/bedrock/model/m%3A0/converse", world({"aws-bedrock": BEDROCK}))
    permit = dataclasses.replace(permit, target=dataclasses.replace(permit.target, signing=None))
    request = request_for(permit)
    outgoing = request.copy()
    with pytest.raises(Refusal) as caught:
        key.write(server_for(permit), request, outgoing)
    assert caught.value.reason == "not_permitted" and aws.SECRET_KEY not in repr(outgoing.get_state())
