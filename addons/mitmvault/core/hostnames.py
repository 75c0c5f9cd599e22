"""Names of hosts, brought to one form before they are compared (SECURITY P2)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\Z")


def normal(host: str) -> str:
    """Lower case, no brackets, no trailing dot, IDNA as ASCII. An impossible name becomes "", which matches nothing."""
    host = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    if ":" in host:  # an IPv6 address; its scope (%eth0) names an interface of the client's machine
        return host.partition("%")[0]
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return ""
    return host if all(_LABEL.match(label) for label in host.split(".")) else ""


def split_authority(authority: str, scheme: str) -> tuple[str, int] | None:
    """`host`, `host:port` or `[v6]:port` -> (normal host, port); None when it is none of these."""
    try:
        parts = urlsplit(f"//{authority}")
        port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port  # 0 is a port: any free one, to listen at
    except (ValueError, KeyError):
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or not parts.hostname:
        return None
    host = normal(parts.hostname)
    return (host, port) if host else None


def of_url_or_host(text: str) -> str:
    """The host in `https://host:port/path`, `host:port` or `host`; "" when there is none. For X-Host-Final."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        return ""
    return normal(parts.hostname or "") if "@" not in parts.netloc else ""
