"""Lists from the vault, over the wire; nothing reaches the provider unless the vault names no models."""

from __future__ import annotations

import pytest

from tests.client import send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e


def test_from_the_vault_or_from_the_provider(proxy: RunningProxy, provider: FakeProvider) -> None:
    providers = standard_providers(provider.url)
    providers["groq"] = dict(providers["groq"]) | {"models": [{"id": "a/b"}]}  # type: ignore[call-overload]
    proxy.write_vault(providers)
    assert [entry["id"] for entry in send(proxy, "/v1/providers").json["data"]] == list(providers)
    assert send(proxy, "/groq/v1/models").json["data"][0]["id"] == "a/b"
    assert send(proxy, "/groq/v1/models/a%2Fb").json["owned_by"] == "groq"
    assert send(proxy, "/groq/v1/models", headers={}).status == 401
    assert provider.arrivals == []
    assert send(proxy, "/openai/v1/models").status == 200
    assert provider.wait_for(1)[0].target == "/v1/models"
