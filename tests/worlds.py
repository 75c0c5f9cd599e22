"""Builders for unit tests of the decision: a world, arrivals at it, bodies. Nothing here does I/O but the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mitmvault.core.configuration import catalogue, settings, users, vault
from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.secret import Secret
from mitmvault.home.resources import config_file

CATALOGUE = catalogue.load(config_file("providers.yaml").read_text("utf-8"))
COMPAT = "https://gateway.ai.cloudflare.com/v1/{account}/main/compat"
AIG_TOKEN = "cf-aig-made-up-token-0001"
TOKENS = {name: f"mv-{name}-token-made-up" for name in ("alice", "bob", "carol", "dave", "erin")}
USERS: dict[str, Any] = {
    "alice": {"key": TOKENS["alice"]},
    "bob": {"key": TOKENS["bob"]},
    "carol": {"key": TOKENS["carol"], "providers": ["groq", "google"]},
    "dave": {"key": TOKENS["dave"], "models": ["cheap", "small-*"]},
    "erin": {"key": TOKENS["erin"], "type": "expired"},
}
PROVIDERS: dict[str, Any] = {
    "openai": {"keys": [{"key": "sk-made-up-openai-0001"}]},
    "anthropic": {"keys": [{"key": "sk-made-up-anthropic-0001"}]},
    "gemini": {"keys": [{"key": "made-up-gemini-key-0001"}]},
    "groq": {
        "endpoint": "https://api.groq.com/openai/v1",
        "keys": [
            {"key": "gsk-made-up-groq-0001"},
            {"key": "gsk-made-up-groq-0002", "type": "expired"},
            {"key": "gsk-made-up-groq-0003"},
        ],
    },
    "mistral": {"keys": [{"key": "made-up-mistral-0001", "type": "expired"}]},
    "mine": {"endpoint": "https://llm.example:8443/deep/v9", "keys": [{"key": "made-up-mine-key-0001"}]},
    "homeless": {"keys": [{"key": "made-up-homeless-0001"}]},
}


def world(
    providers: Mapping[str, Any] = PROVIDERS,
    *,
    people: Mapping[str, Any] = USERS,
    configured: str = "",
    gateway: bool = False,
    **fields: Any,
) -> World:
    """A world with the shipped catalogue; `configured` is the text of mitmvault.yaml."""
    fields.setdefault("gateway_token", Secret(AIG_TOKEN) if gateway else None)
    fields.setdefault("account", "acct")
    return World(
        fields.pop("catalogue", CATALOGUE),
        vault.checked({"providers": dict(providers)}),
        users.checked(dict(people)),
        settings.load(configured),
        **fields,
    )


def through_gateway(**more: Any) -> World:
    """The same providers, every one behind the gateway's compat endpoint."""
    prefixes = {"gemini": "google-ai-studio"} | more.pop("prefixes", {})
    providers = {
        name: {**fields, "gatewayEndpoint": COMPAT, "gatewayModelPrefix": prefixes.get(name, name)}
        for name, fields in (PROVIDERS | more.pop("providers", {})).items()
    }
    return world(providers, **({"gateway": True} | more))


def arrival(
    target: str = "/openai/v1/chat/completions",
    *headers: tuple[str, str],
    method: str = "POST",
    host: str = "127.0.0.1",
    port: int = 8080,
    scheme: str = "http",
    way: Way = Way.LISTENER,
    authority: str | None = None,
    **fields: Any,
) -> Arrival:
    """A request at the base URL, without a token unless a header brings one."""
    if authority is None:
        authority = host if port == {"http": 80, "https": 443}.get(scheme) else f"{host}:{port}"
    fields.setdefault("listener", ("127.0.0.1", 8080))
    return Arrival(way, method, scheme, host, port, target, (("Host", authority), *headers), authority, **fields)


def intercepted(host: str, target: str, *headers: tuple[str, str], **fields: Any) -> Arrival:
    """A request inside a CONNECT tunnel, all names alike."""
    names = {"host": host, "port": 443, "scheme": "https", "way": Way.TUNNEL, "tls": True, "sni": host}
    return arrival(target, *headers, **(names | fields))


def bearer(name: str = "alice") -> tuple[str, str]:
    """The user's token as SDKs send it."""
    return ("Authorization", f"Bearer {TOKENS[name]}")


JSON = ("Content-Type", "application/json")


def chat(model: Any = "cheap") -> bytes:
    """A chat request."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
