"""From a route to a permit: where to, under which headers and keys, with which model. (DESIGN sections 4.4 to 4.6)

Rules: 1. Providers and models are checked against the user's scope before anything else is said about them.
       2. Where the path names the model, the path is believed, and not the body.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote

from mitmvault.core.configuration import path_model
from mitmvault.core.configuration.key_form import NAMES
from mitmvault.core.configuration.scope import check_model, check_provider
from mitmvault.core.configuration.spec import Auth
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.vault import Key
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message import body as bodies
from mitmvault.core.message import stream_options
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.message.body import ModelEdit
from mitmvault.core.message.credentials import stripped_target
from mitmvault.core.message.frames import Frames
from mitmvault.core.refusal import Refusal
from mitmvault.core.route import universal
from mitmvault.core.route.detours import chosen
from mitmvault.core.route.gateway import serves_without_key
from mitmvault.core.route.routing import Route
from mitmvault.core.route.target import choose
from mitmvault.core.verdict import Admission, Counting, Permit, Target

BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_COMPAT_AUTH = Auth("bearer")


def destined(world: World, arrival: Arrival, user: User, found: Route, mode: str | None = None) -> Admission:
    """Where an authenticated request goes on its route; at a gateway in this mode, if one is given. Raises Refusal."""
    check_provider(user, found.known)
    if found.known.spec.confined and found.native.base is None:
        shape = found.known.spec.own_bases[0]
        raise Refusal("bad_path", f"Of {found.known.name}, only paths that begin with {shape}/ are served.")
    _keys(world, arrival, found.known)
    _, mark, query = stripped_target(arrival.target).partition("?")
    target = choose(world, found.known, found.native, mark + query, arrival.method, mode, arrival.detour.gateway)
    in_path = path_model.find(found.known.spec.model_in_path, found.native.path)
    needs_body = target.wraps_body or ((target.prefixes_model or user.models is not None) and in_path is None)
    model = in_path.value if in_path else None
    asks_usage = world.settings.include_usage and stream_options.is_offered(found.known.spec, found.native.path)
    waits = needs_body and arrival.method not in BODILESS
    return Admission(user, found.known, found.rule, target, model, waits, asks_usage)


def permitted(
    arrival: Arrival, admission: Admission, reading: bodies.Reading | None, named: str | None, limit: int
) -> Permit:
    """The permit. `named` is the model as the provider calls it, where the client wrote `provider/model`.

    `limit` is that of the vault's operator for a body, in bytes.
    """
    entry, target = admission.known.entry, admission.target
    assert entry
    asking = reading.asking_usage() if reading and admission.asks_usage else None
    reading = asking or reading
    # Where the path names the model, the provider obeys the path: a field of that name in the body is not it.
    asked = named or admission.path_model or (reading.model if reading else None) or _model_in_query(arrival, admission)
    frames = _frames(arrival, admission, asked)
    if (arrival.method not in BODILESS or arrival.websocket) and not (frames and frames.first_names):
        check_model(admission.user, entry, asked, target.prefix, whole=bool(named))
    model, edited = (ModelEdit(asked, asked) if asked else None), None
    if target.prefixes_model and admission.path_model:
        model = ModelEdit(admission.path_model, bodies.prefixed(entry, admission.path_model, target.prefix))
        target = _renamed(admission, model.sent)
    elif target.prefixes_model and arrival.method not in BODILESS:
        model = bodies.edit(entry, reading, target.prefix, named)
    elif named and reading and reading.model:
        model = ModelEdit(reading.model, named)
    if target.prefixes_model and model and model.sent != (plain_id := named or model.asked):
        prefix, source = model.sent.removesuffix(plain_id), bodies.prefix_from(entry, plain_id, target.prefix)
        model = replace(model, why=f"{prefix} in front, as {source} says")
    changed = reading and model and (reading.edited or reading.given or model.sent != model.asked)
    if reading and model and changed and not admission.path_model:
        edited = reading.written(model.sent)
    elif asking:
        edited = asking.written()
    auth = _COMPAT_AUTH if target.prefixes_model else admission.known.spec.auth_for(target.native_path)
    found = Permit(
        user=admission.user.name,
        provider=admission.known.name,
        rule=admission.rule,
        target=target,
        headers=(*_headers(arrival, admission, edited, reading), *(stream_options.HEADERS if asking else ())),
        keys=chosen(arrival, admission.known, usable_keys(admission.known) if target.sends_key else ()),
        key_header=auth.header,
        key_template=auth.template,
        model=model,
        body=edited,
        dialect=admission.dialect,
        dropped=_dropped(arrival, target),
        frames=frames,
        counting=replace(_counting(admission, model), added=asking is not None),
    )
    if not target.wraps_body:
        return found
    plain = reading.plain if reading else None
    if reading and named and reading.model:
        plain = reading.with_model(named)
    return universal.wrapping(found, arrival, plain, limit)


def read(world: World, arrival: Arrival, needed: bool, body: bytes | None) -> bodies.Reading | None:
    """What the body says; None for one that nobody needs to read. Raises Refusal."""
    assert body is not None or not needed
    if not body:
        return None
    try:
        return bodies.read(arrival, body, max(world.settings.body_limit, len(body)))
    except Refusal as refusal:
        unread = refusal.reason == "unsupported_encoding" or "multipart/" in arrival.value("content-type").lower()
        if unread and not needed:
            return None  # we could not, and need not
        raise


def _headers(
    arrival: Arrival, admission: Admission, edited: bytes | None, reading: bodies.Reading | None
) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    target, entry = admission.target, admission.known.entry
    if target.mode != "direct" and target.sends_key and not arrival.value("cf-aig-no-wholesale"):
        # Without it, a key that the gateway does not recognise falls through to Cloudflare credits, which cost money.
        # Where no key is sent, the operator wants just that, or has stored a key at Cloudflare.
        headers.append(("cf-aig-no-wholesale", "true"))
    if target.mode == "rest" and entry and entry.gateway_id:
        headers.append(("cf-aig-gateway-id", entry.gateway_id))
    if edited is not None and not arrival.value("transfer-encoding"):
        headers.append(("content-length", str(len(edited))))
    if reading and reading.sniffed:
        headers.append(bodies.JSON_TYPE)
    return tuple(headers)


def _counting(admission: Admission, model: ModelEdit | None) -> Counting:
    """How the answer is counted. At Cloudflare's REST API, the path alone tells whose form it has."""
    spec, path = admission.known.spec, admission.target.native_path
    shape = "anthropic" if admission.target.mode == "rest" and path.endswith("/messages") else spec.usage_for(path)
    names = (model.sent, model.sent.partition("/")[2], model.asked) if model else ()
    return Counting(shape, spec.prices, tuple(dict.fromkeys(name for name in names if name)))


