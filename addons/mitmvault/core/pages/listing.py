"""Lists that the vault itself answers: who has keys, and which models it names. (reference systems 001 and 003)

Rules: 1. Nobody without a token sees a list, and a user sees only what the token allows.
       2. A provider whose vault entry names no models is asked itself: its list passes through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mitmvault.core.configuration.scope import check_provider
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.vault import Model, Provider
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.pages.page import Asked
from mitmvault.core.refusal import Answer, Refusal, json_answer
from mitmvault.core.route.gateway import is_usable


def usable(world: World, user: User) -> Iterator[Known]:
    """The providers with a usable key that the user may use, in the vault's order."""
    for name in world.vault.providers:
        known = world.providers[name]
        if is_usable(world, known) and any(map(user.may_use_provider, known.names)):
            yield known


def providers(asked: Asked) -> Answer:
    """GET /v1/providers"""
    entries = [known.entry for known in usable(asked.world, asked.who) if known.entry]
    data = [{"id": entry.name, "object": "provider", "protocol": entry.protocol} for entry in entries]
    return json_answer({"object": "list", "data": data})


def options(asked: Asked) -> Answer:
    """GET /v1/model-options: every model that the vault names, each with its provider."""
    data = [
        {"id": model["id"], "object": "model", "provider": known.name, "created": model["created"]}
        for known in usable(asked.world, asked.who)
        for model in named(known, asked.who)
    ]
    return json_answer({"object": "list", "data": data})


def models(asked: Asked) -> Answer | None:
    """GET /PROVIDER/v1/models[/ID]; None when the vault names none for it. Raises Refusal."""
    name, wanted = asked.parameters["provider"], asked.parameters.get("model")
    known = asked.world.providers.get(name)
    if known is None or known.entry is None:
        raise Refusal("not_found", f"Provider {name!r} not found; GET /v1/providers lists those with keys.")
    check_provider(asked.who, known)
    if not known.entry.models:
        return None
    found = named(known, asked.who)
    if not wanted:
        return json_answer({"object": "list", "data": found})
    for model in found:
        if model["id"] == wanted:
            return json_answer(model)
    raise Refusal("not_found", f"Model {wanted!r} not found for provider {name!r}.")


def named(known: Known, user: User) -> list[dict[str, Any]]:
    """The models that the vault names for a provider, as far as the user may use them, in OpenAI's shape."""
    entry = known.entry
    return [_model(entry, model) for model in entry.models if user.may_use_model(model.id)] if entry else []


def _model(entry: Provider, model: Model) -> dict[str, Any]:
    """One model in OpenAI's shape, with the limits that clients look for under either name."""
    return {
        "id": model.id,
        "object": "model",
        "created": 0,
        "owned_by": entry.name,
        "context_window": model.context_window,
        "context_length": model.context_window,
        "max_completion_tokens": model.max_output_tokens,
    }
