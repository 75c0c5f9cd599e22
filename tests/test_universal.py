"""The body for the gateway's universal endpoint: elements, their order, and the places of keys."""

from __future__ import annotations

import gzip
import json

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.keys import Rotation
from mitmvault.core.route.universal import MOST, in_turn, unwrapped
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from tests.worlds import AIG_TOKEN, JSON, PROVIDERS, arrival, bearer, world

BARE = "https://gateway.ai.cloudflare.com/v1/{account}/main"
ROUTED = {"gatewayEndpoint": BARE, "gatewayMode": "universal"}
BODY = b' {"model" :\t"llama",\n"messages": [{"role":"user","content":"\\u00e9 [groq #1 \xe2\x80\xa60001]"}] } '
CHAT = "/groq/v1/chat/completions"


def permit_for(target: str = CHAT, *headers: tuple[str, str], body: bytes = BODY, configured: str = "", **fields):
    providers = {name: {**entry, **ROUTED, **fields} for name, entry in PROVIDERS.items() if name != "homeless"}
    made = world(providers, gateway=True, configured=configured)
    found = decide(made, arrival(target, bearer(), JSON, *headers), body)
    return in_turn(found, Rotation().order) if isinstance(found, Permit) else found


def sealed(*arguments, **named) -> Permit:
    permit = permit_for(*arguments, **named)
    assert isinstance(permit, Permit), permit
    return permit


def test_one_element_a_usable_key_in_turn():
    permit = sealed()
    assert (permit.target.path, permit.target.authority) == ("/v1/acct/main", "gateway.ai.cloudflare.com")
    elements = json.loads(permit.body)
    assert [element["headers"]["authorization"] for element in elements] == [
        "Bearer [groq #1 …0001]", "Bearer [groq #3 …0003]"]  # fmt: skip
    for element in elements:
        assert (element["provider"], element["endpoint"]) == ("groq", "chat/completions")
        assert element["headers"]["content-type"] == "application/json"
        assert list(element) == ["provider", "endpoint", "headers", "query"]
    assert permit.body.count(b'"query":' + BODY + b"}") == 2
    assert permit.story == "alice → groq via universal gateway · model llama · keys groq #1 …0001, groq #3 …0003"
    assert [credential.header for credential in permit.credentials()] == ["cf-aig-authorization"]
    assert AIG_TOKEN not in repr(permit) and "gsk-" not in repr(permit)


def test_the_places_are_the_shown_credentials_and_nothing_else():
    permit = sealed()
    assert [permit.body[slot.start : slot.end].decode() for slot in permit.slots] == [
        json.dumps(slot.credential.shown, ensure_ascii=False) for slot in permit.slots
    ]
    assert [slot.credential.secret for slot in permit.slots] == [
        Secret("gsk-made-up-groq-0001"), Secret("gsk-made-up-groq-0003")]  # fmt: skip


def test_the_first_key_rotates():
    order, made = Rotation().order, {"groq": {**PROVIDERS["groq"], **ROUTED}}
    for first in ("#1", "#3", "#1"):
        found = decide(world(made, gateway=True), arrival(CHAT, bearer(), JSON), BODY)
        assert isinstance(found, Permit)
        assert in_turn(found, order).slots[0].credential.label.split()[1] == first


@pytest.mark.parametrize(
    ("target", "slug", "endpoint", "header"),
    [
        ("/anthropic/v1/messages?beta=true", "anthropic", "v1/messages?beta=true", "x-api-key"),
        ("/openai/v1/embeddings", "openai", "embeddings", "authorization"),
        ("/gemini/v1beta/models/g-1:generateContent", "google-ai-studio", "v1beta/models/g-1:generateContent",
         "x-goog-api-key"),
        ("/mine/v9/chat/completions", "custom-mine", "deep/v9/chat/completions", "authorization"),
    ],
)  # fmt: skip
def test_native_paths(target, slug, endpoint, header):
    fields = {"gatewayModelPrefix": "custom-mine"} if slug == "custom-mine" else {}
    [element] = json.loads(sealed(target, **fields).body)
    assert (element["provider"], element["endpoint"]) == (slug, endpoint)
    assert set(element["headers"]) == {header, "content-type"}


def test_the_clients_headers_go_into_the_element():
    headers = [("anthropic-version", "2023-06-01"), ("Anthropic-Beta", "a"), ("anthropic-beta", "b"), ("Cookie", "c"),
               ("x-api-key", "dummy"), ("Accept-Encoding", "br"), ("cf-aig-cache-ttl", "9"), ("x-odd", "\xe9")]  # fmt: skip
    [element] = json.loads(sealed("/anthropic/v1/messages", *headers[:4], *headers[5:]).body)
    assert element["headers"] == {"x-api-key": "[anthropic #1 …0001]", "content-type": "application/json",
                                  "anthropic-version": "2023-06-01", "anthropic-beta": "a, b"}  # fmt: skip


def test_a_coding_is_undone():
    permit = sealed(CHAT, ("Content-Encoding", "gzip"), body=gzip.compress(BODY))
    assert BODY in permit.body and permit.dropped == {"content-length", "content-encoding", "transfer-encoding"}
    assert ("content-type", "application/json") in permit.headers


def test_the_model_of_a_unified_path_is_the_providers_own():
    [first, _] = json.loads(sealed("/v1/chat/completions", body=b'{"model":"groq/llama","x":1}').body)
    assert (first["provider"], first["query"]) == ("groq", {"model": "llama", "x": 1})


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"1"])
def test_what_is_no_object_is_refused(body):
    refusal = permit_for(body=body)
    assert isinstance(refusal, Refusal) and refusal.reason == "gateway_mode" and "native" in refusal.text


@pytest.mark.parametrize(
    ("keys", "size", "elements"), [(3, 100, 3), (40, 100, MOST), (40, 400_000, 2), (3, 999_999, 1)]
)
def test_the_body_stays_below_the_limit(keys, size, elements):
    many = [{"key": f"gsk-made-up-many-{number:04}"} for number in range(keys)]
    body = b'{"model":"m","x":"' + b"x" * size + b'"}'
    assert len(json.loads(sealed(body=body, keys=many, configured="body_limit: 1MB").body)) == elements


def test_a_key_with_a_quotation_mark():
    permit = sealed(keys=[{"key": 'gsk-"made-up\\-0001"'}])
    [slot] = permit.slots
    assert json.loads(permit.body[slot.start : slot.end]) == slot.credential.shown


def test_unwrapped():
    assert unwrapped(sealed().body) == BODY.strip()
    for other in (BODY, b"", b"[]", b"[1]", b'[{"a":1}]', b"[" * 10_000):
        assert unwrapped(other) == other
