"""mitmproxy's view of a request → the core's, and what observers may see of it → the flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitmproxy import http

from mitmvault.core.configuration.networks import is_local_peer
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.message.credentials import CARRIERS, CREDENTIALS, stripped_headers, stripped_target
from mitmvault.core.message.form import is_token
from mitmvault.wire import modes

HIDDEN = "[user token]"
_REPLAYED = "mitmvault_arrival"
_CAME = "_mitmvault_came"
KEPT_BODY = 256 * 2**10


def arrival_of(flow: http.HTTPFlow, in_tunnel: bool, vouched: User | None) -> Arrival:
    """The arrival of a flow whose head has just been read."""
    request, client = flow.request, flow.client_conn
    way = way_of(flow, in_tunnel)
    return Arrival(
        way=way,
        method=request.method,
        scheme=request.scheme or "http",
        host=request.host,
        port=request.port,
        target=request.path,
        headers=tuple(request.headers.items(multi=True)),
        authority=request.authority,
        listener=modes.listener(client),
        tls=client.tls_established,
        sni=client.sni,
        vouched=vouched,
        local=way is Way.LISTENER and is_from_here(flow),
    )


def is_from_here(flow: http.HTTPFlow) -> bool:
    """Does the client's connection begin on this machine?"""
    peer, own = flow.client_conn.peername, flow.client_conn.sockname
    return bool(peer and own and is_local_peer(peer[0], own[0]))


@dataclass
class Came:
    """A request as it came, for as long as its flow is there: on the request object, where nothing serialises it."""

    world: World
    arrival: Arrival
    body: bytes | None = None  # only where another one is sent on, and up to KEPT_BODY: a reference, no copy


def keep_arrival(request: http.Request, world: World, arrival: Arrival) -> None:
    """Remember a request as it came."""
    request.__dict__[_CAME] = Came(world, arrival)


def keep_body(request: http.Request, body: bytes | None) -> None:
    """Remember its body, too, before another one is sent in its place."""
    came = came_of(request)
    if came and body is not None and len(body) <= KEPT_BODY:
        came.body = body


def came_of(request: http.Request) -> Came | None:
    """The request as it came; None for what was never decided about, or not in this process."""
    return request.__dict__.get(_CAME)


def way_of(flow: http.HTTPFlow, in_tunnel: bool) -> Way:
    """How a flow came in."""
    if not modes.is_regular(flow.client_conn):
        return Way.TRANSPARENT
    return Way.TUNNEL if in_tunnel else Way.LISTENER


def remember(flow: http.HTTPFlow, arrival: Arrival, user: User) -> None:
    """Keep in the flow, redacted, what a replay needs to be decided anew."""
    seen: dict[str, Any] = {"way": arrival.way.value, "tls": arrival.tls, "sni": arrival.sni, "user": user.name}
    seen |= {
        "host": arrival.host,
        "port": arrival.port,
        "scheme": arrival.scheme,
        "authority": min(arrival.authorities),
    }
    seen |= {"target": stripped_target(arrival.target), "listener": list(arrival.listener)}
    if host_final := arrival.value("x-host-final"):
        seen["host_final"] = host_final
    flow.metadata[_REPLAYED] = seen
    flow.metadata["mitmvault_user"] = user.name


def session_note(flow: http.HTTPFlow) -> str:
    """The end of a story line: the session that the client named, if it did."""
    session = flow.metadata.get("mitmvault_session")
    return f" · session {session}" if session else ""


def replayed_user(flow: http.HTTPFlow) -> str | None:
    """Who sent the flow that is replayed now."""
    return flow.metadata.get(_REPLAYED, {}).get("user") if flow.is_replay == "request" else None


def arrival_of_replay(flow: http.HTTPFlow, user: User) -> Arrival:
    """The arrival of the flow's first life, with the method and headers it has now, vouched for by its user."""
    seen = flow.metadata[_REPLAYED]
    fixed = ("host", "content-length", "x-host-final", *CARRIERS)
    kept = tuple((k, v) for k, v in flow.request.headers.items(multi=True) if k.lower() not in fixed)
    if "host_final" in seen:
        kept += (("X-Host-Final", seen["host_final"]),)
    return Arrival(
        way=Way(seen["way"]), method=flow.request.method, scheme=seen["scheme"], host=seen["host"], port=seen["port"],
        target=seen["target"], headers=kept, authority=seen["authority"],
        listener=(seen["listener"][0], seen["listener"][1]), tls=seen["tls"], sni=seen["sni"], vouched=user,
    )  # fmt: skip


def has_false_version(flow: http.HTTPFlow) -> bool:
    """Does the request line claim a version that the connection does not speak? mitmproxy believes the line."""
    return (flow.client_conn.alpn == b"h2") != flow.request.is_http2 and not flow.is_replay


def hide(request: http.Request) -> None:
    """Take every credential out of what observers see; which carriers there were stays visible."""
    request.path = stripped_target(request.path)
    for name in {name for name, _ in request.headers.items(multi=True)}:
        plain = name.strip().lower()  # `X-Api-Key :` is refused, but shown
        if CARRIERS.get(plain, "subprotocol") != "subprotocol":
            request.headers[name] = HIDDEN
        elif not is_token(plain):  # it cannot leave, and may hold anything
            del request.headers[name]
        elif plain in CREDENTIALS:
            request.headers[name] = "[removed]"
    if "sec-websocket-protocol" in request.headers:
        kept = [v for k, v in stripped_headers(tuple(request.headers.items(multi=True)))
                if k.lower() == "sec-websocket-protocol"]  # fmt: skip
        request.headers.set_all("sec-websocket-protocol", kept)
