"""Names of hosts, brought to one form before they are compared (SECURITY P2)."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# Our own, because urlsplit takes what stands around brackets for nothing (Python 3.11, 3.12.1).
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^:\[\]@/?#\\\s]+))(?::(?P<port>[0-9]{1,5}))?\Z")
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?P<authority>[^/?#]*)")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\Z")


def normal(host: str) -> str:
    """Lower case, no brackets, no trailing dot, IDNA as ASCII. An impossible name becomes "", which matches nothing."""
    host = host.strip().lower().removesuffix(".")
    if ":" in host:  # an IPv6 address, or nothing; its scope (%eth0) names an interface of the client's machine
        host = host.removeprefix("[").removesuffix("]").partition("%")[0]
        return host if _is_ipv6(host) else ""
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return ""
    return host if all(_LABEL.match(label) for label in host.split(".")) else ""


def split_authority(authority: str, scheme: str) -> tuple[str, int] | None:
    """`host`, `host:port` or `[v6]:port` -> (normal host, port); None when it is none of these."""
    match = _AUTHORITY.match(authority)
    if match is None or scheme not in DEFAULT_PORTS:
        return None
    host = normal(match["v6"] or match["name"])
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS[scheme]  # 0 is a port: any free one, to listen at
    return (host, port) if host and port < 65536 else None


def of_url_or_host(text: str) -> str:
    """The host in `https://host:port/path`, `host:port` or `host`; "" when there is none. For X-Host-Final."""
    match = _URL.match(text.strip())
    authority = split_authority(match["authority"], "https") if match else None
    return authority[0] if authority else ""


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host) is not None
    except ValueError:
        return False
