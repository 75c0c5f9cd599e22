"""The model chooses the provider, on paths that name none. (reference systems 001 and 002)"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mitmvault.core.configuration.users import User
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.unified import by_model
from mitmvault.core.verdict import Permit
from tests.worlds import COMPAT, JSON, PROVIDERS, arrival, bearer, chat, through_gateway, world

LISTED = {
    "groq": PROVIDERS["groq"] | {"models": [{"id": "shared", "priority": 20}, {"id": "groq/compound-mini"}]},
    "mine": PROVIDERS["mine"] | {"models": [{"id": "shared", "priority": 10}, {"id": "claude-of-mine"}]},
    "mistral": PROVIDERS["mistral"] | {"models": [{"id": "only-expired"}]},
}
WORLD = world(PROVIDERS | LISTED)
CHAT = "/v1/chat/completions"
ALICE = User("alice", None, None)


def verdict(target: str, model: Any, user: str = "alice", made: Any = WORLD, **fields: Any) -> Permit | Refusal:
    return decide(made, arrival(target, bearer(user), JSON, **fields), chat(model))


@pytest.mark.parametrize(
    ("target", "provider", "model", "arrives"),
    [
        ("/v1beta/models/gemini-2:generateContent", "gemini", "gemini-2",
         "generativelanguage.googleapis.com/v1beta/models/gemini-2:generateContent"),
        ("/v1/models/google/gemini-2:countTokens?x=1", "gemini", "gemini-2",
         "generativelanguage.googleapis.com/v1/models/gemini-2:countTokens?x=1"),
        ("/v1beta/models/text-embedding-4:embedContent", "gemini", "text-embedding-4",  # not OpenAI's
         "generativelanguage.googleapis.com/v1beta/models/text-embedding-4:embedContent"),
    ],
)  # fmt: skip
def test_chosen_by_the_model_in_the_path(target: str, provider: str, model: str, arrives: str) -> None:
    permit = verdict(target, "of-the-body")
    assert isinstance(permit, Permit), permit
    assert (permit.provider, permit.target.authority + permit.target.path) == (provider, arrives)
    assert permit.model and permit.model.sent == model and permit.body is None


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/v1beta/models/nobodys:generateContent", "no_provider"),
        ("/v1beta/models/gemini-2:x/models/gemini-3:generateContent", "bad_path"),
        ("/v1beta/files", "no_provider"),
    ],
)
def test_not_chosen_by_the_path(target: str, reason: str) -> None:
    refusal = verdict(target, "gpt-4o")
    assert isinstance(refusal, Refusal) and refusal.reason == reason


def test_a_model_in_the_path_is_prefixed_there() -> None:
    generic = {"gemini": PROVIDERS["gemini"] | {"gatewayEndpoint": "https://gw.example/x", "gatewayModelPrefix": "g"}}
    permit = verdict("/gemini/v1beta/models/m%2Dx:generateContent?a=1", "other", made=world(generic, gateway=True))
    assert isinstance(permit, Permit) and permit.body is None and permit.model
    assert (permit.target.path, permit.model.sent) == ("/x/models/g/m-x:generateContent?a=1", "g/m-x")


@pytest.mark.parametrize(
    ("target", "asked", "provider", "sent", "arrives"),
    [
        (CHAT, "openai/gpt-4o", "openai", "gpt-4o", "api.openai.com/v1/chat/completions"),
        ("/chat/completions?a=1", "groq/llama", "groq", "llama", "api.groq.com/openai/v1/chat/completions?a=1"),
        (CHAT, "google-ai-studio/gemini-x", "gemini", "gemini-x",
         "generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        (CHAT, "groq/openai/gpt-oss", "groq", "openai/gpt-oss", "api.groq.com/openai/v1/chat/completions"),
        (CHAT, "groq/compound-mini", "groq", "groq/compound-mini", "api.groq.com/openai/v1/chat/completions"),
        (CHAT, "mine/x", "mine", "x", "llm.example:8443/deep/v9/chat/completions"),
        (CHAT, "shared", "mine", "shared", "llm.example:8443/deep/v9/chat/completions"),
        (CHAT, "claude-of-mine", "mine", "claude-of-mine", "llm.example:8443/deep/v9/chat/completions"),
        (CHAT, "gpt-4o", "openai", "gpt-4o", "api.openai.com/v1/chat/completions"),
        (CHAT, "ft:gpt-4o:mine::1", "openai", "ft:gpt-4o:mine::1", "api.openai.com/v1/chat/completions"),
        (CHAT, "GPT-4o", "openai", "GPT-4o", "api.openai.com/v1/chat/completions"),
        (CHAT, "claude-x", "anthropic", "claude-x", "api.anthropic.com/v1/chat/completions"),
        ("/v1/messages", "claude-x", "anthropic", "claude-x", "api.anthropic.com/v1/messages"),
        ("/v1/messages/count_tokens", "claude-x", "anthropic", "claude-x", "api.anthropic.com/v1/messages/count_tokens"),
        ("/v1/images/generations", "openai/gpt-image-1", "openai", "gpt-image-1", "api.openai.com/v1/images/generations"),
        ("/audio/speech", "gpt-4o-mini-tts", "openai", "gpt-4o-mini-tts", "api.openai.com/v1/audio/speech"),
        ("/v1/responses", "o3-mini", "openai", "o3-mini", "api.openai.com/v1/responses"),
        ("/v1/embeddings", "text-embedding-3", "openai", "text-embedding-3", "api.openai.com/v1/embeddings"),
    ],
)  # fmt: skip
def test_chosen(target: str, asked: str, provider: str, sent: str, arrives: str) -> None:
    permit = verdict(target, asked)
    assert isinstance(permit, Permit), permit
    assert (permit.provider, permit.rule, permit.target.authority + permit.target.path) == (provider, "model", arrives)
    assert permit.model and (permit.model.asked, permit.model.sent) == (asked, sent)
    body = json.loads(permit.body) if permit.body is not None else json.loads(chat(asked))
    assert body == json.loads(chat(sent))


def test_through_the_gateway() -> None:
    permit = verdict(CHAT, "gemini/gemini-x", made=through_gateway())
    assert isinstance(permit, Permit) and permit.target.mode == "compat" and permit.model
    assert permit.model.sent == "google-ai-studio/gemini-x"
    assert COMPAT.endswith("/compat")


@pytest.mark.parametrize("model", ["groq/compound", "mixtral"])
def test_what_follows_the_providers_name_reaches_it_whole_through_the_gateway_as_well(model: str) -> None:
    """`GET /v1/models` lists groq/groq/compound, and Groq knows the model as groq/compound."""
    sent = {}
    for made in (world({"groq": PROVIDERS["groq"]}), through_gateway()):
        permit = verdict(CHAT, f"groq/{model}", made=made)
        assert isinstance(permit, Permit) and permit.model
        sent[permit.target.mode] = permit.model.sent
    assert sent == {"direct": model, "compat": f"groq/{model}"}


@pytest.mark.parametrize("made", [WORLD, through_gateway()], ids=["direct", "gateway"])
def test_a_scope_is_held_against_what_follows_the_providers_name(made: Any) -> None:
    """dave may use small-*, not a model of Groq's that is called groq/small-x."""
    assert isinstance(verdict(CHAT, "groq/small-x", "dave", made), Permit)
    refusal = verdict(CHAT, "groq/groq/small-x", "dave", made)
    assert isinstance(refusal, Refusal) and refusal.reason == "model_not_allowed"


