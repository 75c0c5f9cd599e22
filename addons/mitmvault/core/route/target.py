"""Direct to the provider, or through a gateway: where a native path is requested. (DESIGN section 6)

Rules: 1. The destination comes from the vault or the catalogue. Nothing of it comes from the client.
       2. The gateway is used when `gatewayEndpoint` is set and there is a token for it; `core.gateway` says how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from mitmvault.core.configuration.endpoint import ACCOUNT
from mitmvault.core.configuration.key_form import AWS
from mitmvault.core.configuration.paths import Native, endpoint_path, join
from mitmvault.core.configuration.signing import Signing, signing
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.gateway import COMPAT, Door, door
from mitmvault.core.route.gateway_path import CHAT, behind_slug, model_prefix, relative, rest_tail, slug
from mitmvault.core.verdict import AIG_AUTHORIZATION, Target


def choose(
    world: World,
    known: Known,
    path: Native,
    query: str,
    method: str = "POST",
    mode: str | None = None,
    gateway: str | None = None,
) -> Target:
    """The target for a native path. `query` begins with "?" or is empty. Raises Refusal when nothing is configured.

    `mode` is one that the gateway, if there is one, can serve beside its own; `gateway` is one that the client names.
    """
    if gate := door(world, known, gateway):
        found = _gateway(world, known, gate, path, query, mode or gate.mode(known, path, method))
    else:
        found = _direct(world, known, path, query)
    return replace(found, signing=_signing(world, known, path, query)) if found.sends_key else found


def _direct(world: World, known: Known, path: Native, query: str) -> Target:
    endpoint = world.endpoint_of(known)
    if endpoint is None or "*" in known.spec.base_path:
        raise Refusal("provider_not_configured", _missing(known))
    if not known.entry or not known.entry.gateway_endpoint:
        why = "mode direct: the vault sets no gatewayEndpoint"
    else:
        why = "mode direct: no gateway token (CLOUDFLARE_AIG_TOKEN or gatewayKey)"
    return at("direct", endpoint, join(known.spec, endpoint, path) + query, path, why)


def _gateway(world: World, known: Known, gate: Door, path: Native, query: str, mode: str) -> Target:
    prefix = model_prefix(known, mode)
    raw_path = _PATHS[mode](world, known, gate, path) + query
    found = at(mode, gate.url, raw_path, path, gate.why(mode))
    if mode == "universal":
        endpoint = relative(behind_slug(world, known, path)[1:]) + query
        found = replace(found, path=gate.base or "/", slug=slug(known, mode, path), endpoint=endpoint)
    return replace(
        found,
        gateway_token=gate.token,
        token_header="authorization" if mode == "rest" else AIG_AUTHORIZATION,
        prefixes_model=mode in ("compat", "gateway", "rest"),
        prefix=prefix,
    )


def _signing(world: World, known: Known, path: Native, query: str) -> Signing | None:
    """What keys that sign have to sign: the request as the provider itself is asked. Raises Refusal."""
    if all(key.form != AWS for key in known.keys):
        return None
    found = _direct(world, known, path, query)
    url = f"{found.scheme}://{found.authority}{found.path}"
    return signing(known.name, known.entry.region if known.entry else None, found.host, url)


def _native(world: World, known: Known, gate: Door, path: Native) -> str:
    return f"{gate.base}/{slug(known, 'native', path)}{behind_slug(world, known, path)}"


# mode -> the raw path at the gateway
_PATHS: dict[str, Callable[[World, Known, Door, Native], str]] = {
    "compat": lambda world, known, gate, path: gate.base + COMPAT + CHAT,
    "native": _native,
    "rest": lambda world, known, gate, path: gate.base + (rest_tail(known, path) or ""),
    "universal": lambda world, known, gate, path: gate.base,
    "gateway": lambda world, known, gate, path: endpoint_path(gate.url) + path.tail,
}


def _missing(known: Known) -> str:
    if known.spec.endpoint and ACCOUNT in known.spec.endpoint:
        return f"Provider {known.name} needs an account: set CLOUDFLARE_ACCOUNT_ID in mitmvault's environment."
    if "*" in known.spec.base_path:
        shape = known.spec.base_path.replace("*", "…")
        return f"The endpoint of {known.name} in the vault must be a URL with the path {shape}."
    return f"Provider {known.name} has no endpoint; set it in the vault."


def at(mode: str, url: str, raw_path: str, path: Native, why: str) -> Target:
    """A target at the origin of `url`; `raw_path` is the whole path there, with its query."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").lower()
    return Target(mode, parts.scheme, host, port, raw_path, path.path, False, None, why)
