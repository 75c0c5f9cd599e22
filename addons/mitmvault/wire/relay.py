"""A client's connection to our listener, passed on unread to a server of ours on loopback: no flow comes of it.

Rules: 1. Only fresh, plain connections to the listener itself are passed on, by their first bytes: nothing that comes
          through a CONNECT, TLS, SOCKS or a redirection.
       2. The server's port is dialled for these connections alone (`dial.approve_relay`). It is nobody's destination.
       3. The server knows a connection of ours by its source port (`listener_of`), and believes no other.
       4. When the switch is off, nothing is passed on.

How: the hook `next_layer` may choose a layer; `TCPLayer(ignore=True)` relays and records nothing (11.0.2 and 12.2.3).
A request line that comes in pieces is not recognised and takes the way of all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy.connection import Client, Server
from mitmproxy.proxy.layers import TCPLayer

from mitmvault.wire import dial, modes, switch

HOST = "127.0.0.1"
_relayed: WeakKeyDictionary[Server, Client] = WeakKeyDictionary()


def offer(next_layer: Any, begins: Callable[[bytes], bool], port: int) -> bool:
    """Pass the connection on to our server at `port`, if its first bytes are for it. Was it?"""
    context = next_layer.context
    fresh = next_layer.layer is None and len(context.layers) == 1 and modes.is_regular(context.client)
    if not (switch.is_on() and fresh and begins(next_layer.data_client())):
        return False
    context.server.address = (HOST, port)
    dial.approve_relay(context.server)
    _relayed[context.server] = context.client
    next_layer.layer = TCPLayer(context, ignore=True)
    return True


def listener_of(peer: tuple[Any, ...]) -> tuple[str, int] | None:
    """The listener (host, port) that the client of a connection came to; `peer` is its address as our server sees it.

    None for a connection that we did not pass on.
    """
    for server, client in list(_relayed.items()):
        if server.state and server.sockname and server.sockname[:2] == tuple(peer[:2]):
            return client.sockname[0], client.sockname[1]
    return None
