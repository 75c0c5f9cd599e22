"""Why a request goes where it goes: the decision, made again and told in words. Nothing is sent.

Rules: 1. It is the same decision that the proxy makes (`decide`), on the same arrival.
       2. Keys are named by place and fingerprint; of the client's credentials only the header is named.
       3. Of a request that was really sent, the query is not told (`of_flow`): anything may be in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from mitmvault.core.configuration.world import World
from mitmvault.core.decide import decide
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.message.credentials import stripped_headers, stripped_target
from mitmvault.core.pages import ui, vault_api
from mitmvault.core.pages.page import Page, find
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.detours import follow
from mitmvault.core.route.place import Passage, is_own, tunnel
from mitmvault.core.route.universal import in_turn
from mitmvault.core.verdict import Permit, Target

WAYS = {
    Way.LISTENER: "base URL: straight to mitmvault's own address",
    Way.TUNNEL: "forward proxy: CONNECT, decrypted because the host is a provider's",
    Way.TRANSPARENT: "redirected by the network",
}


def _whole_path(target: Target) -> str:
    return target.path


@dataclass(frozen=True)
class Explanation:
    """The steps of a decision in order, as (name, text); `reason` is the code of a refusal, or None."""

    steps: tuple[tuple[str, str], ...]
    reason: str | None = None
    status: int = 200
    facts: dict[str, object] = field(default_factory=dict)  # the same for programs


def explain(
    world: World, arrival: Arrival, body: bytes = b"", connect: Arrival | None = None, pages: Iterable[Page] = ()
) -> Explanation:
    """Tell the decision about a request that has arrived completely.

    `connect` is the CONNECT before it, if any; `pages` are those that mitmvault answers itself.
    """
    if connect is not None:
        way = ("way in", "forward proxy: CONNECT")
        try:
            opened = tunnel(world, connect)
        except Refusal as refusal:
            return _refused(refusal, way)
        if opened.passage is Passage.BLIND:
            text = f"{connect.host} is no provider's host: the bytes pass unread, and no key is involved"
            return Explanation((way, ("tunnel", text)), facts={"tunnel": "unread"})
        arrival = replace(arrival, vouched=arrival.vouched or opened.user)
    way = _way(arrival)
    if vault_api.covers(arrival.target) and is_own(world, arrival):
        path = vault_api.path_of(arrival)
        return Explanation(
            (way, ("page", f"mitmvault answers {path} itself, to the crypto token")), facts={"page": path}
        )
    if ui.covers(world, arrival.target) and not arrival.has("x-host-final") and is_own(world, arrival):
        return Explanation(
            (way, ("page", "mitmvault answers it itself, to admins: the dashboard")), facts={"page": ui.ROOT}
        )
    try:
        own = find(pages, world, follow(world, arrival), 0.0)
        if own and own.page.of_provider and own.page.answer and own.page.answer(own.asked) is None:
            own = None  # the vault names no models: the provider is asked
    except Refusal as refusal:
        return _refused(refusal, way)
    if own:
        return Explanation((way, ("page", f"mitmvault answers {own.page.path} itself")), facts={"page": own.page.path})
    verdict = decide(world, arrival, body)
    if isinstance(verdict, Permit):
        verdict = in_turn(verdict, lambda _, keys: keys)  # whose turn it is, only the running proxy knows
    return _refused(verdict, way) if isinstance(verdict, Refusal) else of_permit(arrival, verdict)


def of_permit(arrival: Arrival, verdict: Permit, path_of: Callable[[Target], str] = _whole_path) -> Explanation:
    """Tell a permit that was given; of a target's path, what `path_of` says."""
    removed = sorted(set(_removed(arrival, verdict)))
    steps = (_way(arrival), *_permitted(arrival, verdict, removed, path_of))
    facts: dict[str, object] = {
        "user": verdict.user,
        "provider": verdict.provider,
        "rule": verdict.rule,
        "mode": verdict.target.mode,
        "why": verdict.target.why,
        "method": arrival.method,
        "url": f"{verdict.target.scheme}://{verdict.target.authority}{path_of(verdict.target)}",
        "model": {"asked": verdict.model.asked, "sent": verdict.model.sent} if verdict.model else None,
        "keys": [key.label for key in verdict.keys] or [slot.credential.label for slot in verdict.slots],
        "removed": removed,
        "then": [other.provider for other in verdict.others],
    }
    return Explanation(steps, facts=facts)


def of_flow(arrival: Arrival, permit: Permit) -> Explanation:
    """Tell the permit with which a request has left (rule 3)."""
    return of_permit(arrival, permit, _path_alone)


def of_refusal(way: Way, method: str, target: str, reason: str, text: str) -> Explanation:
    """Tell the refusal that a request has met (rule 3)."""
    asked = ("request", f"{method} {_path(target)}")
    return _refused(Refusal(reason, text), ("way in", WAYS[way]), asked)


def _way(arrival: Arrival) -> tuple[str, str]:
    return "way in", WAYS[arrival.way]


def _path_alone(target: Target) -> str:
    return _path(target.path)


def _path(target: str) -> str:
    path, query, _ = target.partition("?")
    return path + ("?…" if query else "")


def _refused(refusal: Refusal, *steps: tuple[str, str]) -> Explanation:
    told = (*steps, ("refused", f"{refusal.status} {refusal.reason}"), ("why", refusal.text))
    facts: dict[str, object] = {"status": refusal.status, "reason": refusal.reason, "message": refusal.text}
    return Explanation(told, refusal.reason, refusal.status, facts)


def _permitted(
    arrival: Arrival, permit: Permit, removed: list[str], path_of: Callable[[Target], str]
) -> Iterator[tuple[str, str]]:
    target = permit.target
    yield "user", permit.user
    yield "provider", f"{permit.provider}, by {permit.rule}"
    yield "target", target.why
    yield "request", f"{arrival.method} {target.scheme}://{target.authority}{path_of(target)}"
    if permit.model:
        changed = permit.model.sent != permit.model.asked
        yield "model", f"{permit.model.asked} → {permit.model.sent}" if changed else f"{permit.model.asked}, unchanged"
        if permit.model.why:
            yield "prefix", permit.model.why
    more = f", one of {len(permit.keys)} that take turns" if len(permit.keys) > 1 else ""
    for credential in permit.credentials():
        gateway = credential.secret is target.gateway_token
        yield "gateway" if gateway else "key", f"{credential.header}: {credential.shown}{'' if gateway else more}"
    for slot in permit.slots:
        yield "key", f"in the body: {slot.credential.shown}"
    if removed:
        yield "removed", ", ".join(removed)
    if permit.headers:
        yield "set", ", ".join(f"{name}: {value}" for name, value in permit.headers)
    for other in permit.others:
        yield "else", f"{other.provider}, by {other.rule}: {other.target.authority}{path_of(other.target)}"


def _removed(arrival: Arrival, permit: Permit) -> Iterator[str]:
    """What of the request does not reach the provider, by name."""
    kept = stripped_headers(arrival.headers, arrival.websocket, permit.target.mode != "direct")
    names = {name.lower() for name, _ in kept} - (permit.dropped & {"origin"})
    yield from (name.lower() for name, _ in arrival.headers if name.lower() not in names | {"host"})
    if stripped_target(arrival.target) != arrival.target:
        yield "credentials in the query"
