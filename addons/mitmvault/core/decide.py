"""The decision: Arrival → Permit or Refusal. Pure; this file names its steps in order. (DESIGN section 4)

Rules: 1. Is it well formed, is it for us, who, where, what: nothing is said about keys to somebody without a token.
       2. `admit` decides on the head alone, so that what is refused is refused before its body is read;
          `settle` needs the body. `decide` is both. No other way leads to a Permit.
       3. A Refusal never holds the arrival: its traceback is dropped.
"""

from __future__ import annotations

from mitmvault.core.configuration.hostnames import normal, of_url_or_host
from mitmvault.core.configuration.paths import checked, first_segment, native, openai_door
from mitmvault.core.configuration.spec import Spec
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message import body as bodies
from mitmvault.core.message import chat_root, form
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.message.credentials import candidates
from mitmvault.core.refusal import Refusal
from mitmvault.core.route import steps
from mitmvault.core.route.detours import follow
from mitmvault.core.route.permitting import destined, permitted, read
from mitmvault.core.route.place import one_user, place
from mitmvault.core.route.routing import Route, route
from mitmvault.core.route.unified import by_model, by_path, by_provider, is_unified, with_default
from mitmvault.core.verdict import Admission, Permit, Several, Undecided

_UNROUTED = Spec(id="?")


def decide(world: World, arrival: Arrival, body: bytes = b"") -> Permit | Refusal:
    """The whole decision about a request that has arrived completely."""
    arrival = follow(world, arrival)
    admission = admit(world, arrival)
    return admission if isinstance(admission, Refusal) else settle(world, arrival, admission, body)


def admit(world: World, arrival: Arrival) -> Admission | Undecided | Several | Refusal:
    """Decide on the head of a request."""
    try:
        return _admit(world, arrival)
    except Refusal as refusal:
        return refusal.speaking(dialect(world, arrival))


def settle(
    world: World, arrival: Arrival, admission: Admission | Undecided | Several, body: bytes | None
) -> Permit | Refusal:
    """Decide on the body of an admitted request; None stands for a body that is sent on unread."""
    try:
        reading = read(world, arrival, admission.needs_body, body)
        if isinstance(admission, Admission):
            return permitted(arrival, admission, reading, None, world.settings.body_limit)
        path = arrival.target.partition("?")[0]
        if isinstance(admission, Several):
            if reading is None or not chat_root.is_chat(reading):
                return steps.permit(world, arrival, admission.user, body or b"")
            reading, path = chat_root.completed(world, reading), chat_root.PATH
        return _unified(world, arrival, admission.user, reading, path)
    except Refusal as refusal:
        return refusal.speaking(admission.dialect)


def authenticate(world: World, arrival: Arrival) -> User:
    """The one user whose token the request carries, or who opened its tunnel. Raises Refusal."""
    if arrival.vouched is not None:
        return arrival.vouched
    offered = set(candidates(arrival))
    if not offered:
        raise Refusal("missing_token", "Send your mitmvault user token as the API key, or as proxy credentials.")
    return one_user(world, offered)[0]


def dialect(world: World, arrival: Arrival) -> str:
    """The error shape for a request that was not admitted: a guess from host and path."""
    path = arrival.target.partition("?")[0]
    asked = of_url_or_host(arrival.value("x-host-final")) or normal(arrival.host)
    known = world.host(asked) or world.providers.get(first_segment(path) if path[:1] == "/" else "")
    return (known.spec if known else _UNROUTED).shape_for(path)


def _admit(world: World, arrival: Arrival) -> Admission | Undecided | Several:
    form.check(arrival)
    path = checked(arrival.target.partition("?")[0])
    at = place(world, arrival)
    user = authenticate(world, arrival)
    if at is None and steps.is_asked(arrival):
        return Several(user)
    if at is None and is_unified(world, arrival):
        return Undecided(user, "anthropic" if "/messages" in path else "openai")
    if at is None and (found := by_path(world, user, arrival)):
        return destined(world, arrival, user, found)
    return destined(world, arrival, user, route(world, arrival, at))


def _unified(world: World, arrival: Arrival, user: User, reading: bodies.Reading | None, path: str) -> Permit:
    """The permit for a request whose body chooses the provider. Raises Refusal."""
    left, known, named, rule = _chosen(world, user, reading)
    found = Route(known, rule, openai_door(known.spec, native(known.spec, path, lenient=True)))
    return permitted(arrival, destined(world, arrival, user, found), left, named, world.settings.body_limit)


def _chosen(world: World, user: User, reading: bodies.Reading | None) -> tuple[bodies.Reading | None, Known, str, str]:
    """The provider that a body chooses: what is left of the body, its model there, and the rule. Raises Refusal."""
    if reading and (taken := reading.without("provider")):
        left, name = taken
        return left, *by_provider(world, name, left.model), "field 'provider'"
    reading = with_default(world, reading)
    return reading, *by_model(world, user, reading.model if reading else None), "model"
