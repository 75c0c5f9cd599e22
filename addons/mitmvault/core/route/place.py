"""Which place does the request name: our own, a provider's, or neither? (DESIGN section 4.1, SECURITY P2, P4, P5, P17)

Rules: 1. Every name that the client gives for its destination must be the same: CONNECT host, SNI, Host, URL.
       2. Our own names are loopback names and the listener's own address, at the listener's port, and those the
          operator added. Anything else in a Host header is not us: a web page rebinding its DNS gets nowhere.
       3. What is neither is refused, or tunnelled unread; it is never decrypted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mitmvault.core.configuration import networks
from mitmvault.core.configuration.hostnames import normal, split_authority
from mitmvault.core.configuration.users import User, digest
from mitmvault.core.configuration.world import Known, World
from mitmvault.core.message import form
from mitmvault.core.message.arrival import Arrival, Way
from mitmvault.core.message.credentials import candidates
from mitmvault.core.refusal import Refusal


def place(world: World, arrival: Arrival) -> Known | None:
    """The provider whose host the client named; None for our own. Raises Refusal for anything else."""
    host = _one_name(arrival)
    if arrival.way is Way.LISTENER and _is_ours(world, arrival, host):
        _check_origin(world, arrival)
        return None
    if arrival.way is Way.TRANSPARENT and not (arrival.tls and arrival.sni):
        raise Refusal("destination_refused", "Redirected traffic must be TLS with a server name (SNI).")
    known = world.at(host, arrival.port)
    if known is None:
        raise _not_served(host)
    return known


def is_own(world: World, arrival: Arrival) -> bool:
    """Is the request for mitmvault itself?"""
    try:
        return arrival.way is Way.LISTENER and place(world, arrival) is None
    except Refusal:
        return False


def own_name(world: World, host: str) -> bool:
    """Is this (in normal form) a name of ours that may stand in a certificate of the listener?"""
    return networks.is_loopback(host) or any(host == name.partition(":")[0] for name in world.settings.names)


def _one_name(arrival: Arrival) -> str:
    """The one host that all names agree on (rule 1)."""
    redirected = arrival.way is Way.TRANSPARENT  # its address is an IP that the client resolved
    host = normal((arrival.sni or "") if redirected else arrival.host)
    authorities = {split_authority(authority, arrival.scheme) for authority in arrival.authorities}
    if not authorities or None in authorities:
        raise Refusal("host_mismatch", "The request must have a valid Host header.")
    spoken_in_tls = arrival.way is not Way.LISTENER and arrival.sni is not None
    if authorities != {(host, arrival.port)} or (spoken_in_tls and normal(arrival.sni or "") != host):
        raise Refusal("host_mismatch", "The host of the connection, of TLS and of the request are not the same.")
    return host


def _is_ours(world: World, arrival: Arrival, host: str) -> bool:
    if world.settings.knows_name(host, arrival.port):
        return True
    own = networks.is_loopback(host) or host == normal(arrival.listener[0])
    return own and arrival.port == arrival.listener[1]


def _check_origin(world: World, arrival: Arrival) -> None:
    """A web page of somebody else's may not use us from a visitor's browser, unless the operator allows its origin."""
    allowed = world.settings.allow_origins
    for origin in arrival.values("origin"):
        ours = split_authority(origin.partition("://")[2], arrival.scheme)
        if "*" not in allowed and origin.lower() not in allowed and ours != (normal(arrival.host), arrival.port):
            raise Refusal("origin_refused", "Requests from this web origin are not allowed (allow_origins).")


def _not_served(host: str) -> Refusal:
    return Refusal(
        "destination_refused",
        f"{host or 'This destination'} is not a provider that mitmvault serves. Check the base URL, "
        "or let only HTTPS traffic to providers through the proxy (set HTTPS_PROXY, not HTTP_PROXY).",
    )


class Passage(Enum):
    """What happens to a tunnel."""

    INTERCEPT = "intercept"
    BLIND = "blind"


@dataclass(frozen=True)
class Tunnel:
    """A CONNECT that may be opened. `user` is who opened it with valid proxy credentials, if anybody did."""

    passage: Passage
    user: User | None
    token_digest: str | None = None  # so that a revoked token closes the tunnel's door at the next request


def tunnel(world: World, arrival: Arrival) -> Tunnel:
    """Decide about a CONNECT before anything is resolved or dialled. Raises Refusal."""
    form.check(arrival)
    host = normal(arrival.host)
    user, token = _proxy_user(world, arrival)
    if world.at(host, arrival.port):
        return Tunnel(Passage.INTERCEPT, user, token)
    if not host or _closed(world, arrival, host):
        raise Refusal("destination_refused", f"{host or 'This host'} is on this machine or in a private network; "
                      "an operator can open it with allow_networks in mitmvault.yaml.")  # fmt: skip
    if not world.tunnels_unmatched:
        raise _not_served(host)
    if user is None and not world.loopback_bind:
        raise Refusal("proxy_token_needed", "Tunnels need your user token as proxy credentials: http://x:TOKEN@proxy.")
    return Tunnel(Passage.BLIND, user, token)


def _closed(world: World, arrival: Arrival, host: str) -> bool:
    address = networks.parse(host)
    if address is None:
        return networks.forbidden_name(host)
    if networks.is_own(address, arrival.port, arrival.listener, world.own_ports):
        return True
    return networks.forbidden(address, world.settings.allow_networks)


def one_user(world: World, tokens: Iterable[str]) -> tuple[User, str]:
    """The one user to whom these tokens belong, with the token's digest. Raises Refusal for none, and for two."""
    found = {user.name: (user, digest(token)) for token in tokens if (user := world.users.find(token))}
    if not found:
        raise Refusal("unknown_token", "The user token is not valid.")
    if len(found) > 1:
        raise Refusal("ambiguous_token", "The request carries the tokens of two users; send one.")
    return found.popitem()[1]


def _proxy_user(world: World, arrival: Arrival) -> tuple[User | None, str | None]:
    """Who the proxy credentials belong to, and their digest; nobody without any. Raises Refusal when they are wrong."""
    if not any(arrival.values("proxy-authorization")):
        return None, None
    return one_user(world, candidates(arrival))
