"""Which addresses this process connects to for clients (SECURITY P4, P5).

Rules: 1. A connection is opened to a destination that a permit or an approved tunnel named, or to a server of our own
          for a connection that is passed on to it (relay.py), or not at all.
       2. The address of a tunnel is judged after it was resolved, and the judged address is the one dialled.
       3. A program whose traffic is redirected on its own machine may ask the DNS server that it asked anyway.
       4. When the switch is off, nothing is dialled.

How: `ConnectionHandler.open_connection` is wrapped (11.0.2 and 12.2.3). A hook would not do: hooks fail open.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from weakref import WeakKeyDictionary

from mitmproxy.connection import Client, Server
from mitmproxy.proxy import events, server

from mitmvault.core.configuration.networks import forbidden, is_own, parse
from mitmvault.core.configuration.world import World
from mitmvault.wire import modes, switch

Address = tuple[str, int]
_stock_open = server.ConnectionHandler.open_connection
_permitted: set[Address] = set()
_tunnels: WeakKeyDictionary[Server, World] = WeakKeyDictionary()
_relays: WeakKeyDictionary[Server, Address] = WeakKeyDictionary()


def permit(host: str, port: int) -> None:
    """A permit leads here. Only endpoints of the vault and the catalogue ever get into this set."""
    _permitted.add((host, port))


def approve_tunnel(connection: Server, world: World) -> None:
    """This connection may be dialled as a blind tunnel, if its address turns out to be open to clients."""
    _tunnels[connection] = world


def approve_relay(connection: Server) -> None:
    """This one connection may be dialled to the server of our own that it is addressed to now, and nowhere else."""
    assert connection.address is not None
    _relays[connection] = connection.address[:2]


def install() -> None:
    """Put the guard in place; it stays until the process ends."""
    server.ConnectionHandler.open_connection = _open_connection  # type: ignore[method-assign]


async def _open_connection(self: Any, command: Any) -> None:
    error = await judge(self.client, command.connection)
    if error:
        command.connection.error = error
        await self.server_event(events.OpenConnectionCompleted(command, error))
        return
    await _stock_open(self, command)


async def judge(client: Client, connection: Server) -> str | None:
    """None when the connection may be opened, else why not. Pins a tunnel to the address that was judged."""
    if not switch.is_on() or connection.address is None:
        return "mitmvault permits no connections now"
    host, port = connection.address[:2]
    if connection in _relays:
        return None if _relays[connection] == (host, port) else "mitmvault did not permit this destination"
    if connection in _tunnels:
        try:
            address = await resolve_open(host, port, _tunnels[connection], client)
        except OSError as error:
            return str(error)
        connection.address = (address, port)
        return None
    allowed = (host, port) in _permitted or modes.is_lookup(client, connection)
    return None if allowed else "mitmvault did not permit this destination"


async def resolve_open(host: str, port: int, world: World, client: Client) -> str:
    """The first address of `host` that is open to clients. Raises OSError when it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, sockaddr in found:
        address = parse(str(sockaddr[0]).partition("%")[0])
        if address is None or is_own(address, port, modes.listener(client), world.own_ports):
            continue
        if not forbidden(address, world.settings.allow_networks):
            return str(sockaddr[0])
    raise PermissionError(f"{host} is on this machine or in a private network")
