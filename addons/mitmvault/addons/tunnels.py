"""CONNECT and TLS: decrypt provider hosts, tunnel or refuse the rest. (SECURITY P2, P4, P5, P15)"""

from __future__ import annotations

import socket
from weakref import WeakKeyDictionary

from mitmproxy import http, tls
from mitmproxy.connection import Client

from mitmvault.addons.arrivals import arrival_of, hide
from mitmvault.addons.fail_closed import fail_closed, refuse, report
from mitmvault.addons.keeper import Keeper
from mitmvault.core.configuration.hostnames import normal
from mitmvault.core.configuration.users import User
from mitmvault.core.configuration.world import World
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.place import Passage, Tunnel, own_name, tunnel
from mitmvault.wire import dial, modes


class Tunnels:
    """Decides about each tunnel once, and remembers who opened it."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._open: WeakKeyDictionary[Client, Tunnel] = WeakKeyDictionary()

    def has(self, client: Client) -> bool:
        """Do the requests of this connection come through a tunnel?"""
        return client in self._open

    def owner(self, client: Client, world: World) -> User | None:
        """Who opened this connection's tunnel with valid credentials, if they still are."""
        opened = self._open.get(client)
        return world.users.holder(opened.token_digest) if opened and opened.token_digest else None

    @fail_closed
    async def http_connect(self, flow: http.HTTPFlow) -> None:
        arrival = arrival_of(flow, in_tunnel=True, vouched=None)
        hide(flow.request)
        world = await self.keeper.world()
        try:
            if world is None:
                raise Refusal("not_ready", "mitmvault is not ready yet.")
            opened = tunnel(world, arrival)
            if opened.passage is Passage.BLIND:
                await _check_addresses(flow, world)
        except Refusal as refusal:
            refuse(flow, refusal.speaking("openai"))
        else:
            self._open[flow.client_conn] = opened

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Leave what is no provider's unread. Should this fail, it is decrypted and then refused."""
        try:
            if self._is_foreign(data):
                data.ignore_connection = True
                self._approve(data)
        except Exception as error:
            report("Tunnels.tls_clienthello", error)

    def _is_foreign(self, data: tls.ClientHelloData) -> bool:
        client = data.context.client
        if opened := self._open.get(client):
            return opened.passage is Passage.BLIND
        world, sni = self.keeper.current, data.client_hello.sni
        if modes.is_regular(client):  # TLS to our own listener: a certificate for our own names, and no others
            return bool(sni) and (world is None or not own_name(world, normal(sni or "")))
        return world is None or world.host(normal(data.client_hello.sni or "")) is None

    def _approve(self, data: tls.ClientHelloData) -> None:
        """Let the connection be dialled. Redirected traffic that the policy refuses is left without: it is cut."""
        world = self.keeper.current
        client = data.context.client
        # Who comes by SOCKS has no proxy credentials of ours: nothing for them on an open bind.
        redirected = not modes.is_regular(client) and (
            world is None or world.loopback_bind or not modes.is_socks(client)
        )
        if world and (client in self._open or (redirected and world.tunnels_unmatched)):
            dial.approve_tunnel(data.context.server, world)


async def _check_addresses(flow: http.HTTPFlow, world: World) -> None:
    """Resolve now, for a clear answer; what is dialled later is judged again. Raises Refusal."""
    try:
        await dial.resolve_open(flow.request.host, flow.request.port, world, flow.client_conn)
    except PermissionError as error:
        raise Refusal("destination_refused", f"{error}; an operator can open it with allow_networks.") from None
    except (socket.gaierror, OSError, UnicodeError) as error:
        raise Refusal("upstream_unreachable", f"Cannot resolve {flow.request.host}: {error}") from None