@pytest.mark.parametrize(
    ("target", "asked", "user", "reason"),
    [
        (CHAT, "unheard-of", "alice", "no_provider"),
        (CHAT, "nobody/x", "alice", "no_provider"),
        (CHAT, "morph/x", "alice", "no_usable_key"),
        (CHAT, "command-r", "alice", "no_usable_key"),
        (CHAT, "command-r", "carol", "provider_not_allowed"),
        (CHAT, "mistral/x", "alice", "no_usable_key"),
        (CHAT, "only-expired", "alice", "no_usable_key"),
        (CHAT, "", "alice", "missing_model"),
        (CHAT, None, "alice", "missing_model"),
        (CHAT, "openai/gpt", "carol", "provider_not_allowed"),
        (CHAT, "openai/dear", "dave", "model_not_allowed"),
        ("/v1/messages", "unheard-of", "alice", "no_provider"),
        ("/v1/messages/count_tokens", "unheard-of", "alice", "no_provider"),
        (CHAT, "gpt-4o", "erin", "unknown_token"),
    ],
)
def test_refused(target: str, asked: Any, user: str, reason: str) -> None:
    refusal = verdict(target, asked, user)
    assert isinstance(refusal, Refusal) and refusal.reason == reason
    assert refusal.dialect == ("anthropic" if "/messages" in target else "openai")


def test_a_limited_user_gets_the_best_of_the_providers_that_are_open_to_him() -> None:
    assert verdict(CHAT, "shared").provider == "mine"  # the lowest priority
    assert verdict(CHAT, "shared", "carol").provider == "groq"
    gone = world(PROVIDERS | LISTED | {"groq": LISTED["groq"] | {"keys": [{"key": "x", "type": "expired"}]}})
    refusal = verdict(CHAT, "shared", "carol", gone)
    assert isinstance(refusal, Refusal) and refusal.reason == "provider_not_allowed"


