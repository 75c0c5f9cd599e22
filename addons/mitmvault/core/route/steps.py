"""A client's own list of steps, tried in their order: `POST /` with Cloudflare's universal form. (reference system 002)

    [{"provider": "groq", "endpoint": "chat/completions", "headers": {…}, "config": {…}, "query": {"model": …}}, …]

Rules: 1. Each step is a request of its own to the whole decision: route, scopes, keys, target. One that may not be made
          refuses them all: a list is no way around a scope.
       2. Credentials in a step's headers are removed, as everywhere. Nothing of its path can name another host.
       3. If one gateway serves all steps, it gets them in one request, and the fallback is its own. Else it is ours:
          the next step is tried when one is answered with a status from 400 on (answer/attempts.py), and `cf-aig-step`
          says which one answered.

Source: developers.cloudflare.com/ai-gateway/universal (2026); with `provider: compat`, the model names the provider.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mitmvault.core.configuration.paths import checked, native, openai_door
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.formats import coding, span
from mitmvault.core.message import body as bodies
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival, Headers
from mitmvault.core.message.credentials import AIG, stripped_headers
from mitmvault.core.refusal import Refusal
from mitmvault.core.route import universal
from mitmvault.core.route.gateway import COMPAT, door
from mitmvault.core.route.gateway_path import CHAT, compat_prefix
from mitmvault.core.route.permitting import destined, permitted
from mitmvault.core.route.routing import Route
from mitmvault.core.route.unified import by_model
from mitmvault.core.verdict import Permit, Step

PATH = "/"
FIELDS = ("provider", "endpoint", "headers", "query", "config", "authorization")
_decoder = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


@dataclass(frozen=True)
class Wanted:
    """A step as the client wrote it."""

    number: int  # from 0
    provider: str | None
    path: str  # raw, with a slash in front and its query
    headers: Headers
    query: bytes
    config: bytes | None


@dataclass(frozen=True)
class Found:
    """A step, its provider, and its model as the provider calls it, where the client wrote `provider/model`."""

    wanted: Wanted
    known: Known
    named: str | None


def is_asked(arrival: Arrival) -> bool:
    """Is this request for our own address a list of steps?"""
    path = arrival.target.partition("?")[0]
    return arrival.method == "POST" and path == PATH and not arrival.has("x-host-final")


def permit(world: World, arrival: Arrival, user: User, body: bytes) -> Permit:
    """The permit for a list of steps: one for the gateway, or the first of several of ours. Raises Refusal."""
    limit = world.settings.body_limit
    plain = coding.decode(body, arrival.value("content-encoding").strip().lower(), max(limit, len(body)))
    found = [_found(world, user, wanted) for wanted in read(plain)]
    doors = [door(world, step.known, arrival.detour.gateway) for step in found]
    addresses = {gate.address if gate else None for gate in doors}
    shared = len(addresses) == 1 and None not in addresses
    permits = [_permit(world, arrival, user, step, shared) for step in found]
    if not shared:
        return replace(permits[0], others=tuple(permits[1:]))
    made = tuple(_element(permit, step) for permit, step in zip(permits, found, strict=True))
    base = doors[0].base if doors[0] else ""
    target = replace(permits[0].target, mode="universal", path=base or "/", prefixes_model=False)
    return replace(universal.of_steps(permits[0], made), target=target, step=None)


def read(plain: bytes) -> list[Wanted]:
    """The steps in a body, without a coding. Raises Refusal."""
    span.find(plain)  # valid JSON in plain UTF-8
    try:
        elements = _decoder.decode(plain)
    except (msgspec.ValidationError, RecursionError):
        raise Refusal("bad_json", "POST / takes a JSON array of steps: [{provider, endpoint, query}, …].") from None
    if not 1 <= len(elements) <= universal.MOST:
        raise Refusal("bad_request", f"POST / takes between 1 and {universal.MOST} steps.")
    return [_wanted(number, element) for number, element in enumerate(elements)]


def _wanted(number: int, element: dict[str, msgspec.Raw]) -> Wanted:
    for name in element:
        if name not in FIELDS:
            raise _wrong(number, f"has an unknown field; known are {', '.join(FIELDS)}")
    values = {name: msgspec.json.decode(element[name]) for name in ("provider", "endpoint", "headers")
              if name in element}  # fmt: skip
    provider, endpoint = values.get("provider"), values.get("endpoint", CHAT)
    if not isinstance(provider, str | None) or not isinstance(endpoint, str):
        raise _wrong(number, "must name provider and endpoint as texts")
    raw = {name: bytes(element[name]) for name in ("query", "config") if name in element}
    if "query" not in raw or any(not value.startswith(b"{") for value in raw.values()):
        raise _wrong(number, "must have an object as its query, and as its config if any")
    path = "/" + endpoint.removeprefix("/")
    return Wanted(number, provider, path, _headers(number, values.get("headers")), raw["query"], raw.get("config"))


def _headers(number: int, value: Any) -> Headers:
    """A step's headers, without credentials and framing, which are never the client's to set there."""
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(item, str | int | float) for item in value.values()):
        raise _wrong(number, "must have an object of texts as its headers")
    texts = {name: str(item).lower() if isinstance(item, bool) else str(item) for name, item in value.items()}
    for name, text in texts.items():
        if not form.is_token(name) or not (text.isascii() and text.isprintable()):
            raise _wrong(number, "has a header that is not valid")
    kept = stripped_headers(tuple(texts.items()))
    return tuple((name.lower(), text) for name, text in kept if name.lower() not in universal.NOT_CARRIED)


def _found(world: World, user: User, wanted: Wanted) -> Found:
    """Whose step it is. Raises Refusal."""
    if wanted.provider not in (None, COMPAT[1:]):
        return Found(wanted, _named(world, wanted.number, wanted.provider or ""), None)
    place = span.find(wanted.query)
    model = place.value if place else None
    if wanted.provider is None:
        return Found(wanted, *by_model(world, user, model))
    if model is None or "/" not in model:
        raise Refusal("missing_model", f"Step {wanted.number}: the model of a compat step is provider/model.")
    if wanted.path not in (CHAT, "/v1" + CHAT):
        raise _wrong(wanted.number, f"has provider compat, which serves {CHAT[1:]} alone")
    name, _, rest = model.partition("/")
    known = _named(world, wanted.number, name)
    if known.spec.gateway and known.spec.gateway.native_only:
        raise _wrong(wanted.number, f"has provider compat, where Cloudflare does not offer {known.name}")
    prefix = compat_prefix(known)
    return Found(wanted, known, model.removeprefix(f"{prefix}/") if model.startswith(f"{prefix}/") else rest)


def _named(world: World, number: int, name: str) -> Known:
    """The provider of this name, or with this name at the gateway. Raises Refusal."""
    for known in (world.providers.get(name), *world.providers.values()):
        if known is None or known.entry is None:
            continue
        slug = known.spec.gateway.slug if known.spec.gateway else known.entry.gateway_model_prefix
        if name in known.names or name == slug:
            return known
    raise Refusal("no_provider", f"Step {number} names no provider that the vault has.")


def _permit(world: World, arrival: Arrival, user: User, found: Found, shared: bool) -> Permit:
    """The permit for a step alone. Raises Refusal."""
    wanted, known = found.wanted, found.known
    asked = _arrival(arrival, wanted)
    form.check(asked)
    path = checked(_path(known, wanted.path.partition("?")[0]))
    there = Route(known, f"step {wanted.number}", openai_door(known.spec, native(known.spec, path, lenient=True)))
    mode = ("compat" if wanted.provider == COMPAT[1:] else "universal") if shared else None
    admission = destined(world, asked, user, there, mode)
    reading = bodies.read(asked, wanted.query, len(wanted.query))
    made = permitted(asked, admission, reading, found.named, world.settings.body_limit)
    direct = made.target.mode == "direct"
    own = {name: value for name, value in wanted.headers if not (shared or (direct and name.startswith(AIG)))}
    headers = own | dict(made.headers) | dict([universal.JSON_TYPE])
    body = wanted.query if made.body is None and not made.steps else made.body
    headers.pop("content-length", None)
    return replace(
        made, headers=tuple(headers.items()), body=body, dropped=made.dropped | universal.FRAMING, step=wanted.number
    )


def _arrival(arrival: Arrival, wanted: Wanted) -> Arrival:
    """The request that the step would be by itself."""
    own = {name for name, _ in wanted.headers} | universal.FRAMING | {"content-type"}
    outer = tuple((name, value) for name, value in arrival.headers if name.lower() not in own)
    return replace(arrival, target=wanted.path, headers=(*outer, *wanted.headers, universal.JSON_TYPE))


def _path(known: Known, path: str) -> str:
    """Workers AI's own form leaves out where the model begins: `@cf/meta/llama`."""
    gateway = known.spec.gateway
    return gateway.drop + path if gateway and gateway.drop and path.startswith("/@") else path


def _element(permit: Permit, found: Found) -> Step:
    """The step as an element for the gateway, with the headers that the client gave it."""
    wanted = found.wanted
    if permit.steps:
        step = permit.steps[0]
    else:
        query = permit.body or wanted.query
        carried = (universal.JSON_TYPE,)
        step = Step(permit.provider, COMPAT[1:], CHAT[1:], carried, permit.keys, permit.key_header,
                    permit.key_template, query, counting=permit.counting)  # fmt: skip
    headers = dict(step.headers) | {name: value for name, value in wanted.headers if name != step.key_header}
    return replace(step, headers=tuple(headers.items()), config=wanted.config, most=1)


def _wrong(number: int, what: str) -> Refusal:
    return Refusal("bad_request", f"Step {number} {what}.")
