"""An engine-neutral view of a request that has just arrived, before anything about it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mitmvault.core.configuration.users import User

Headers = tuple[tuple[str, str], ...]


class Way(Enum):
    """How the request came in."""

    LISTENER = "listener"  # straight to our port: a base-URL client, or absolute-form from an HTTP_PROXY client
    TUNNEL = "tunnel"  # inside a CONNECT tunnel
    TRANSPARENT = "transparent"  # redirected to us by the network (transparent, local, WireGuard, SOCKS)


@dataclass(frozen=True, slots=True)
class Detour:
    """What the path chose before it came to the point. (core/route/detours.py)"""

    gateway: str | None = None
    keys: tuple[int, int | None] | None = None  # the first and the last of the usable ones, from 0; None: to the end
    prefix: str = ""  # as it stood in the path


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the client sent. `host` and `port` are the destination it named: CONNECT target, URL or Host header."""

    way: Way
    method: str
    scheme: str
    host: str
    port: int
    target: str  # the raw path with its query, never decoded
    headers: Headers
    authority: str  # :authority, or that of an absolute-form target, as sent; "" where there was none
    listener: tuple[str, int] = ("127.0.0.1", 0)  # our own side of the client's connection
    tls: bool = False  # the client speaks TLS to us
    sni: str | None = None
    vouched: User | None = None  # who opened the tunnel with valid proxy credentials, or replays the flow
    detour: Detour = Detour()  # what was taken from the front of `target`
    local: bool = False  # came to our listener from a program on this machine (or from a proxy on it)

    def values(self, name: str) -> Iterator[str]:
        """All values of a header, in order; `name` in lower case."""
        return (value for key, value in self.headers if key.lower() == name)

    def value(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next(self.values(name), "")

    def has(self, name: str) -> bool:
        """Is the header there, even if it is empty? `name` in lower case."""
        return any(key.lower() == name for key, _ in self.headers)

    @property
    def authorities(self) -> set[str]:
        """Every host name that the request itself gives, as sent."""
        return {name for name in (self.authority, *self.values("host")) if name}

    @property
    def websocket(self) -> bool:
        """Is this a WebSocket handshake (RFC 6455, section 4.1)?"""
        return self.method == "GET" and self.value("upgrade").lower() == "websocket"
