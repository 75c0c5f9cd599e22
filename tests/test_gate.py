"""The gate as an addon: what a flow looks like after it, and that no secret is in it."""

from __future__ import annotations

import asyncio
import json

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from mitmvault.addons.gate import Gate
from mitmvault.addons.tunnels import Tunnels
from mitmvault.wire import dial, permits
from tests.test_tunnels import Held
from tests.worlds import AIG_TOKEN, PROVIDERS, TOKENS, chat, through_gateway, world

T = TOKENS["alice"]
BEARER = ("Authorization", f"Bearer {T}")
KEYS = [key["key"] for fields in PROVIDERS.values() for key in fields["keys"]]


def gate(made=None) -> Gate:
    keeper = Held(made or world())
    return Gate(keeper, Tunnels(keeper))


def flow_of(target: str = "/openai/v1/chat/completions", *headers, body: bytes | None = None, method: str = "POST"):
    flow = tflow.tflow(
        req=http.Request.make(method, f"http://127.0.0.1:8080{target}", chat() if body is None else body)
    )
    pairs = [("Host", "127.0.0.1:8080"), ("Content-Type", "application/json"), *headers]
    flow.request.headers = http.Headers([(k.encode(), v.encode()) for k, v in pairs])
    flow.request.headers["content-length"] = str(len(flow.request.raw_content))
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    return flow


def passed(addon: Gate, flow):
    asyncio.run(addon.requestheaders(flow))
    if flow.response is None:
        asyncio.run(addon.request(flow))
    assert not any(secret in repr(flow.get_state()) for secret in (*TOKENS.values(), *KEYS, AIG_TOKEN))
    return flow


def test_a_permitted_flow():
    flow = passed(
        gate(), flow_of("/groq/v1/chat/completions?key=" + T + "&a=%2F", BEARER, ("X-Other", "1"), ("Cookie", "c"))
    )
    request, permit = flow.request, permits.of(flow.request)
    assert flow.response is None and permit.user == "alice"
    assert (request.scheme, request.host, request.port, request.path) == (
        "https", "api.groq.com", 443, "/openai/v1/chat/completions?a=%2F")  # fmt: skip
    assert request.headers.get_all("host") == ["api.groq.com"]
    assert request.headers["authorization"] == "Bearer [groq #1 …0001]"
    assert request.headers["x-other"] == "1" and "cookie" not in request.headers
    assert request.raw_content == chat() and flow.comment == permit.story
    assert ("api.groq.com", 443) in dial._permitted


def test_the_edited_body():
    flow = passed(gate(through_gateway()), flow_of("/groq/v1/chat/completions", BEARER))
    assert json.loads(flow.request.raw_content)["model"] == "groq/cheap"
    assert flow.request.headers.get_all("content-length") == [str(len(flow.request.raw_content))]
    assert flow.request.headers["cf-aig-authorization"] == "Bearer [gateway …0001]"


def test_keys_take_turns():
    addon = gate()
    labels = [passed(addon, flow_of("/groq/v1/models", BEARER)).request.headers["authorization"] for _ in range(4)]
    assert [label.split()[2] for label in labels] == ["#1", "#3", "#1", "#3"]


@pytest.mark.parametrize(
    ("target", "headers", "body", "reason"),
    [
        ("/openai/v1/x", [], b"{}", "missing_token"),
        ("/openai/v1/x", [("x-api-key", "nobody-at-all")], b"{}", "unknown_token"),
        ("/nobody/v1/x", [BEARER], b"{}", "no_provider"),
        ("/openai/v1/x", [BEARER], b"{", "bad_json"),
        ("/openai/v1/../x", [BEARER], b"{}", "bad_path"),
        ("/openai/v1/x", [BEARER, ("Content-Encoding", "gzip")], b"x", "bad_encoding"),
    ],
)
def test_a_refused_flow(target, headers, body, reason):
    flow = passed(gate(), flow_of(target, *headers, body=body))
    assert flow.response.headers["x-mitmvault-reason"] == reason
    assert permits.of(flow.request) is None and flow.metadata["mitmvault_refusal"] == reason


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/", 200)])
def test_our_own_pages_need_no_token(path, status):
    flow = passed(gate(), flow_of(path, method="GET", body=b""))
    assert flow.response.status_code == status and permits.of(flow.request) is None


def test_before_there_is_a_world():
    keeper = Held(None)
    flow = passed(Gate(keeper, Tunnels(keeper)), flow_of("/openai/v1/x", BEARER))
    assert flow.response.headers["x-mitmvault-reason"] == "not_ready"


@pytest.mark.parametrize(("user", "reason", "streamed"), [("alice", None, True), ("dave", "body_too_large", False)])
def test_a_body_larger_than_the_limit(user, reason, streamed):
    flow = flow_of("/openai/v1/x", ("Authorization", f"Bearer {TOKENS[user]}"), body=bytes(2000))
    asyncio.run(gate(world(configured="body_limit: 1kb")).requestheaders(flow))
    assert (flow.response.headers["x-mitmvault-reason"] if flow.response else None) == reason
    assert bool(flow.request.stream) is streamed and bool(permits.of(flow.request)) is streamed


