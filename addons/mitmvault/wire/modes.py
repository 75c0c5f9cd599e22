"""How mitmproxy was told to listen: modes, hosts and ports. (`mitmproxy.proxy.mode_specs`, 11.0.2 and 12.2.3)"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.proxy import mode_specs

# What our decisions are made for. Reverse and upstream modes choose the destination themselves.
SERVED = ("regular", "transparent", "local", "wireguard", "socks5")
_WITH_LISTENER = ("regular", "socks5", "transparent")


def is_regular(client: Client) -> bool:
    """Did this client come to our listener by itself, as to a proxy or a server?"""
    return isinstance(client.proxy_mode, mode_specs.RegularMode)


def is_socks(client: Client) -> bool:
    """Did this client come by SOCKS, naming its destination itself?"""
    return isinstance(client.proxy_mode, mode_specs.Socks5Mode)


async def listen_as_told(proxyserver: Any) -> None:
    """Let mitmproxy listen where its options say now.

    mitmproxy 12 loads scripts while it opens its listeners, and does not heed a mode that changes meanwhile.
    """
    while not proxyserver.is_running:
        await asyncio.sleep(0.01)
    await proxyserver.servers.update([mode_specs.ProxyMode.parse(spec) for spec in ctx.options.mode])


def unserved(specs: Sequence[str]) -> list[str]:
    """The modes that mitmvault does not run in."""
    return [spec for spec in specs if mode_specs.ProxyMode.parse(spec).type_name not in SERVED]


def on_loopback(specs: Sequence[str], port: int | None) -> list[str]:
    """The same modes, with 127.0.0.1 where no host was given. mitmproxy's own default is every interface.

    The host goes into the mode: when a script is loaded, mitmproxy 12 may have begun to listen already, and only a
    changed mode makes it listen anew.
    """
    changed = []
    for spec in specs:
        mode = mode_specs.ProxyMode.parse(spec)
        if mode.type_name in ("regular", "socks5") and mode.custom_listen_host is None:
            spec = f"{spec.partition('@')[0]}@127.0.0.1:{mode.listen_port(port)}"
        changed.append(spec)
    return changed


def listen_hosts(specs: Sequence[str], host: str) -> list[str]:
    """Every host that is listened on; "" is every interface."""
    modes = [mode_specs.ProxyMode.parse(spec) for spec in specs]
    return [mode.listen_host(host) for mode in modes if mode.type_name in _WITH_LISTENER]
