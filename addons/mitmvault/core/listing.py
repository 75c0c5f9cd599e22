"""Lists that the vault itself answers: who has keys, and which models it names. (reference system 003)

Rules: 1. Nobody without a token sees a list, and a user sees only what the token allows.
       2. A provider whose vault entry names no models is asked itself: its list passes through.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from mitmvault.core import form
from mitmvault.core.arrival import Arrival
from mitmvault.core.decide import authenticate
from mitmvault.core.paths import checked
from mitmvault.core.place import place
from mitmvault.core.refusal import Answer, Refusal, json_answer
from mitmvault.core.scope import check_provider
from mitmvault.core.users import User
from mitmvault.core.vault import Model, Provider
from mitmvault.core.world import World

PROVIDERS = "/v1/providers"
MODELS = "/v1/models"


def listing(world: World, arrival: Arrival) -> Answer | None:
    """The answer to a request for a list; None when it is not for one that the vault has. Raises Refusal."""
    path = arrival.target.partition("?")[0]
    wanted = arrival.method in ("GET", "HEAD") and not arrival.has("x-host-final")
    name, _, rest = path[1:].partition("/")
    if not wanted or not (path == PROVIDERS or f"/{rest}".startswith(MODELS)):
        return None
    form.check(arrival)
    checked(path)
    if place(world, arrival) is not None:
        return None
    if path == PROVIDERS:
        return json_answer(_providers(world, authenticate(world, arrival)))
    tail = f"/{rest}"[len(MODELS) :]
    return _models(world, arrival, name, tail) if tail[:1] in ("", "/") else None


def _models(world: World, arrival: Arrival, name: str, tail: str) -> Answer | None:
    user = authenticate(world, arrival)
    known = world.providers.get(name)
    if known is None or known.entry is None:
        raise Refusal("not_found", f"Provider {name!r} not found; GET {PROVIDERS} lists those with keys.")
    check_provider(user, known)
    if not known.entry.models:
        return None
    models = {model.id: _model(known.entry, model) for model in known.entry.models if user.may_use_model(model.id)}
    if tail in ("", "/"):
        return json_answer({"object": "list", "data": list(models.values())})
    asked = unquote(tail[1:])
    if asked not in models:
        raise Refusal("not_found", f"Model {asked!r} not found for provider {name!r}.")
    return json_answer(models[asked])


def _providers(world: World, user: User) -> dict[str, Any]:
    usable = [
        entry
        for name, entry in world.vault.providers.items()
        if any(key.usable for key in entry.keys) and any(map(user.may_use_provider, world.providers[name].names))
    ]
    data = [{"id": entry.name, "object": "provider", "protocol": entry.protocol} for entry in usable]
    return {"object": "list", "data": data}


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