def test_a_flow_that_was_broken_on_arrival_gets_no_permit():
    flow = flow_of("/openai/v1/x", BEARER)
    flow.error = tflow.terr()
    asyncio.run(gate().requestheaders(flow))
    assert permits.of(flow.request) is None and T not in repr(flow.get_state())


def replay(flow):
    again = flow.copy()
    again.is_replay, again.response = "request", None
    assert permits.of(again.request) is None
    return again


def test_a_replay_is_decided_anew():
    addon = gate()
    again = passed(addon, replay(passed(addon, flow_of("/groq/v1/models?a=1", BEARER))))
    assert permits.of(again.request).user == "alice" and again.request.path == "/openai/v1/models?a=1"
    assert again.request.headers["authorization"] == "Bearer [groq #3 …0003]"


def test_a_replay_of_somebody_who_is_gone():
    addon = gate()
    again = replay(passed(addon, flow_of("/groq/v1/models", BEARER)))
    addon.keeper.current = world(people={})
    assert passed(addon, again).response.headers["x-mitmvault-reason"] == "unknown_token"


def test_an_edited_destination_does_not_survive_a_replay():
    addon = gate()
    again = replay(passed(addon, flow_of("/groq/v1/models", BEARER)))
    again.request.host, again.request.path = "evil.example", "/steal"
    again = passed(addon, again)
    assert (again.request.host, again.request.path) == ("api.groq.com", "/openai/v1/models")


def test_a_replay_of_a_request_that_x_host_final_routed():
    addon = gate()
    flow = passed(addon, flow_of("/openai/v1/chat/completions", BEARER, ("X-Host-Final", "api.groq.com")))
    assert flow.request.host == "api.groq.com"
    assert passed(addon, replay(flow)).request.host == "api.groq.com"


def test_a_client_that_wants_to_close_is_obeyed():
    assert (
        passed(gate(), flow_of("/groq/v1/models", BEARER, ("Connection", "Close"))).request.headers["connection"]
        == "close"
    )
    assert "connection" not in passed(gate(), flow_of("/groq/v1/models", BEARER)).request.headers


def test_a_body_without_a_length_gets_one_unless_it_is_chunked():
    for extra, length in ((), str(len(chat()))), ((("Transfer-Encoding", "chunked"),), None):
        flow = flow_of("/openai/v1/x", BEARER, *extra)
        flow.request.headers.pop("content-length")
        assert passed(gate(), flow).request.headers.get("content-length") == length


def test_what_the_permit_sets_is_there_once():
    flow = flow_of("/openai/v1/x", BEARER)
    flow.request.headers.set_all("Content-Type", ["text/plain"])
    assert passed(gate(), flow).request.headers.get_all("content-type") == ["application/json"]


@pytest.mark.parametrize("target", ["/ai.json", "/ai.json.enc", "/ai.json?x=1"])
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_a_vault_request_that_became_a_flow(target, method):
    flow = passed(gate(), flow_of(target, BEARER, method=method))
    assert flow.response.status_code == 421 and flow.response.headers["connection"] == "close"
    assert flow.metadata["mitmvault_refusal"] == "new_connection_needed"
    elsewhere = flow_of(target, BEARER, method=method)
    elsewhere.request.headers["host"] = "evil.example"
    assert passed(gate(), elsewhere).metadata["mitmvault_refusal"] != "new_connection_needed"


def test_a_preflight_of_the_vaults_ends_the_connection():
    asked = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    for target, ends in (("/ai.json.enc", True), ("/openai/v1/x", False)):
        flow = flow_of(target, *asked, method="OPTIONS")
        passed(gate(world(configured="allow_origins: ['https://a.example']")), flow)
        assert flow.response.status_code == 204
        assert (flow.response.headers.get("connection") == "close") is ends


def test_the_dashboard_is_no_flow():
    """A request for it that became one is sent to a new connection, without its credentials."""
    for headers in ([BEARER], [("Cookie", "mitmvault_ui_8080=word"), ("X-Mitmvault-Page", "word")]):
        flow = passed(gate(), flow_of("/ui/api/now", *headers, method="GET"))
        assert (flow.response.status_code, flow.response.headers["location"]) == (307, "/ui/api/now?again=1")
        assert "word" not in repr(flow.get_state()) and permits.of(flow.request) is None
    again = passed(gate(), flow_of("/ui/?again=1", method="GET"))
    assert again.metadata["mitmvault_refusal"] == "new_connection_needed"


def test_paths_of_the_dashboard_that_are_not():
    named = world(PROVIDERS | {"ui": {"endpoint": "https://ui.example/v1", "keys": [{"key": "made-up-ui-key-0001"}]}})
    flow = passed(gate(named), flow_of("/ui/v1/models", BEARER, method="GET"))
    assert permits.of(flow.request).provider == "ui"
    final = passed(gate(), flow_of("/ui/x", BEARER, ("X-Host-Final", "api.openai.com"), method="GET"))
    assert permits.of(final.request).provider == "openai"
