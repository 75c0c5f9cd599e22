"""Pick the provider for a request, and its path there. (DESIGN section 4.3)

Rules: 1. X-Host-Final beats a path prefix, a prefix beats the intercepted host.
       2. An X-Host-Final that names no provider is a refusal, never a fall-through.
       3. There is no default provider.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitmvault.core.configuration.hostnames import of_url_or_host
from mitmvault.core.configuration.paths import Native, first_segment, native, openai_door
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.refusal import Refusal


@dataclass(frozen=True)
class Route:
    """A provider, the rule that found it, and the path as that provider knows it."""

    known: Known
    rule: str
    native: Native


def route(world: World, arrival: Arrival, place: Known | None) -> Route:
    """The route of an authenticated request; `place` is the provider host it arrived at, if any. Raises Refusal."""
    path = arrival.target.partition("?")[0]
    for rule in (_by_header, _by_prefix, _by_host):
        if found := rule(world, arrival, path, place):
            return found
    if arrival.method in ("GET", "HEAD"):
        raise Refusal("not_found", "Nothing is served here. " + _hint(world))
    raise Refusal("no_provider", "No provider can be determined from this request. " + _hint(world))


def _by_header(world: World, arrival: Arrival, path: str, place: Known | None) -> Route | None:
    values = set(arrival.values("x-host-final"))
    if not values:
        return None
    known = world.host(of_url_or_host(values.pop()))
    if known is None or values:
        raise Refusal("unknown_host_final", "X-Host-Final names no provider that mitmvault knows. " + _hint(world))
    # Clients in the wild send a prefix as well; where it is not part of the native path, it is dropped.
    inside = native(known.spec, path, lenient=False).base is not None
    if not inside and first_segment(path) in world.providers:
        path = path[1 + len(first_segment(path)) :]
    return Route(known, "X-Host-Final", openai_door(known.spec, native(known.spec, path, lenient=True)))


def _by_prefix(world: World, arrival: Arrival, path: str, place: Known | None) -> Route | None:
    segment = first_segment(path)
    known = world.providers.get(segment) if place is None else None
    if known is None:
        return None
    rest = native(known.spec, path[1 + len(segment) :], lenient=True)
    return Route(known, f"path prefix /{segment}/", openai_door(known.spec, rest))


def _by_host(world: World, arrival: Arrival, path: str, place: Known | None) -> Route | None:
    return Route(place, f"intercepted host {arrival.host}", native(place.spec, path, lenient=False)) if place else None


def _hint(world: World) -> str:
    names = ", ".join(f"/{name}/" for name in world.vault.providers)
    return f"Use a path prefix ({names or 'the vault has no providers yet'}) or an X-Host-Final header."
