"""P12: a redirect of the provider's does not carry a client, and what it sends along, to another origin."""

from __future__ import annotations

import pytest

from tests.attacks.tools import CHAT_TARGET, answer, post, refused
from tests.client import CHAT, Reply, raw, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e
AWAY = ["https://evil.example/", "http://evil.example/", "//evil.example/x", "HTTPS://evil.example",
        "http://127.0.0.1:1/",
        "https://{own}/v1", "http://127.0.0.1@evil.example/", "http://{own}@evil.example/",
        "//{own}@evil.example/", "ftp://{own}/", "javascript:alert(1)", "http://[::1]/", "http://127.0.0.1/",
         "ws://{own}/"]  # fmt: skip
# Read by browsers' and Node's URL parser (WHATWG) as another host, by urllib as a path or as ours.
DIFFERENTIAL = ["/\\evil.example/", "\\\\evil.example/", "///evil.example/", "http:///evil.example/",
                "/\\/evil.example/",
                "http://evil.example\\@{own}/", "http:\\\\evil.example/"]  # fmt: skip
# urllib raises.
CRASHING = [
    "http://{own}.evil.example/",
    "https://a[b@evil.example/",
    "https://evil.example:99999/",
    "//[evil.example/",
    "https://evil.example:x/",
]


def redirected(
    proxy: RunningProxy, provider: FakeProvider, status: int, *locations: str, via: str | None = None
) -> Reply:
    own = f"127.0.0.1:{provider.port}"
    headers = [("Location", location.format(own=own)) for location in locations]
    provider.next(status, headers, b"moved")
    target = CHAT_TARGET if via is None else "/v1/chat/completions"
    reply = send(proxy, target, CHAT, via=via)
    assert len(provider.wait_for(1)) == 1
    return reply


def assert_held_back(reply: Reply) -> None:
    refused(reply, 502, "upstream_redirect")
    assert "location" not in {name.lower() for name in reply.headers}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 306, 307, 308, 399])
@pytest.mark.parametrize("via", [None, "api.openai.com"])
def test_every_code(proxy: RunningProxy, provider: FakeProvider, status: int, via: str | None) -> None:
    assert_held_back(redirected(proxy, provider, status, "https://evil.example/", via=via))


@pytest.mark.parametrize("location", AWAY)
def test_other_origins(proxy: RunningProxy, provider: FakeProvider, location: str) -> None:
    assert_held_back(redirected(proxy, provider, 307, location))


@pytest.mark.parametrize("location", DIFFERENTIAL)
def test_parsers_that_differ(proxy: RunningProxy, provider: FakeProvider, location: str) -> None:
    assert_held_back(redirected(proxy, provider, 307, location))


@pytest.mark.parametrize("location", CRASHING)
def test_unreadable_locations(proxy: RunningProxy, provider: FakeProvider, location: str) -> None:
    reply = redirected(proxy, provider, 307, location)
    assert "location" not in {name.lower() for name in reply.headers}


@pytest.mark.parametrize(
    "order",
    [("/v1/x", "https://evil.example/"),
     ("https://evil.example/", "/v1/x")],
)  # fmt: skip
def test_two_locations(proxy: RunningProxy, provider: FakeProvider, order: tuple) -> None:
    reply = redirected(proxy, provider, 307, *order)
    assert "https://evil.example/" not in reply.headers.get_all("location", [])


@pytest.mark.parametrize("location", ["/v1/other", "other", "?a=1", "#x", "", "./x"])
@pytest.mark.parametrize("status", [301, 307, 308])
def test_within_the_origin(proxy: RunningProxy, provider: FakeProvider, status: int, location: str) -> None:
    reply = redirected(proxy, provider, status, location)
    assert (reply.status, reply.headers["location"], reply.body) == (status, location, b"moved")


@pytest.mark.parametrize("via", [None, "api.openai.com"])
def test_absolute_within_the_providers_origin(proxy: RunningProxy, provider: FakeProvider, via: str | None) -> None:
    reply = redirected(proxy, provider, 307, "http://{own}/v1/other", via=via)
    assert f":{provider.port}" not in reply.headers.get("location", "")


def test_location_of_what_is_no_redirect(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert redirected(proxy, provider, 201, "https://evil.example/").status == 201


def test_endless_body_of_a_redirect(proxy: RunningProxy, provider: FakeProvider) -> None:
    """It is held back without waiting for the end of its body."""
    stream = provider.stream(status=307, headers={"Location": "https://evil.example/"}, chunks=[b"x" * 1000])
    with raw(proxy) as client:
        client.sock.settimeout(1)
        reply = answer(client.send(post(host=f"127.0.0.1:{proxy.port}")))
    stream.finish()
    assert_held_back(reply)
