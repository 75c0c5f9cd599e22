"""Which provider, by which rule, and the path there."""

from __future__ import annotations

import pytest

from mitmvault.core.refusal import Refusal
from mitmvault.core.route.routing import route
from tests.worlds import arrival, intercepted, world

WORLD = world()
CHAT = "/chat/completions"


def routed(target: str, *headers, **fields):
    found = route(WORLD, arrival(target, *headers, **fields), None)
    return found.known.name, found.rule, found.native.path


def final(value: str):
    return ("X-Host-Final", value)


HEADER = "X-Host-Final"


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        # prefix
        ("/groq/v1" + CHAT, [], ("groq", "path prefix /groq/", "/openai/v1" + CHAT)),
        ("/groq/v1/models?x=/openai/", [], ("groq", "path prefix /groq/", "/openai/v1/models")),
        ("/google-ai-studio/v1beta/models", [], ("gemini", "path prefix /google-ai-studio/", "/v1beta/models")),
        ("/gemini/v1" + CHAT, [], ("gemini", "path prefix /gemini/", "/v1beta/openai" + CHAT)),
        ("/mine/x", [], ("mine", "path prefix /mine/", "/deep/v9/x")),
        ("/groq/", [], ("groq", "path prefix /groq/", "/openai/v1/")),
        ("/groq//ws", [], ("groq", "path prefix /groq/", "/openai/v1//ws")),
        ("/groq/groq/v1/x", [], ("groq", "path prefix /groq/", "/openai/v1/groq/v1/x")),
        # X-Host-Final, in every form, beats the prefix
        ("/openai/v1" + CHAT, [final("api.groq.com")], ("groq", HEADER, "/openai/v1" + CHAT)),
        ("/openai/v1" + CHAT, [final("api.anthropic.com")], ("anthropic", HEADER, "/v1" + CHAT)),
        ("/openai" + CHAT, [final("api.groq.com")], ("groq", HEADER, "/openai/v1" + CHAT)),
        ("/v1/models", [final("API.GROQ.com.")], ("groq", HEADER, "/openai/v1/models")),
        ("/v1/models", [final("https://api.groq.com:443/")], ("groq", HEADER, "/openai/v1/models")),
        ("/v1/models", [final(" http://api.groq.com/openai/v1 ")], ("groq", HEADER, "/openai/v1/models")),
        ("/v1/models", [final("api.groq.com"), final("api.groq.com")], ("groq", HEADER, "/openai/v1/models")),
        ("/v1/models", [("x-host-final", "llm.example")], ("mine", HEADER, "/deep/v9/models")),
        ("/v1beta/models/g:x", [final("generativelanguage.googleapis.com")], ("gemini", HEADER, "/v1beta/models/g:x")),
        ("/v1" + CHAT, [final("generativelanguage.googleapis.com")], ("gemini", HEADER, "/v1beta/openai" + CHAT)),
    ],
)
def test_route(target, headers, expected):
    assert routed(target, *headers) == expected


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/openai/v1/models", [], ("groq", "intercepted host api.groq.com", "/openai/v1/models")),
        ("/anthropic/v1/messages", [], ("groq", "intercepted host api.groq.com", "/anthropic/v1/messages")),
        ("/v1" + CHAT, [], ("groq", "intercepted host api.groq.com", "/v1" + CHAT)),
        ("/v1/models", [final("api.openai.com")], ("openai", HEADER, "/v1/models")),
    ],
)
def test_an_intercepted_host(target, headers, expected):
    came = intercepted("api.groq.com", target, *headers)
    found = route(WORLD, came, WORLD.providers["groq"])
    assert (found.known.name, found.rule, found.native.path) == expected


@pytest.mark.parametrize(
    ("target", "headers", "reason"),
    [
        ("/v1/models", [final("evil.example")], "unknown_host_final"),
        ("/groq/v1/models", [final("evil.example")], "unknown_host_final"),
        ("/groq/v1/models", [final("")], "unknown_host_final"),
        ("/groq/v1/models", [final("api.groq.com.evil.example")], "unknown_host_final"),
        ("/groq/v1/models", [final("evil.example/api.groq.com")], "unknown_host_final"),
        ("/groq/v1/models", [final("api.groq.com@evil.example")], "unknown_host_final"),
        ("/groq/v1/models", [final("evil.example@api.groq.com")], "unknown_host_final"),
        ("/groq/v1/models", [final("groq")], "unknown_host_final"),
        ("/groq/v1/models", [final("127.0.0.1")], "unknown_host_final"),
        ("/groq/v1/models", [final("api.groq.com"), final("api.openai.com")], "unknown_host_final"),
        ("/nobody/v1", [], "no_provider"),
        ("/groq", [], "no_provider"),
        ("/", [], "no_provider"),
        ("//groq/v1", [], "no_provider"),
        ("/GROQ/v1", [], "no_provider"),
        ("/gr%6fq/v1", [], "no_provider"),
        ("/groqx/v1", [], "no_provider"),
        ("/v1" + CHAT, [], "no_provider"),
    ],
)
def test_no_route(target, headers, reason):
    for method, expected in (("POST", reason), ("GET", "not_found" if reason == "no_provider" else reason)):
        with pytest.raises(Refusal) as caught:
            routed(target, *headers, method=method)
        assert caught.value.reason == expected
        assert "evil" not in caught.value.text and "/groq/" in caught.value.text


def test_the_hint_of_an_empty_vault():
    with pytest.raises(Refusal) as caught:
        route(world({}), arrival("/x"), None)
    assert "no providers yet" in caught.value.text
