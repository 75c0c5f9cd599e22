"""The running proxy of a home, asked whether it is there, who we are to it, and which providers it has for us.

Rules: 1. A process of the remembered number proves nothing: the proxy must answer at its address.
       2. It is asked on this machine: a proxy that listens on every interface is asked on loopback.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from mitmvault.home import state
from mitmvault.home.layout import Home

TIMEOUT = 5.0  # seconds
MAX_BYTES = 1 << 20
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104


class _Health(msgspec.Struct):
    status: str
    service: str
    available_providers: list[str] | None = None  # missing for who is no user


@dataclass(frozen=True)
class Running:
    """A proxy that answers: its address, and the providers that the token may use; None if it knows no such token."""

    address: str
    providers: frozenset[str] | None


def find(home: Home, token: str) -> Running | None:
    """The proxy of this home, if one runs."""
    found = state.running(home)
    return ask(found.address, token) if found else None


def ask(address: str, token: str) -> Running | None:
    """Ask the proxy at this address; None when nobody answers, or somebody else."""
    address = _reachable(address)
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health", headers={"Authorization": f"Bearer {token}"})
        health = msgspec.json.decode(connection.getresponse().read(MAX_BYTES), type=_Health)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    if (health.status, health.service) != ("ok", "mitmvault"):
        return None
    known = health.available_providers
    return Running(address, None if known is None else frozenset(known))


def _reachable(address: str) -> str:
    parts = urlsplit(address)
    host = _ANYWHERE.get(parts.hostname or "")
    return f"{parts.scheme}://{host}:{parts.port}" if host else address
