"""Cloudflare AI Gateway: which of its ways in serves a request. (Its path there: gateway_path.py)

Rules: 1. The vault's `gatewayMode` decides; `auto` decides by the shape of `gatewayEndpoint` and by the request.
       2. A mode that the operator chose is never left for another one: what it cannot serve is refused, and the text
          says what would serve it.
       3. Where the vault says nothing, the gateway of the environment is used (AI_GATEWAY_NAME).

Source: developers.cloudflare.com/ai-gateway, pages "Unified API", "Universal endpoint" and "REST API" (2026).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mitmvault.core.configuration.key_form import TEXT
from mitmvault.core.configuration.paths import Native, endpoint_path
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.gateway_path import REST_TAILS, is_chat, rest_tail
from mitmvault.core.secret import Secret

COMPAT = "/compat"
ORIGIN = "https://gateway.ai.cloudflare.com"
_HOST = ORIGIN.removeprefix("https://")
_REST = re.compile(r"/client/v4/accounts/[^/]+/ai/v1\Z")
_BARE = re.compile(r"/v1/[^/]+/[^/]+\Z")
_NAMED = re.compile(r"(/v1/[^/]+/)[^/]+(?=/|\Z)")

# What the address looks like -> the modes that `auto` tries, in this order.
AUTO = {
    "compat": ("compat", "native"),
    "bare": ("compat", "native"),
    "rest": ("rest",),
    "longer": ("gateway",),  # at Cloudflare, with more behind the gateway's name
    "custom": ("gateway",),
}
# A mode that the operator chose -> the addresses that can serve it.
FITTING = {
    "compat": ("compat", "bare", "custom"),
    "native": ("compat", "bare", "custom"),
    "universal": ("compat", "bare", "custom"),
    "rest": ("rest",),
}
_AT_GATEWAY = f"https://{_HOST}/v1/{{account}}/GATEWAY"
_AT_REST = "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1"
# mode -> what it serves, in words and as a test of (provider, native path, method)
SERVES: dict[str, tuple[str, Callable[[Known, Native, str], bool]]] = {
    "compat": ("POST to /chat/completions", lambda known, path, method: method == "POST" and is_chat(known, path)),
    "native": ("every path", lambda known, path, method: True),
    "rest": (
        "POST to " + ", ".join(REST_TAILS),
        lambda known, path, method: method == "POST" and rest_tail(known, path) is not None,
    ),
    "universal": ("POST with a JSON object", lambda known, path, method: method == "POST"),
    "gateway": ("every path", lambda known, path, method: True),
}
_WHY_AUTO = {
    "compat": "it serves chat completions",
    "native": "compat serves chat completions alone, the provider's own path at the gateway the rest",
    "rest": "gatewayEndpoint is the address of Cloudflare's REST API",
    "gateway": "gatewayEndpoint is neither a compat, a bare nor a REST address; paths are appended, models prefixed",
}


@dataclass(frozen=True)
class Door:
    """A provider's way to the gateway: its address, the token for it, and the modes that may serve."""

    url: str
    base: str  # the path of the gateway itself, without /compat
    token: Secret | None  # a gateway of the environment may be open
    modes: tuple[str, ...]
    chosen: bool  # by the operator, not by `auto`
    sendable: bool = True  # are all keys texts that may stand in a body?

    def mode(self, known: Known, path: Native, method: str) -> str:
        """The mode for a request: the first that serves it. Raises Refusal."""
        for mode in self.modes:
            if SERVES[mode][1](known, path, method):
                return mode
        (mode,) = self.modes
        other = f"a gatewayEndpoint of {_AT_GATEWAY}" if mode == "rest" else "gatewayMode native or auto"
        asked = f"{method} {path.tail or '/'}"
        text = f"{self.why(mode)}. It serves {SERVES[mode][0]}, not {asked}; {other} does."
        raise Refusal("gateway_mode", text)

    @property
    def address(self) -> tuple[str, str, Secret | None] | None:
        """What tells one gateway's universal endpoint from another's; None where there is none."""
        parts = urlsplit(self.url)
        shares = self.sendable and set(self.modes) <= {"compat", "native", "universal"}
        return (f"{parts.scheme}://{parts.netloc}".lower(), self.base, self.token) if shares else None

    def why(self, mode: str) -> str:
        """The mode and its reason, as one clause."""
        if mode not in self.modes:
            return f"mode {mode}: the client asks for several steps"
        reason = f"the vault sets gatewayMode {mode}" if self.chosen else _WHY_AUTO[mode]
        return f"mode {mode}: {reason}"


def door(world: World, known: Known, gateway: str | None = None) -> Door | None:
    """The provider's way to the gateway; None where it is reached directly. Raises Refusal when it is misconfigured.

    `gateway` is the one that the client names in place of the operator's.
    """
    found = _door(world, known)
    return _elsewhere(world, known, found, gateway) if gateway else found


