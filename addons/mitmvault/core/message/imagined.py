"""A request that nobody has sent, as it would arrive: for `mitmvault explain` and for cases of a policy's tests.

Rules: 1. A URL of this machine, or with a name that the settings know, is taken as a request to mitmvault itself.
       2. Any other https URL is a request through the proxy, in a tunnel; http is one in absolute form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from mitmvault.core.configuration.hostnames import DEFAULT_PORTS, split_authority
from mitmvault.core.configuration.networks import is_loopback
from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival, Headers, Way

OWN_PORT = 8080


def arrival(world: World, method: str, url: str, headers: Iterable[tuple[str, str]], way: Way | None = None) -> Arrival:
    """The request as it would arrive, by this way or the one that its URL suggests. Raises ValueError."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    place = split_authority(parts.netloc.rpartition("@")[2], parts.scheme)
    if place is None:
        raise ValueError(f"{url} is no http or https URL")
    host, port = place
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = host if port == DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
    ours = is_loopback(host) or world.settings.knows_name(host, port)
    every = tuple(headers)
    given = [value for name, value in every if name.lower() == "host"]
    others = tuple((name, value) for name, value in every if name.lower() != "host")
    return Arrival(
        way=way or (Way.LISTENER if ours or parts.scheme == "http" else Way.TUNNEL), method=method,
        scheme=parts.scheme, host=host, port=port, target=target,
        headers=(("Host", given[0] if given else authority), *others), authority="",
        listener=(host, port) if ours else ("127.0.0.1", OWN_PORT), tls=parts.scheme == "https",
        sni=host if parts.scheme == "https" else None,
    )  # fmt: skip


def connect(inner: Arrival, headers: Headers = ()) -> Arrival:
    """The CONNECT before a request in a tunnel."""
    named = replace(inner, method="CONNECT", target="", authority=f"{inner.host}:{inner.port}", headers=headers)
    return replace(named, tls=False, sni=None)
