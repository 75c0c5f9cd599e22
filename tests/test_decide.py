"""The whole decision: an arrival and a body in, the fields of a permit or the reason of a refusal out."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from mitmvault.core.decide import admit, decide, settle
from mitmvault.core.message.arrival import Way
from mitmvault.core.refusal import Refusal
from mitmvault.core.verdict import Admission, Permit
from tests.worlds import AIG_TOKEN, JSON, PROVIDERS, TOKENS, arrival, bearer, chat, intercepted, through_gateway, world

WORLD = world()
GATEWAY = through_gateway()
ALICE = bearer()
KEY = ("x-goog-api-key", TOKENS["alice"])
WS = (("Upgrade", "websocket"), ("Connection", "Upgrade"))


def facts(permit: Permit) -> tuple[str, str, str, str]:
    """User, full target, credential header, model as sent."""
    target = permit.target
    model = permit.model.sent if permit.model else ""
    return permit.user, f"{target.scheme}://{target.authority}{target.path}", permit.key_header, model


PERMITTED = [
    # the base URL
    (arrival("/openai/v1/chat/completions", ALICE, JSON), chat(),
     ("alice", "https://api.openai.com/v1/chat/completions", "authorization", "cheap")),
    (arrival("/anthropic/v1/messages", ("X-Api-Key", TOKENS["bob"]), JSON), chat(),
     ("bob", "https://api.anthropic.com/v1/messages", "x-api-key", "cheap")),
    (arrival("/anthropic/v1/chat/completions", ALICE, JSON), chat(),
     ("alice", "https://api.anthropic.com/v1/chat/completions", "authorization", "cheap")),
    (arrival(f"/gemini/v1beta/models/g-1:generateContent?alt=sse&key={TOKENS['alice']}", JSON), b"{}",
     ("alice", "https://generativelanguage.googleapis.com/v1beta/models/g-1:generateContent?alt=sse",
      "x-goog-api-key", "g-1")),
    (arrival("/gemini/v1/chat/completions", KEY, JSON), chat(),
     ("alice", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "authorization", "cheap")),
    (arrival("/groq/v1/models", ALICE, method="GET"), b"",
     ("alice", "https://api.groq.com/openai/v1/models", "authorization", "")),
    (arrival("/mine/v9/chat/completions?a=%2F", ALICE, JSON), chat(),
     ("alice", "https://llm.example:8443/deep/v9/chat/completions?a=%2F", "authorization", "cheap")),
    (arrival("/openai/v1/audio/speech", ALICE), b"\x00\xff not json",
     ("alice", "https://api.openai.com/v1/audio/speech", "authorization", "")),
    (arrival("/openai/v1/realtime?model=gpt-r", ALICE, *WS, method="GET"), b"",
     ("alice", "https://api.openai.com/v1/realtime?model=gpt-r", "authorization", "gpt-r")),
    # X-Host-Final
    (arrival("/v1/chat/completions", ALICE, JSON, ("X-Host-Final", "api.groq.com")), chat(),
     ("alice", "https://api.groq.com/openai/v1/chat/completions", "authorization", "cheap")),
    # the forward proxy
    (intercepted("api.groq.com", "/openai/v1/chat/completions", ALICE, JSON), chat(),
     ("alice", "https://api.groq.com/openai/v1/chat/completions", "authorization", "cheap")),
    (intercepted("api.openai.com", "/v1/chat/completions", ("Authorization", "Bearer sk-dummy"), JSON,
                 vouched=WORLD.users.named("bob")), chat(),
     ("bob", "https://api.openai.com/v1/chat/completions", "authorization", "cheap")),
    (arrival("/v1/chat/completions", ALICE, JSON, host="api.openai.com", port=80), chat(),
     ("alice", "https://api.openai.com/v1/chat/completions", "authorization", "cheap")),
    # redirected traffic: its host is an address, its name is in TLS
    (arrival("/v1/messages", ALICE, JSON, way=Way.TRANSPARENT, host="203.0.113.9", port=443, scheme="https",
             authority="api.anthropic.com", tls=True, sni="api.anthropic.com"), chat(),
     ("alice", "https://api.anthropic.com/v1/messages", "x-api-key", "cheap")),
    # scopes
    (arrival("/groq/v1/chat/completions", bearer("carol"), JSON), chat(),
     ("carol", "https://api.groq.com/openai/v1/chat/completions", "authorization", "cheap")),
    (arrival("/gemini/v1beta/models/g-1:countTokens", bearer("carol"), JSON), b"{}",
     ("carol", "https://generativelanguage.googleapis.com/v1beta/models/g-1:countTokens", "x-goog-api-key", "g-1")),
    (arrival("/openai/v1/chat/completions", bearer("dave"), JSON), chat("small-2"),
     ("dave", "https://api.openai.com/v1/chat/completions", "authorization", "small-2")),
    (arrival("/gemini/v1beta/models/small-g:generateContent", bearer("dave"), JSON), b"{}",
     ("dave", "https://generativelanguage.googleapis.com/v1beta/models/small-g:generateContent",
      "x-goog-api-key", "small-g")),
    (arrival("/gemini/v1beta/models/small%2Dg:generateContent", bearer("dave"), JSON), chat("dear"),
     ("dave", "https://generativelanguage.googleapis.com/v1beta/models/small%2Dg:generateContent",
      "x-goog-api-key", "small-g")),
    (arrival("/openai/v1/models", bearer("dave"), method="GET"), b"",
     ("dave", "https://api.openai.com/v1/models", "authorization", "")),
    # one user, several carriers and a dummy
    (arrival("/openai/v1/chat/completions", ALICE, KEY, ("api-key", "dummy"), JSON), chat(),
     ("alice", "https://api.openai.com/v1/chat/completions", "authorization", "cheap")),
]  # fmt: skip


@pytest.mark.parametrize(("came", "body", "expected"), PERMITTED)
def test_permitted(came, body, expected):
    permit = decide(WORLD, came, body)
    assert isinstance(permit, Permit), permit
    assert facts(permit) == expected
    assert permit.body is None and permit.target.mode == "direct"
    assert all(key.usable for key in permit.keys)


def gatewayed(path: str) -> str:
    return f"https://gateway.ai.cloudflare.com/v1/acct/main/{path}"


@pytest.mark.parametrize(
    ("came", "body", "mode", "expected", "sent_body"),
    [
        (arrival("/groq/v1/chat/completions", ALICE, JSON), b'{ "model" : "cheap","x":1.0}', "compat",
         ("alice", gatewayed("compat/chat/completions"), "authorization", "groq/cheap"),
         b'{ "model" : "groq/cheap","x":1.0}'),
        (arrival("/groq/v1/chat/completions", ALICE, JSON), b'{"model":"groq/cheap"}', "compat",
         ("alice", gatewayed("compat/chat/completions"), "authorization", "groq/cheap"), None),
        (arrival("/anthropic/v1/chat/completions", ALICE, JSON), chat(), "compat",
         ("alice", gatewayed("compat/chat/completions"), "authorization", "anthropic/cheap"), chat("anthropic/cheap")),
        (arrival("/anthropic/v1/messages?beta=true", ALICE, JSON), chat(), "native",
         ("alice", gatewayed("anthropic/v1/messages?beta=true"), "x-api-key", "cheap"), None),
        (arrival("/openai/v1/embeddings", ALICE, JSON), chat(), "native",
         ("alice", gatewayed("openai/embeddings"), "authorization", "cheap"), None),
        (arrival("/gemini/v1beta/models/g:generateContent", ALICE, JSON), b"{}", "native",
         ("alice", gatewayed("google-ai-studio/v1beta/models/g:generateContent"), "x-goog-api-key", "g"), None),
        (arrival("/mine/v9/embeddings", ALICE, JSON), chat(), "native",
         ("alice", gatewayed("mine/deep/v9/embeddings"), "authorization", "cheap"), None),
    ],
)  # fmt: skip
def test_permitted_through_the_gateway(came, body, mode, expected, sent_body):
    permit = decide(GATEWAY, came, body)
    assert isinstance(permit, Permit), permit
    assert (permit.target.mode, facts(permit), permit.body) == (mode, expected, sent_body)
    assert ("cf-aig-no-wholesale", "true") in permit.headers
    assert (("content-length", str(len(sent_body))) in permit.headers) if sent_body else (
        "content-length" not in dict(permit.headers))  # fmt: skip
    wire = {credential.header: credential.value() for credential in permit.credentials()}
    assert wire["cf-aig-authorization"] == f"Bearer {AIG_TOKEN}"
    assert AIG_TOKEN not in repr(permit) and wire[permit.key_header] not in repr(permit)


def test_an_edited_body_keeps_its_coding_and_a_chunked_one_gets_no_length():
    coded = arrival("/groq/v1/chat/completions", ALICE, JSON, ("Content-Encoding", "gzip"))
    permit = decide(GATEWAY, coded, gzip.compress(chat()))
    assert json.loads(gzip.decompress(permit.body))["model"] == "groq/cheap"
    chunked = arrival("/groq/v1/chat/completions", ALICE, JSON, ("Transfer-Encoding", "chunked"))
    assert "content-length" not in dict(decide(GATEWAY, chunked, chat()).headers)


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_json_that_was_not_declared_is_declared(content_type):
    headers = [("Content-Type", content_type)] if content_type else []
    permit = decide(WORLD, arrival("/openai/v1/chat/completions", ALICE, *headers), chat())
    assert permit.headers == (("content-type", "application/json"),) and permit.model.asked == "cheap"


def test_the_clients_own_word_on_wholesale_stands():
    own = arrival("/groq/v1/chat/completions", ALICE, JSON, ("cf-aig-no-wholesale", "false"))
    assert "cf-aig-no-wholesale" not in dict(decide(GATEWAY, own, chat()).headers)


REFUSED = [
    # who
    (arrival(), b"", "missing_token", 401),
    (arrival("/openai/v1/models", method="GET"), b"", "missing_token", 401),
    (arrival("/openai/v1/x?key=", ("Authorization", ""), ("Cookie", TOKENS["alice"])), b"", "missing_token", 401),
    (arrival("/openai/v1/x", ("Authorization", "Bearer nobody")), b"", "unknown_token", 403),
    (arrival("/openai/v1/x", bearer("erin")), b"", "unknown_token", 403),
    (arrival("/openai/v1/x", ALICE, ("x-api-key", TOKENS["bob"])), b"", "ambiguous_token", 400),
    (arrival(f"/openai/v1/x?auth_token={TOKENS['bob']}", ALICE), b"", "ambiguous_token", 400),
    # where
    (arrival("/nobody/v1/chat/completions", ALICE, JSON), chat(), "no_provider", 400),
    (arrival("/v1/chat/completions", ALICE, JSON), chat(), "no_provider", 400),
    (arrival("/OpenAI/v1/chat/completions", ALICE, JSON), chat(), "no_provider", 400),
    (arrival("/favicon.ico", ALICE, method="GET"), b"", "not_found", 404),
    (arrival("/openai/v1/x", ALICE, ("X-Host-Final", "evil.example")), b"", "unknown_host_final", 400),
    (arrival("/openai/v1/x", ALICE, ("X-Host-Final", "")), b"", "unknown_host_final", 400),
    (arrival("/mistral/v1/chat/completions", ALICE, JSON), chat(), "no_usable_key", 503),
    (arrival("/openrouter/v1/chat/completions", ALICE, JSON), chat(), "no_usable_key", 503),
    (arrival("/homeless/v1/chat/completions", ALICE, JSON), chat(), "provider_not_configured", 503),
    (arrival("/openai/v1/x", ALICE, host="evil.example", port=80), b"", "destination_refused", 403),
    (arrival("/openai/v1/x", ALICE, authority="evil.example"), b"", "host_mismatch", 421),
    (intercepted("api.openai.com", "/v1/x", ALICE, authority="evil.example"), b"", "host_mismatch", 421),
    (intercepted("api.openai.com", "/v1/x", ALICE, sni="api.groq.com"), b"", "host_mismatch", 421),
    (arrival("/openai/v1/../x", ALICE), b"", "bad_path", 400),
    (arrival("*", ALICE, method="OPTIONS"), b"", "bad_path", 400),
    # scopes
    (arrival("/openai/v1/chat/completions", bearer("carol"), JSON), chat(), "provider_not_allowed", 403),
    (arrival("/v1/x", bearer("carol"), ("X-Host-Final", "api.openai.com")), b"", "provider_not_allowed", 403),
    (intercepted("api.openai.com", "/v1/x", bearer("carol")), b"", "provider_not_allowed", 403),
    (arrival("/openai/v1/chat/completions", bearer("dave"), JSON), chat("dear"), "model_not_allowed", 403),
    (arrival("/openai/v1/chat/completions", bearer("dave"), JSON), b"{}", "model_not_allowed", 403),
    (arrival("/openai/v1/chat/completions", bearer("dave"), JSON), b"", "model_not_allowed", 403),
    (arrival("/openai/v1/chat/completions", bearer("dave"), JSON), chat(7), "model_not_allowed", 403),
    (arrival("/openai/v1/x", bearer("dave"), ("Content-Type", "application/octet-stream")), chat(),
     "model_not_allowed", 403),
    (arrival("/gemini/v1beta/models/dear:generateContent", bearer("dave"), JSON), chat("cheap"),
     "model_not_allowed", 403),
    (arrival("/gemini/v1beta/mod%65ls/dear:generateContent", bearer("dave"), JSON), chat("cheap"),
     "model_not_allowed", 403),
    (arrival("/gemini/v1beta/tunedModels/cheap:generateContent", bearer("dave"), JSON), b"{}",
     "model_not_allowed", 403),
    (arrival("/openai/v1/realtime?model=dear", bearer("dave"), *WS, method="GET"), b"", "model_not_allowed", 403),
    (arrival("/openai/v1/realtime", bearer("dave"), *WS, method="GET"), b"", "model_not_allowed", 403),
    # what
    (arrival("/openai/v1/x", ALICE, JSON), b"{", "bad_json", 400),
    (arrival("/openai/v1/x", ALICE, JSON), b'{"model":"a","model":"b"}', "duplicate_field", 400),
    (arrival("/openai/v1/x", ALICE, JSON), b'{"stream":true,"stream":false}', "duplicate_field", 400),
    (arrival("/openai/v1/x", ALICE, JSON), b"\xef\xbb\xbf{}", "bad_json", 400),
    (arrival("/openai/v1/x", ALICE, JSON), b'{"a":"\xff"}', "bad_json", 400),
    (arrival("/openai/v1/x", ALICE, JSON, ("Content-Encoding", "gzip")), b"nonsense", "bad_encoding", 400),
    (arrival("/openai/v1/x", bearer("dave"), ("Content-Type", "multipart/form-data")), b"x", "bad_request", 400),
    (arrival("/openai/v1/x", bearer("dave"), JSON, ("Content-Encoding", "lzma")), b"x", "unsupported_encoding", 415),
]  # fmt: skip


@pytest.mark.parametrize(("came", "body", "reason", "status"), REFUSED)
def test_refused(came, body, reason, status):
    refusal = decide(WORLD, came, body)
    assert isinstance(refusal, Refusal), refusal
    assert (refusal.reason, refusal.status) == (reason, status)
    assert refusal.__traceback__ is None and refusal.__context__ is None  # their frames would hold the arrival
    assert not any(token in refusal.text for token in TOKENS.values())


@pytest.mark.parametrize(
    ("came", "body", "reason"),
    [
        (arrival("/groq/v1/chat/completions", ALICE, JSON), b"{}", "missing_model"),
        (arrival("/groq/v1/chat/completions", ALICE, JSON), chat(None), "missing_model"),
        (arrival("/groq/v1/chat/completions", ALICE, JSON), b"", "missing_model"),
        (arrival("/groq/v1/chat/completions", ALICE, ("Content-Type", "audio/wav")), b"x", "missing_model"),
        (arrival("/groq/v1/chat/completions", bearer("dave"), JSON), chat("groq/dear"), "model_not_allowed"),
        (arrival("/groq/v1/chat/completions", ALICE, JSON, ("Content-Encoding", "lzma")), b"x", "unsupported_encoding"),
    ],
)
def test_refused_at_the_gateway(came, body, reason):
    assert getattr(decide(GATEWAY, came, body), "reason", None) == reason


# What is wrong twice is refused for the first reason: the path, the place, the user, the route, the provider, the body.
BAD = {
    "bad_path": {"target": "/openai/.."},
    "host_mismatch": {"authority": "evil.example"},
    "missing_token": {"headers": ()},
    "unknown_host_final": {"headers": (bearer("carol"), ("X-Host-Final", "evil.example"))},
    "provider_not_allowed": {"headers": (bearer("carol"), JSON)},
}


@pytest.mark.parametrize("first", range(len(BAD)))
def test_the_order_of_checks(first):
    reasons = list(BAD)
    faults: dict = {"target": "/openai/v1/x", "headers": (bearer("dave"), JSON), "authority": "127.0.0.1:8080"}
    for reason in reversed(reasons[first:]):
        faults |= BAD[reason]
    came = arrival(faults["target"], *faults["headers"], authority=faults["authority"])
    assert decide(WORLD, came, b"{").reason == reasons[first]


def test_a_provider_without_key_is_not_named_to_somebody_without_a_token():
    assert decide(WORLD, arrival("/mistral/v1/x")).reason == "missing_token"
    assert decide(WORLD, arrival("/mistral/v1/x", bearer("carol"))).reason == "provider_not_allowed"


@pytest.mark.parametrize(
    ("came", "dialect"),
    [
        (arrival("/anthropic/v1/messages"), "anthropic"),
        (arrival("/gemini/v1beta/models/x:generateContent"), "google"),
        (arrival("/gemini/v1beta/openai/chat/completions"), "openai"),
        (intercepted("api.anthropic.com", "/v1/messages"), "anthropic"),
        (arrival("/nobody/v1"), "openai"),
        (arrival("*", method="OPTIONS"), "openai"),
        (arrival("/anthropic/v1/messages", ALICE, JSON), "anthropic"),
        (arrival("/anthropic/v1/chat/completions", ALICE, JSON), "openai"),
    ],
)
def test_refusals_speak_the_providers_dialect(came, dialect):
    assert decide(WORLD, came, b"{").dialect == dialect


@pytest.mark.parametrize(
    ("made", "came", "needed"),
    [
        (WORLD, arrival("/openai/v1/chat/completions", ALICE), False),
        (WORLD, arrival("/openai/v1/chat/completions", bearer("dave")), True),
        (WORLD, arrival("/gemini/v1beta/models/cheap:generateContent", bearer("dave")), False),
        (WORLD, arrival("/openai/v1/models", bearer("dave"), method="GET"), False),
        (GATEWAY, arrival("/groq/v1/chat/completions", ALICE), True),
        (GATEWAY, arrival("/groq/v1/embeddings", ALICE), False),
    ],
)
def test_the_body_is_needed_where_the_model_matters(made, came, needed):
    admission = admit(made, came)
    assert isinstance(admission, Admission) and admission.needs_body is needed
    if not needed:
        assert isinstance(settle(made, came, admission, None), Permit)


def test_an_unread_body_of_a_limited_user_whose_path_names_the_model():
    came = arrival("/gemini/v1beta/models/dear:generateContent", bearer("dave"))
    assert settle(WORLD, came, admit(WORLD, came), None).reason == "model_not_allowed"


def test_a_token_that_was_revoked_since_the_head_came_is_the_callers_to_see():
    """`settle` takes the admission as it is: the world of the head decides about the whole request."""
    came = arrival("/openai/v1/x", ALICE)
    admission = admit(WORLD, came)
    assert isinstance(settle(WORLD, came, admission, b""), Permit)
    assert admit(world(people={"bob": {"key": TOKENS["bob"]}}), came).reason == "unknown_token"


def test_without_users_nobody_may():
    assert decide(world(people={}), arrival("/openai/v1/x", ALICE)).reason == "unknown_token"


# --- what was wrong once ---


@pytest.mark.parametrize("query", ["model=cheap&model=dear", "model=cheap&mod%65l=dear"])
def test_two_models_in_the_query_are_ambiguous(query):
    came = arrival(f"/openai/v1/realtime?{query}", bearer("dave"), *WS, method="GET")
    assert isinstance(decide(WORLD, came), Refusal)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("api-version=1&deployment=cheap", None),
        ("model=cheap", None),
        ("deployment=dear", "model_not_allowed"),
        ("deployment=cheap&model=dear", "duplicate_field"),
        ("model=cheap&d%65ployment=dear", "duplicate_field"),
    ],
)
def test_azures_realtime_names_the_model_deployment(query, reason):
    azure = {"azure-openai": {"endpoint": "https://res.openai.azure.com", "keys": [{"key": "made-up-azure-1"}]}}
    came = arrival(f"/azure/openai/realtime?{query}", bearer("dave"), *WS, method="GET")
    found = decide(world(azure), came)
    assert getattr(found, "reason", None) == reason, found
    # What Azure obeys, others do not know: there it names nothing.
    elsewhere = decide(WORLD, arrival("/openai/v1/realtime?deployment=cheap", bearer("dave"), *WS, method="GET"))
    assert isinstance(elsewhere, Refusal) and elsewhere.reason == "model_not_allowed"


@pytest.mark.parametrize("char", ["\r\n", "\n", "\x00", "\x7f"])
def test_control_characters_in_the_query(char):
    assert decide(WORLD, arrival(f"/openai/v1/x?a={char}b", ALICE), b"").reason == "bad_path"


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "x-api-key"])
def test_basic_credentials_that_are_no_ascii(name):
    assert isinstance(decide(WORLD, arrival("/openai/v1/x", (name, "Basic \udce9"))), Refusal)


def test_two_content_types_are_ambiguous():
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ncheap\r\n--b--\r\n'
    came = arrival("/openai/v1/x", bearer("dave"), ("Content-Type", "multipart/form-data; boundary=b"), JSON)
    assert isinstance(decide(WORLD, came, form), Refusal)


def test_an_empty_model_is_no_model():
    came = arrival("/groq/v1/chat/completions", ALICE, JSON)
    assert getattr(decide(GATEWAY, came, chat("")), "reason", None) == "missing_model"


def test_the_gateway_is_never_told_another_provider_by_the_client():
    providers = {"groq": {"keys": PROVIDERS["groq"]["keys"], "gatewayEndpoint": "https://gw.example/v1/a/b/compat"}}
    came = arrival("/groq/v1/chat/completions", ALICE, JSON)
    verdict = decide(world(providers, gateway=True), came, chat("anthropic/claude"))
    assert isinstance(verdict, Refusal) or verdict.model.sent == "groq/anthropic/claude"


def test_a_gateway_address_that_is_not_compat_and_a_model_in_the_path():
    url = "https://gateway.ai.cloudflare.com/v1/acct/main/google-ai-studio/v1beta"
    made = world({"gemini": {"keys": [{"key": "made-up-gemini-key-0001"}], "gatewayEndpoint": url}}, gateway=True)
    verdict = decide(made, arrival("/gemini/v1beta/models/g:generateContent", ALICE, JSON), b'{"contents":[]}')
    assert isinstance(verdict, Permit)


def test_a_refusal_can_always_be_rendered():
    from mitmvault.core.refusal import answer

    came = arrival("/gemini/v1beta/models/\udce9:generateContent", bearer("dave"))
    assert answer(decide(WORLD, came)).status == 403


@pytest.mark.parametrize(
    "came",
    [
        replace(intercepted("api.anthropic.com", "/v1/messages"), host="API.Anthropic.com"),
        arrival("/v1/messages", ("X-Host-Final", "api.anthropic.com")),
    ],
)
def test_the_dialect_of_somebody_without_a_token(came):
    assert decide(WORLD, came).dialect == "anthropic"
