"""A request that nobody has sent: by which way it would come, and that it is well formed."""

from __future__ import annotations

import pytest

from mitmvault.core.message import form, imagined
from mitmvault.core.message.arrival import Way
from tests.worlds import world


@pytest.mark.parametrize(
    ("url", "way", "host", "port", "target", "own"),
    [
        ("http://127.0.0.1:8080/openai/v1/models?a=1", Way.LISTENER, "127.0.0.1", 8080, "/openai/v1/models?a=1", True),
        ("localhost", Way.LISTENER, "localhost", 80, "/", True),
        ("https://[::1]:9/x", Way.LISTENER, "::1", 9, "/x", True),
        ("https://llm.example/x", Way.LISTENER, "llm.example", 443, "/x", True),
        ("https://api.openai.com/v1/models", Way.TUNNEL, "api.openai.com", 443, "/v1/models", False),
        ("http://api.openai.com/v1/models", Way.LISTENER, "api.openai.com", 80, "/v1/models", False),
        ("https://x:y@api.openai.com", Way.TUNNEL, "api.openai.com", 443, "/", False),
    ],
)
def test_by_its_url(url: str, way: Way, host: str, port: int, target: str, own: bool) -> None:
    came = imagined.arrival(world(configured="names: [llm.example]"), "GET", url, [("A", "1")])
    assert (came.way, came.host, came.port, came.target) == (way, host, port, target)
    assert (came.listener == (host, port)) == own and came.sni == (host if url.startswith("https") else None)
    form.check(came)


def test_a_host_header_and_another_way() -> None:
    given = [("host", "other.example"), ("A", "1")]
    came = imagined.arrival(world(), "POST", "https://api.openai.com/", given, Way.TRANSPARENT)
    assert came.way is Way.TRANSPARENT and came.headers == (("Host", "other.example"), ("A", "1"))


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "https://host:port/", "http://a b/"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        imagined.arrival(world(), "GET", url, [])


def test_the_connect_before_it() -> None:
    came = imagined.arrival(world(), "GET", "https://api.openai.com/v1/models", [("A", "1")])
    opened = imagined.connect(came, (("Proxy-Authorization", "Basic eA=="),))
    assert (opened.method, opened.authority, opened.target, opened.tls, opened.sni) == (
        "CONNECT", "api.openai.com:443", "", False, None)  # fmt: skip
    assert opened.headers == (("Proxy-Authorization", "Basic eA=="),)