def _dropped(arrival: Arrival, target: Target) -> frozenset[str]:
    """The client's headers that are not for the provider."""
    # Which pages may ask at our own address, we say (message/cors.py); Anthropic and Ollama refuse what has an Origin.
    page = {"origin"} if arrival.way is Way.LISTENER and arrival.has("origin") else set()
    # A signature covers the whole body, and AWS takes it in one piece.
    return frozenset(page | {"transfer-encoding"} if target.signing else page)


def _keys(world: World, arrival: Arrival, known: Known) -> tuple[Key, ...]:
    return chosen(arrival, known, () if serves_without_key(world, known) else usable_keys(known))


def usable_keys(known: Known) -> tuple[Key, ...]:
    """The provider's keys that are not expired. Raises Refusal when there is none."""
    if known.keys:
        return known.keys
    every = known.entry.keys if known.entry else ()
    unfit = next((key for key in every if key.usable), None)
    if unfit:
        text = f"key #{unfit.number} is {NAMES[unfit.form]}, which it does not take"
    elif every:
        text = f"all {len(every)} keys are expired" if len(every) > 1 else "its only key is expired"
    else:
        more = f", or set {known.spec.env[0]} for mitmvault" if known.spec.env else ""
        text = f"the vault has no key for it: add one there{more}"
    raise Refusal("no_usable_key", f"Provider {known.name} has no usable key: {text}.")


def _renamed(admission: Admission, model: str) -> Target:
    """The target with another model in its path."""
    path, mark, query = admission.target.path.partition("?")
    found = path_model.find(admission.known.spec.model_in_path, path)
    assert found
    return replace(admission.target, path=found.renamed(model) + mark + query)


def _frames(arrival: Arrival, admission: Admission, asked: str | None) -> Frames | None:
    """What the messages of a WebSocket are held against; None where there are none, or nothing to hold them against."""
    path = admission.target.native_path
    fitting = [found for found in admission.known.spec.model_in_frame if found.when in path]
    if not arrival.websocket or admission.user.models is None or not fitting:
        return None
    assert admission.known.entry
    return Frames(fitting[0].places, admission.user, admission.known.entry, bool(fitting[0].when) and asked is None)


def _model_in_query(arrival: Arrival, admission: Admission) -> str | None:
    """The model of a WebSocket handshake: wss://…/realtime?model=…, at Azure ?deployment=…"""
    if not arrival.websocket:
        return None
    pairs = [pair.partition("=") for pair in arrival.target.partition("?")[2].split("&")]
    names = admission.known.spec.model_in_query
    models = [unquote(value) for name, _, value in pairs if unquote(name) in names]
    if len(models) > 1:
        raise Refusal("duplicate_field", f"The query has more than one {' or '.join(names)}; send exactly one.")
    return models[0] if models else None