def _door(world: World, known: Known) -> Door | None:
    entry = known.entry
    if entry is None or not entry.gateway_endpoint:
        if entry and entry.gateway_mode != "auto":
            raise Refusal("provider_not_configured", f"{known.name} has gatewayMode {entry.gateway_mode}, but no "
                          "gatewayEndpoint in the vault.")  # fmt: skip
        return _ambient(world, known)
    form, chosen = _form(entry.gateway_endpoint), entry.gateway_mode != "auto"
    modes = _offered(known, (entry.gateway_mode,) if chosen else AUTO[form])
    if not modes:
        raise Refusal("provider_not_configured", f"{known.name} goes through the gateway by its own paths alone: "
                      f"set gatewayMode native, and a gatewayEndpoint such as {_AT_GATEWAY}.")  # fmt: skip
    if chosen and form not in FITTING[entry.gateway_mode]:
        wanted = _AT_REST if entry.gateway_mode == "rest" else _AT_GATEWAY
        raise Refusal("provider_not_configured", f"gatewayMode {entry.gateway_mode} of {known.name} needs a "
                      f"gatewayEndpoint such as {wanted}.")  # fmt: skip
    # The REST API takes a Cloudflare API token, which need not be the one that opens gateways: the vault's own first.
    own, common = entry.gateway_key, world.gateway_token
    token = own or common if modes == ("rest",) else common or own
    if token is None:
        if chosen:
            raise Refusal("provider_not_configured", f"gatewayMode {entry.gateway_mode} of {known.name} needs a token; "
                          "set CLOUDFLARE_AIG_TOKEN for mitmvault, or gatewayKey in the vault.")  # fmt: skip
        return None
    url = world.resolved(entry.gateway_endpoint)
    if url is None:
        raise Refusal("provider_not_configured", f"The gatewayEndpoint of {known.name} contains {{account}}; "
                      "set CLOUDFLARE_ACCOUNT_ID in mitmvault's environment.")  # fmt: skip
    return Door(url, endpoint_path(url).removesuffix(COMPAT), token, modes, chosen, _sendable(known))


def _ambient(world: World, known: Known) -> Door | None:
    """The gateway that the environment names, for providers that it knows and whose address the vault leaves open.

    A slug that begins with custom- is one that the operator would have to register first. The gateway may be open to
    everybody, so no token is needed. (reference system 002)
    """
    entry, gateway = known.entry, known.spec.gateway
    if not (world.gateway_name and world.account and gateway) or gateway.slug.startswith("custom-"):
        return None
    if entry is None or entry.endpoint:
        return None
    url = f"{ORIGIN}/v1/{world.account}/{world.gateway_name}{COMPAT}"
    token, modes = world.gateway_token or entry.gateway_key, _offered(known, AUTO["compat"])
    return Door(url, endpoint_path(url).removesuffix(COMPAT), token, modes, False, _sendable(known))


def _offered(known: Known, modes: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the modes that Cloudflare has for the provider, and that the forms of its keys allow.

    A signature is for one address, and a token of Google's is taken at the provider's own paths alone.
    """
    closed = set()
    if known.spec.gateway and known.spec.gateway.native_only:
        closed |= {"compat", "rest"}
    if not _sendable(known):
        closed |= {"compat", "universal", "gateway"}
    return tuple(mode for mode in modes if mode not in closed)


def _sendable(known: Known) -> bool:
    """Are all its keys texts, which may be sent as they are?"""
    return all(key.form == TEXT for key in known.keys)


def _elsewhere(world: World, known: Known, gate: Door | None, name: str) -> Door:
    """The same way to another gateway of the account, which the client names. Raises Refusal."""
    form = _form(gate.url) if gate else "direct"
    named = _NAMED.match(gate.base) if gate and form in ("compat", "bare", "longer") else None
    if gate is None or named is None or (form != "longer" and named.end() < len(gate.base)):
        raise Refusal("no_such_gateway", f"{known.name} is not reached through a gateway that can be chosen: "
                      f"leave /g/{name} out.")  # fmt: skip
    if world.settings.gateways is not None and name not in world.settings.gateways:
        raise Refusal("no_such_gateway", f"The gateway {name} may not be chosen: the operator lists those that may "
                      "(gateways).")  # fmt: skip
    parts = urlsplit(gate.url)
    base = f"{named[1]}{name}{gate.base[named.end() :]}"
    path = base + endpoint_path(gate.url).removeprefix(gate.base)
    return replace(gate, url=parts._replace(path=path).geturl(), base=base)


def serves_without_key(world: World, known: Known) -> bool:
    """Does the provider need no key of the vault's, as Cloudflare has one, or bills for it itself?"""
    try:
        found = door(world, known)
    except Refusal:
        return False
    return found is not None and found.modes == ("rest",)


def is_usable(world: World, known: Known) -> bool:
    """Has the vault what requests to this provider need: a key that is not expired, or a gateway with one?"""
    entry = known.entry
    return entry is not None and (bool(known.keys) or serves_without_key(world, known))


def _form(endpoint: str) -> str:
    """What the address looks like: a key of AUTO."""
    parts, path = urlsplit(endpoint), endpoint_path(endpoint)
    if _REST.match(path):
        return "rest"
    if path.endswith(COMPAT):
        return "compat"
    if (parts.hostname or "").lower() == _HOST:
        return "bare" if _BARE.match(path) else "longer"
    return "custom"
