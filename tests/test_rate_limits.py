"""Who is counted: an address at a path; nobody at a public page; nobody without the setting."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.rate_limits import RateLimits
from mitmvault.core.refusal import Refusal
from tests.worlds import arrival, world

ONE = world(configured="rate_limit: 1/h")
CHAT = "/groq/v1/chat/completions"


def statuses(made: object, *asked: tuple[str, str, str]) -> list[int]:
    limits, found = RateLimits(), []
    for address, method, target in asked:
        flow = tflow.tflow()
        flow.client_conn.peername = (address, 5)
        try:
            limits.check(flow, arrival(target, method=method), made)  # type: ignore[arg-type]
            found.append(200)
        except Refusal as refusal:
            found.append(refusal.status)
            assert dict(refusal.headers)["retry-after"] == "3600"
    return found


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([("10.0.0.1", "POST", CHAT), ("10.0.0.1", "POST", CHAT + "?a=1")], [200, 429]),
        ([("10.0.0.1", "POST", CHAT), ("10.0.0.2", "POST", CHAT)], [200, 200]),
        ([("10.0.0.1", "POST", CHAT), ("10.0.0.1", "POST", "/openai/v1/chat/completions")], [200, 200]),
        ([("10.0.0.1", "GET", "/health"), ("10.0.0.1", "HEAD", "/health")], [200, 200]),
        ([("10.0.0.1", "GET", "/v1/providers"), ("10.0.0.1", "GET", "/v1/providers")], [200, 429]),
        ([("10.0.0.1", "POST", "/"), ("10.0.0.1", "POST", "/")], [200, 429]),
    ],
)
def test_counted(asked: list[tuple[str, str, str]], expected: list[int]) -> None:
    assert statuses(ONE, *asked) == expected
    assert statuses(world(), *asked) == [200, 200]
