"""A page of an allowed origin reads every answer: the provider's, a stream's, a refusal's. Others get nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import BEARER, CHAT, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e
PAGE = {"Origin": "https://chat.example.com"}
PATH = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    settings = "allow_origins: [https://chat.example.com]\n"
    providers = standard_providers(provider_of_module.url)
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings=settings) as running:
        yield running
        running.assert_nothing_leaked()


@pytest.mark.parametrize(("headers", "status"), [(BEARER, 200), ({}, 401)])
def test_answers(proxy: RunningProxy, provider: FakeProvider, headers: dict[str, str], status: int) -> None:
    reply = send(proxy, PATH, CHAT, headers=headers | PAGE)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, "https://chat.example.com")
    assert send(proxy, PATH, CHAT, headers=headers).headers.get("access-control-allow-origin") is None


@pytest.mark.parametrize("target", [PATH, "/v1/chat/completions"])
def test_the_provider_does_not_hear_of_the_page(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    """Anthropic refuses a request with an Origin (it wants a header of its own), and so does Ollama."""
    assert send(proxy, target, CHAT | {"model": "openai/m"}, headers=BEARER | PAGE).status == 200
    assert provider.wait_for(1)[0].header("origin") is None


def test_steps_neither(proxy: RunningProxy, provider: FakeProvider) -> None:
    step = {"provider": "openai", "query": CHAT, "headers": {"x-own": "1"}}
    assert send(proxy, "/", [step], headers=BEARER | PAGE).status == 200
    (arrived,) = provider.wait_for(1)
    assert arrived.header("origin") is None and arrived.header("x-own") == "1"


def test_redirect_that_is_held_back(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.next(302, {"Location": "https://evil.example/"})
    reply = send(proxy, PATH, CHAT, headers=BEARER | PAGE)
    assert (reply.reason, reply.headers["access-control-allow-origin"]) == ("upstream_redirect", PAGE["Origin"])


def test_preflight_needs_no_token(proxy: RunningProxy, provider: FakeProvider) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    reply = send(proxy, PATH, method="OPTIONS", headers=PAGE | asked)
    assert (reply.status, reply.headers["access-control-allow-headers"]) == (204, "authorization")
    reply = send(proxy, PATH, method="OPTIONS", headers={"Origin": "https://evil.example"} | asked)
    assert (reply.status, reply.reason) == (403, "origin_refused")
    assert provider.arrivals == []
