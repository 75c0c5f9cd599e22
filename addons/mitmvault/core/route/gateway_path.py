"""A request as Cloudflare AI Gateway wants it: the path behind the provider's slug, and the prefix of the model.

Rule: a gateway finds the provider by the model's prefix or by the slug. Both come from the vault and the catalogue:
without them the client would choose who gets our key.

Sources: developers.cloudflare.com/ai-gateway, pages "Unified API", "Universal endpoint", "REST API" and the providers'
own (2026). The REST API knows providers as authors: google for google-ai-studio, xai for grok.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mitmvault.core.configuration.paths import Native
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.refusal import Refusal

CHAT = "/chat/completions"
REST_TAILS = (CHAT, "/responses", "/messages")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]")


def is_chat(known: Known, path: Native) -> bool:
    """Is this the provider's path for chat completions in OpenAI's form?"""
    return path.tail == CHAT or path.path == (known.spec.chat_base or "") + CHAT


def rest_tail(known: Known, path: Native) -> str | None:
    """The path behind the REST API's address that means the same; None when it has none."""
    tail = CHAT if is_chat(known, path) else path.tail.removeprefix("/v1")
    return tail if tail in REST_TAILS else None


def behind_slug(world: World, known: Known, path: Native) -> str:
    """What follows the slug, e.g. `/v1/messages`, or at Azure `/my-resource/my-deployment/chat/completions`."""
    gateway = known.spec.gateway
    if gateway is None:
        return path.path
    if "*" in (path.base or ""):  # whose project, nobody says: not the client
        raise Refusal("provider_not_configured", f"Provider {known.name} has no endpoint; set it in the vault.")
    rest, base = path.path, known.spec.base_path
    if not gateway.keep_base and rest.startswith(base + "/"):
        rest = rest.removeprefix(base)
    if gateway.drop and rest.startswith(gateway.drop + "/"):
        rest = rest.removeprefix(gateway.drop)
    elif gateway.drop and gateway.native_only:
        # Anything else would be taken for the name of a deployment, unseen by whoever compares models with a scope.
        served = f"{base}{gateway.drop}/"
        raise Refusal("gateway_mode", f"Behind the gateway, only paths of {known.name} that begin with {served} are "
                      "served.")  # fmt: skip
    elif gateway.drop and known.spec.model_in_path and rest[:2] in ("/@", "/%"):
        # What is dropped names the place of the model: without it, nobody would compare it with the user's scope.
        raise Refusal("bad_path", f"Write the model of {known.name} behind {gateway.drop}/.")
    host = urlsplit(world.endpoint_of(known) or "").hostname or ""
    labels = host.split(".")[: gateway.labels]
    if len(labels) < gateway.labels or not all(labels):
        raise Refusal("provider_not_configured", f"Provider {known.name} has no endpoint; set it in the vault.")
    return "".join("/" + label for label in labels) + rest


def relative(endpoint: str) -> str:
    """A path in an element of a universal request. Raises Refusal where a URL parser could take it for another host."""
    if _ABSOLUTE.match(endpoint):
        raise Refusal("bad_path", "At the universal endpoint, a path must not begin with a slash or like a URL.")
    return endpoint


def slug(known: Known, mode: str, path: Native) -> str:
    """The provider's name in a path at the gateway. Raises Refusal when nobody gave it one."""
    assert known.entry
    found = known.spec.gateway.slug if known.spec.gateway else known.entry.gateway_model_prefix
    if not found:
        raise Refusal("provider_not_configured", f"Mode {mode} reaches {path.tail} by the provider's name at the "
                      f"gateway, and {known.name} has none; set gatewayModelPrefix in the vault.")  # fmt: skip
    return found


def model_prefix(known: Known, mode: str) -> str | None:
    """What stands before a model's id in this mode; None where models are sent as they are. Raises Refusal."""
    assert known.entry
    own, gateway = known.entry.gateway_model_prefix, known.spec.gateway
    if mode not in ("compat", "rest"):
        return own if mode == "gateway" else None
    found = compat_prefix(known) if mode == "compat" else (gateway.author_name if gateway else own)
    if not found:
        raise Refusal("provider_not_configured", f"The vault sets no gatewayModelPrefix for {known.name}.")
    return found


def compat_prefix(known: Known) -> str | None:
    """What stands before a model's id at the compat endpoint; None where nobody says."""
    own = known.entry.gateway_model_prefix if known.entry else None
    return own or (known.spec.gateway.prefix if known.spec.gateway else None)