def test_patterns_lead_a_limited_user_to_what_is_open_to_him() -> None:
    made = world(PROVIDERS | {"cerebras": PROVIDERS["groq"]})
    assert by_model(made, User("carol", frozenset({"cerebras"}), None), "llama3.1-8b")[0].name == "cerebras"
    assert by_model(made, ALICE, "llama3.1-8b")[0].name == "groq"


def test_a_limited_user_is_judged_by_the_providers_own_name_of_the_model() -> None:
    assert isinstance(verdict(CHAT, "openai/cheap", "dave"), Permit)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_name_no_model(method: str) -> None:
    assert isinstance(verdict(CHAT, "openai/gpt", method=method), Refusal)


def test_x_host_final_and_a_providers_own_name_win() -> None:
    headers = (bearer(), JSON, ("X-Host-Final", "api.groq.com"))
    permit = decide(WORLD, arrival("/openai/v1/chat/completions", *headers), chat("openai/gpt"))
    assert isinstance(permit, Permit) and (permit.provider, permit.body) == ("groq", None)


def chosen_by(provider: Any, model: str = "gpt-4", **more: Any) -> Any:
    body = json.dumps({"provider": provider, "model": model, "messages": []} | more).encode()
    return decide(world(), arrival("/v1/chat/completions", bearer(), JSON), body), body


@pytest.mark.parametrize(
    ("provider", "model", "name", "sent"),
    [
        ("groq", "gpt-4", "groq", "gpt-4"),  # the field beats the model's pattern
        ("google", "gemini-x", "gemini", "gemini-x"),  # any of its names
        ("openai", "openai/gpt-4", "openai", "gpt-4"),
        ("groq", "openai/gpt-oss", "groq", "openai/gpt-oss"),  # a model of Groq's that is called like a provider
    ],
)
def test_the_field_provider_chooses_and_is_not_sent_on(provider: str, model: str, name: str, sent: str) -> None:
    permit, _ = chosen_by(provider, model)
    assert (permit.provider, permit.rule, permit.model.sent) == (name, "field 'provider'", sent)
    assert permit.body == json.dumps({"model": sent, "messages": []}).encode()
    assert dict(permit.headers)["content-length"] == str(len(permit.body))


@pytest.mark.parametrize("value", [{"order": ["groq"]}, None, 5])
def test_a_field_provider_that_is_no_text_is_left_alone(value: Any) -> None:
    """OpenRouter takes an object there."""
    permit, _ = chosen_by(value)
    assert (permit.provider, permit.body) == ("openai", None)


@pytest.mark.parametrize(
    ("provider", "more", "reason"),
    [
        ("nobody", {}, "no_provider"),
        ("morph", {}, "no_provider"),
        ("mistral", {}, "no_usable_key"),
        ("homeless", {}, "provider_not_configured"),
        ("groq", {"model": ""}, "missing_model"),
    ],
)
def test_a_field_provider_that_does_not_help(provider: str, more: dict[str, Any], reason: str) -> None:
    assert chosen_by(provider, **more)[0].reason == reason


def test_the_field_provider_is_the_providers_own_where_the_path_names_one() -> None:
    body = b'{"provider": "groq", "model": "m"}'
    permit = decide(world(), arrival("/openai/v1/chat/completions", bearer(), JSON), body)
    assert (permit.provider, permit.body) == ("openai", None)


def test_without_field_and_match_nobody_is_asked() -> None:
    """001 falls back to Cloudflare; here a model that nobody is known for is refused."""
    refusal = decide(world(), arrival("/v1/chat/completions", bearer(), JSON), b'{"model": "some-model"}')
    assert refusal.reason == "no_provider"


@pytest.mark.parametrize(
    ("model", "name"),
    [("o1", "openai"), ("o4-mini", "openai"), ("gpt-3.5-turbo", "openai"), ("models/gemini-pro", "gemini"),
     ("claude-x", "anthropic"), ("llama-3.3-70b-versatile", "groq"), ("@cf/meta/llama-4", "workers-ai"),
     ("meta-llama/llama-4", "groq")],
)  # fmt: skip
def test_patterns(model: str, name: str) -> None:
    made = world(PROVIDERS | {"workers-ai": {"keys": [{"key": "made-up-cf-0001"}]}, "cerebras": PROVIDERS["groq"]})
    assert by_model(made, ALICE, model)[0].name == name


def test_a_family_that_several_serve_goes_to_the_first_of_the_catalogue_with_a_key() -> None:
    without = {name: fields for name, fields in PROVIDERS.items() if name != "groq"}
    made = world(without | {"sambanova": {"keys": [{"key": "made-up-0001"}]}, "cerebras": {"keys": [{"key": "x-2"}]}})
    assert by_model(made, ALICE, "llama3.1-8b")[0].name == "cerebras"
    assert by_model(made, ALICE, "Meta-Llama-3.3-70B-Instruct")[0].name == "sambanova"


