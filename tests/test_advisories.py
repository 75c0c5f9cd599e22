"""Known weaknesses, by version."""

import pytest

from mitmvault.core.doctor import advisories
from mitmvault.core.doctor.finding import OK, WARN


@pytest.mark.parametrize(
    ("versions", "ids"),
    [
        ({"mitmproxy": "12.2.3", "h11": "0.16.0", "h2": "4.3.0"}, []),
        ({"mitmproxy": "11.0.2", "h11": "0.14.0", "h2": "4.1.0"},
         ["CVE-2025-23217", "CVE-2026-40606", "GHSA-vqfr-h8mv-ghfj", "GHSA-847f-9342-265h"]),
        ({"mitmproxy": "11.1.2", "h11": "0.15.9"}, ["CVE-2026-40606", "GHSA-vqfr-h8mv-ghfj"]),
        ({"mitmproxy": "12.2.1"}, ["CVE-2026-40606"]),
        ({"mitmproxy": "12.2.2.dev1", "h11": "1.0", "h2": "10.0"}, []),
    ],
)  # fmt: skip
def test_by_version(versions, ids):
    found = list(advisories.check(versions.get))
    if not ids:
        (one,) = found
        assert one.status == OK and versions["mitmproxy"] in one.text
    for one, id_ in zip(found, ids, strict=False):
        assert one.status == WARN and id_ in one.text and "3.12" in one.remedy
    assert len(found) == max(1, len(ids))
