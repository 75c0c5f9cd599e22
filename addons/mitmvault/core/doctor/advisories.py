"""Known weaknesses of what mitmvault stands on, by the version that mends them.

Sources: the GitHub advisory database, PYSEC-2026-92 of PyPA's, and MITMPROXY.md, where each was tried (2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mitmvault.core.doctor.finding import OK, WARN, Finding


class Advisory(NamedTuple):
    """`package` is affected before version `fixed`."""

    package: str
    fixed: str
    id: str
    text: str


ADVISORIES = (
    Advisory("mitmproxy", "11.1.2", "CVE-2025-23217", "mitmweb has no password (mitmvault does not proxy to it)"),
    Advisory(
        "mitmproxy", "12.2.2", "CVE-2026-40606", "its proxyauth by LDAP can be passed (mitmvault does not use it)"
    ),
    Advisory("h11", "0.16.0", "GHSA-vqfr-h8mv-ghfj", "requests can be smuggled in malformed chunks"),
    Advisory("h2", "4.3.0", "GHSA-847f-9342-265h", "requests can be smuggled through HTTP/2 header values"),
)
REMEDY = "set it up anew with Python 3.12 or 3.13: mitmproxy 12 brings the mended versions"


def check(version_of: Callable[[str], str | None]) -> Iterator[Finding]:
    """`version_of` tells an installed package's version, None where it is not installed."""
    affected = [
        advisory
        for advisory in ADVISORIES
        if (version := version_of(advisory.package)) and _number(version) < _number(advisory.fixed)
    ]
    for package, fixed, id_, text in affected:
        yield Finding(
            "software", package, WARN, f"{package} {version_of(package)} before {fixed}: {text} ({id_})", REMEDY
        )
    if not affected:
        yield Finding("software", "mitmproxy", OK, f"mitmproxy {version_of('mitmproxy')}, no known advisory")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
