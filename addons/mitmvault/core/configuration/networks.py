"""Which addresses a client may not choose as its destination (SECURITY P4).

Rules: 1. Judge the address really dialled, not the name: names are resolved first, and the result is pinned.
       2. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by both.
       3. A number is an address in every spelling that `inet_aton` accepts (0x7f.1, 2130706433, 017700000001).
       4. An operator may open named networks; nothing else does, and our own ports stay closed even then.

Source of the table: IANA special-purpose address registries (RFC 6890 and updates).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's WireServer: a public address that answers with machine credentials
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",  # unspecified
        "::1/128",  # loopback
        "64:ff9b:1::/48",  # NAT64 of a local network (RFC 8215)
        "100::/64",  # discard
        "2001:db8::/32",  # documentation
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")

# Names that answer with credentials on cloud machines, and names that always mean this machine.
FORBIDDEN_NAMES = frozenset({"localhost", "metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
FORBIDDEN_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".ec2.internal")


def parse(host: str) -> Address | None:
    """The address that `host` spells, in any notation that a resolver would take for one; else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _inet_aton(host)


def forbidden(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Is this destination closed to clients?"""
    allowed = tuple(allowed)
    return any(_forbidden(face) and not _within(face, allowed) for face in _faces(address))


def is_own(address: Address, port: int, listener: tuple[str, int], own_ports: Iterable[int]) -> bool:
    """Is this one of our own ports on this machine? Closed whatever an operator allows (rule 4)."""
    faces = _faces(address)
    here = any(face.is_loopback or face.is_unspecified or str(face) == listener[0] for face in faces)
    return here and (port == listener[1] or port in own_ports)


def forbidden_name(host: str) -> bool:
    """Does this name (in normal form) mean this machine or a metadata service, whatever it resolves to?"""
    return host in FORBIDDEN_NAMES or host.endswith(FORBIDDEN_SUFFIXES)


def is_loopback(host: str) -> bool:
    """Is this host, a name or an address in normal form, this machine?"""
    address = parse(host)
    return address.is_loopback if address is not None else host == "localhost" or host.endswith(".localhost")


@lru_cache(maxsize=1024)
def is_local_peer(peer: str, own: str) -> bool:
    """Does a connection from `peer` to our address `own` (both without a port) begin on this machine?"""
    address, ours = parse(peer), parse(own)
    if address is None:
        return False
    return address == ours or any(face.is_loopback for face in _faces(address))


def _forbidden(address: Address) -> bool:
    return _within(address, FORBIDDEN)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _faces(address: Address) -> list[Address]:
    """The address, and every IPv4 address it carries (rule 2)."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    faces: list[Address] = [address]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        faces.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour:
        faces.append(address.sixtofour)
    if address.teredo:
        faces.extend(address.teredo)
    return faces


def _inet_aton(text: str) -> IPv4Address | None:
    """One to four numbers, each decimal, octal or hexadecimal; the last fills the remaining bytes (inet_aton(3))."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = []
    for part in parts:
        try:
            if not part.isascii() or "_" in part or part[:1] in "+-":
                return None
            octal = len(part) > 1 and part[0] == "0" and part[1] not in "xX"
            numbers.append(int(part, 8) if octal else int(part, 16 if part[:2].lower() == "0x" else 10))
        except (ValueError, IndexError):
            return None
    *head, last = numbers
    if any(number > 255 for number in head) or last >= 256 ** (5 - len(parts)):
        return None
    return IPv4Address(sum(number << (24 - 8 * i) for i, number in enumerate(head)) + last)
