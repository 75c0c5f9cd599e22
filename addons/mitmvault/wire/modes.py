"""How mitmproxy was told to listen: modes, hosts and ports. (`mitmproxy.proxy.mode_specs`, 11.0.2 and 12.2.3)"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, Server
from mitmproxy.proxy import mode_specs

# What our decisions are made for. Reverse and upstream modes choose the destination themselves.
SERVED = ("regular", "transparent", "local", "wireguard", "socks5")
_WITH_LISTENER = ("regular", "socks5", "transparent")
TRANSPARENT_PORT = 8443  # of `mitmvault serve`; mitmproxy's own default is that of the regular mode


def is_regular(client: Client) -> bool:
    """Did this client come to our listener by itself, as to a proxy or a server?"""
    return isinstance(client.proxy_mode, mode_specs.RegularMode)


def is_socks(client: Client) -> bool:
    """Did this client come by SOCKS, naming its destination itself?"""
    return isinstance(client.proxy_mode, mode_specs.Socks5Mode)


def is_lookup(client: Client, connection: Server) -> bool:
    """Does a program of this machine ask a DNS server? The mode local redirects its UDP too."""
    local = isinstance(client.proxy_mode, mode_specs.LocalMode)
    return local and connection.transport_protocol == "udp" and bool(connection.address and connection.address[1] == 53)


def listener(client: Client) -> tuple[str, int]:
    """The listener that this client came to, so that nobody dials it through us; `("", 0)` if its mode has none.

    Of redirected traffic `sockname` is the original destination (`mode_servers.handle_stream`). For the transparent
    mode the answer is that host with our port: who comes unredirected names our own address, which would be a loop.
    """
    if client.sockname is None or client.proxy_mode.type_name not in _WITH_LISTENER:
        return "", 0
    host, port = client.sockname[:2]
    if isinstance(client.proxy_mode, mode_specs.TransparentMode):
        port = client.proxy_mode.listen_port(ctx.options.listen_port) or 0
    return str(host), int(port)


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


def beside(spec: str, host: str) -> str:
    """A mode that `mitmvault serve` runs beside its listener on `host`, with an address of its own.

    Raises ValueError for one that cannot be.
    """
    mode = mode_specs.ProxyMode.parse(spec)
    if mode.type_name not in SERVED[1:]:
        raise ValueError(f"it can be {', '.join(SERVED[1:])}")
    if mode.type_name not in _WITH_LISTENER:
        return spec
    usual = TRANSPARENT_PORT if mode.type_name == "transparent" else None
    at = (mode.custom_listen_host or host).strip("[]")  # mitmproxy takes an IPv6 address as it is
    return f"{mode.type_name}@{at}:{mode.listen_port(usual)}"


def address(spec: str) -> tuple[str, int] | None:
    """The host and TCP port in this mode; None where it says none."""
    mode = mode_specs.ProxyMode.parse(spec)
    if mode.type_name not in _WITH_LISTENER or mode.custom_listen_host is None:
        return None
    return mode.custom_listen_host, mode.custom_listen_port or 0


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


def listen_ports(specs: Sequence[str], port: int | None) -> list[int]:
    """The TCP ports that these modes listen at, as far as they say; `port` is mitmproxy's option."""
    modes = [mode_specs.ProxyMode.parse(spec) for spec in specs]
    ports = [mode.listen_port(port) for mode in modes if mode.type_name in _WITH_LISTENER]
    return [number for number in ports if number]