# --- the operator's default model ---

DEFAULTED = world(PROVIDERS | LISTED, configured="default_model: groq/llama")


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b'{"model": "default", "x": 1.0}', b'{"model": "llama", "x": 1.0}'),
        (b'{ "x": 1.0}', b'{"model":"llama", "x": 1.0}'),
        (b"{}", b'{"model":"llama"}'),
        (b'{"model": "", "x": 1}', b'{"model": "llama", "x": 1}'),
        (b'{"model": null, "x": 1}', b'{"model": "llama", "x": 1}'),
        (b'{"model": "groq/other"}', b'{"model": "other"}'),
    ],
)
def test_default_model(body: bytes, sent: bytes) -> None:
    permit = decide(DEFAULTED, arrival(CHAT, bearer(), JSON), body)
    assert isinstance(permit, Permit), permit
    assert (permit.provider, permit.body) == ("groq", sent)
    assert ("content-length", str(len(sent))) in permit.headers


def test_a_default_that_is_sent_as_it_is() -> None:
    permit = decide(world(configured="default_model: gpt-4o"), arrival(CHAT, bearer(), JSON), b"{}")
    assert isinstance(permit, Permit) and permit.body == b'{"model":"gpt-4o"}'


def test_a_default_in_a_path() -> None:
    made = world(configured="default_model: gemini/gemini-2")
    permit = decide(made, arrival("/v1beta/models/default:generateContent", bearer(), JSON), b"{}")
    assert isinstance(permit, Permit) and permit.target.path == "/v1beta/models/gemini-2:generateContent"


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b'{"model": 5}', JSON, "missing_model"),
        (b"[]", JSON, "missing_model"),
        (b"", JSON, "missing_model"),
        (b'{"Model": "x"}', JSON, "duplicate_field"),
        (b"a=1", ("Content-Type", "application/x-www-form-urlencoded"), "missing_model"),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
         ("Content-Type", "multipart/form-data; boundary=b"), "missing_model"),
    ],
)  # fmt: skip
def test_where_no_default_fits(body: bytes, kind: tuple[str, str], reason: str) -> None:
    refusal = decide(DEFAULTED, arrival(CHAT, bearer(), kind), body)
    assert isinstance(refusal, Refusal) and refusal.reason == reason


def test_a_form_that_names_the_default() -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n--b--\r\n'
    kind = ("Content-Type", "multipart/form-data; boundary=b")
    permit = decide(DEFAULTED, arrival(CHAT, bearer(), kind), form % b"default")
    assert isinstance(permit, Permit) and permit.body == form % b"llama"


def test_without_a_default_and_below_a_providers_name_nothing_is_replaced() -> None:
    refusal = verdict(CHAT, "default")
    assert isinstance(refusal, Refusal) and refusal.reason == "no_provider"
    permit = verdict("/openai/v1/chat/completions", "default", made=DEFAULTED)
    assert isinstance(permit, Permit) and permit.provider == "openai" and permit.body is None


def test_a_default_is_within_a_users_scope_or_refused() -> None:
    refusal = decide(DEFAULTED, arrival(CHAT, bearer("dave"), JSON), b"{}")
    assert isinstance(refusal, Refusal) and refusal.reason == "model_not_allowed"


def test_a_default_through_the_gateway() -> None:
    permit = decide(through_gateway(configured="default_model: groq/llama"), arrival(CHAT, bearer(), JSON), b"{}")
    assert isinstance(permit, Permit) and permit.body == b'{"model":"groq/llama"}'


@pytest.mark.parametrize(("model", "sent"), [("default", "default"), ("m", "m")])
def test_a_field_provider_has_no_default(model: str, sent: str) -> None:
    body = json.dumps({"provider": "openai", "model": model}).encode()
    permit = decide(DEFAULTED, arrival(CHAT, bearer(), JSON), body)
    assert isinstance(permit, Permit) and (permit.provider, permit.body) == (
        "openai",
        b'{"model": "%s"}' % sent.encode(),
    )
    refusal = decide(DEFAULTED, arrival(CHAT, bearer(), JSON), b'{"provider": "openai"}')
    assert isinstance(refusal, Refusal) and refusal.reason == "missing_model"


def test_without_a_default_the_text_says_where_to_set_it() -> None:
    refusal = verdict(CHAT, "default")
    assert isinstance(refusal, Refusal) and refusal.reason == "no_provider" and "DEFAULT_MODEL" in refusal.text
