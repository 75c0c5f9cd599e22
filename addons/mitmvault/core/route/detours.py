"""What a path says before it comes to the point: /g/GATEWAY/ for another gateway, /key/N/ for some of the keys. (002)

Rules: 1. Both stand in front of everything else, once each, in any order; what follows is a path like any other.
       2. Only at our own address: at a provider's, these are paths of its own. A provider of ours that is called `g` or
          `key` wins.
       3. A choice narrows what the vault and the settings allow; it opens nothing. Keys count from 0, expired ones left
          out; a range includes its end, and ends with the keys.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mitmvault.core.configuration.vault import Key
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message.arrival import Arrival, Detour
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.place import is_own

_GATEWAY = re.compile(r"/g/([A-Za-z0-9_-]{1,64})(?=[/?]|\Z)")
_KEYS = re.compile(
    r"/key/(?:(?P<one>[0-9]{1,6})|(?=[0-9]|-[0-9])(?P<first>[0-9]{0,6})-(?P<last>[0-9]{0,6}))(?=[/?]|\Z)"
)


def follow(world: World, arrival: Arrival) -> Arrival:
    """The arrival at the end of its detours, which it remembers; the same one when there are none."""
    if arrival.detour.prefix or not arrival.target.startswith(("/g/", "/key/")) or not is_own(world, arrival):
        return arrival
    detour, rest = Detour(), arrival.target
    while True:
        if detour.gateway is None and "g" not in world.providers and (match := _GATEWAY.match(rest)):
            detour = replace(detour, gateway=match[1])
        elif detour.keys is None and "key" not in world.providers and (match := _KEYS.match(rest)):
            detour = replace(detour, keys=_range(match))
        else:
            break
        detour, rest = replace(detour, prefix=detour.prefix + match[0]), rest[match.end() :]
    target = rest if rest.startswith("/") else "/" + rest
    return replace(arrival, target=target, detour=detour) if detour.prefix else arrival


def chosen(arrival: Arrival, known: Known, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """Those of a provider's usable keys that the path allows. Raises Refusal when there is none."""
    if arrival.detour.keys is None:
        return keys
    first, last = arrival.detour.keys
    found = keys[first : None if last is None else last + 1]
    if not found:
        raise Refusal("no_such_key", f"Provider {known.name} has {len(keys)} usable keys, counted from 0; "
                      f"{arrival.detour.prefix}/ names none of them.")  # fmt: skip
    return found


def _range(match: re.Match[str]) -> tuple[int, int | None]:
    if match["one"]:
        return int(match["one"]), int(match["one"])
    return int(match["first"] or 0), int(match["last"]) if match["last"] else None
