"""Direct to the provider, or through Cloudflare AI Gateway. (DESIGN section 6)

Rules: 1. The destination comes from the vault or the catalogue. Nothing of it comes from the client.
       2. The gateway is used when `gatewayEndpoint` is set and there is a token for it.
       3. Compat serves chat completions alone; everything else takes the provider's native path at the gateway.

Sources: developers.cloudflare.com/ai-gateway, pages "unified API" and the providers' own (2026).
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from mitmvault.core.endpoint import ACCOUNT
from mitmvault.core.paths import Native, endpoint_path, join
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Target
from mitmvault.core.world import Known, World

CHAT = "/chat/completions"
COMPAT = "/compat"


def choose(world: World, known: Known, path: Native, query: str) -> Target:
    """The target for a native path. `query` begins with "?" or is empty. Raises Refusal when nothing is configured."""
    entry = known.entry
    token = world.gateway_token or (entry.gateway_key if entry else None)
    if entry and entry.gateway_endpoint and token:
        return _gateway(world, known, path, query, token)
    endpoint = world.endpoint_of(known)
    if endpoint is None or "*" in known.spec.base_path:
        raise Refusal("provider_not_configured", _missing(known))
    if not entry or not entry.gateway_endpoint:
        why = "the vault sets no gatewayEndpoint"
    else:
        why = "no gateway token (CLOUDFLARE_AIG_TOKEN or gatewayKey)"
    return _target("direct", endpoint, join(known.spec, endpoint, path) + query, path, None, why)


def _gateway(world: World, known: Known, path: Native, query: str, token: Secret) -> Target:
    assert known.entry and known.entry.gateway_endpoint
    url = known.entry.gateway_endpoint
    resolved = world.resolved(url)
    if resolved is None:
        raise Refusal("provider_not_configured", f"The gatewayEndpoint of {known.name} contains {{account}}; "
                      "set CLOUDFLARE_ACCOUNT_ID in mitmvault's environment.")  # fmt: skip
    url, base = resolved, endpoint_path(resolved)
    if not base.endswith(COMPAT):
        why = "gatewayEndpoint is no /compat address: paths are appended, models prefixed"
        return _target("gateway", url, base + path.tail + query, path, token, why, prefixes=True)
    if _is_chat(known, path):
        return _compat(known, url, base + CHAT + query, path, token)
    gateway = known.spec.gateway
    slug = gateway.slug if gateway else known.entry.gateway_model_prefix
    if not slug:
        raise Refusal("provider_not_configured", f"Cloudflare's compat endpoint cannot serve {path.tail}, and "
                      f"{known.name} has no gateway slug; set gatewayModelPrefix in the vault.")  # fmt: skip
    rest = _behind_slug(world, known, path)
    why = "gatewayEndpoint is set; compat cannot serve this path, the provider's own path at the gateway can"
    return _target("native", url, f"{base.removesuffix(COMPAT)}/{slug}{rest}{query}", path, token, why)


def _behind_slug(world: World, known: Known, path: Native) -> str:
    """What follows the slug, e.g. `/v1/messages`, or at Azure `/my-resource/my-deployment/chat/completions`."""
    gateway = known.spec.gateway
    if gateway is None:
        return path.path
    rest, base = path.path, known.spec.base_path
    if not gateway.keep_base and rest.startswith(base + "/"):
        rest = rest.removeprefix(base)
    if gateway.drop and rest.startswith(gateway.drop + "/"):
        rest = rest.removeprefix(gateway.drop)
    host = urlsplit(world.endpoint_of(known) or "").hostname or ""
    labels = host.split(".")[: gateway.labels]
    if len(labels) < gateway.labels or not all(labels):
        raise Refusal("provider_not_configured", _missing(known))
    return "".join("/" + label for label in labels) + rest


def _missing(known: Known) -> str:
    if known.spec.endpoint and ACCOUNT in known.spec.endpoint:
        return f"Provider {known.name} needs an account: set CLOUDFLARE_ACCOUNT_ID in mitmvault's environment."
    if "*" in known.spec.base_path:
        shape = known.spec.base_path.replace("*", "…")
        return f"The endpoint of {known.name} in the vault must be a URL with the path {shape}."
    return f"Provider {known.name} has no endpoint; set it in the vault."


def _compat(known: Known, url: str, raw_path: str, path: Native, token: Secret) -> Target:
    """Compat finds the provider by the model's prefix: without one, the client would choose who gets our key."""
    assert known.entry
    prefix = known.spec.gateway.prefix if known.spec.gateway else None
    if not (known.entry.gateway_model_prefix or prefix):
        raise Refusal("provider_not_configured", f"The vault sets no gatewayModelPrefix for {known.name}.")
    why = "gatewayEndpoint is set, and compat serves chat completions"
    target = _target("compat", url, raw_path, path, token, why, prefixes=True)
    return replace(target, default_prefix=prefix)


def _is_chat(known: Known, path: Native) -> bool:
    return path.tail == CHAT or path.path == (known.spec.chat_base or "") + CHAT


def _target(
    mode: str, url: str, raw_path: str, path: Native, token: Secret | None, why: str, prefixes: bool = False
) -> Target:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Target(mode, parts.scheme, host, port, raw_path, path.path, prefixes, token, why)
