"""P19: a replay is decided anew, for the user who sent the original; edits of operators lead the key nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitmproxy import ctx, http

from tests.attacks.conftest import USERS
from tests.attacks.tools import BOB, CHAT_TARGET, OPENAI, Evil, assert_unreached
from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
V1 = "/v1/chat/completions"


def flow_of(proxy: RunningProxy, target: str = CHAT_TARGET, via: str | None = None, **headers: str) -> http.HTTPFlow:
    """A finished flow, as mitmweb lists it."""
    ended = proxy.recorder.ended
    assert send(proxy, target, CHAT, via=via, headers=BEARER | headers).status == 200
    return proxy.recorder.wait_ended(ended + 1)[-1].copy()


def replay(proxy: RunningProxy, flow: http.HTTPFlow) -> http.HTTPFlow:
    ended = proxy.recorder.ended
    proxy.call(lambda: ctx.master.commands.call("replay.client", [flow]))
    return proxy.recorder.wait_ended(ended + 1)[-1]


def reason(flow: http.HTTPFlow) -> str | None:
    assert flow.response
    assert not [secret for secret in (TOKEN, KEY, BOB) if secret.encode() in (flow.response.content or b"")]
    return flow.response.headers.get("x-mitmvault-reason")


@pytest.mark.parametrize(
    ("target", "via"),
    [(CHAT_TARGET, None), (V1, OPENAI), ("/groq/v1/chat/completions?a=1", None), ("/mine/v1/chat/completions", None)],
)
def test_the_same_again(proxy: RunningProxy, provider: FakeProvider, target: str, via: str | None) -> None:
    done = replay(proxy, flow_of(proxy, target, via))
    assert done.response and done.response.status_code == 200
    first, second = provider.wait_for(2)
    assert (second.target, second.body, sorted(second.headers)) == (first.target, first.body, sorted(first.headers))
    assert second.headers_named("authorization") == [f"Bearer {KEY}"]
    proxy.assert_nothing_leaked(BOB)


def test_without_a_body(proxy: RunningProxy, provider: FakeProvider) -> None:
    ended = proxy.recorder.ended
    assert send(proxy, "/openai/v1/models").status == 200
    done = replay(proxy, proxy.recorder.wait_ended(ended + 1)[-1].copy())
    assert done.response and done.response.status_code == 200
    first, second = provider.wait_for(2)
    assert (second.target, second.headers) == (first.target, first.headers)
    assert second.headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("target", [V1, "/openai/v1/chat/completions"])
def test_the_same_again_with_x_host_final(proxy: RunningProxy, provider: FakeProvider, target: str) -> None:
    headers = {"X-Host-Final": "api.groq.com"}
    done = replay(proxy, flow_of(proxy, target, **headers))
    assert done.response and done.response.status_code == 200
    first, second = provider.wait_for(2)
    assert second.target == first.target


@pytest.mark.parametrize(
    "users",
    [{"bob": {"key": BOB}}, {"alice": {"key": TOKEN, "type": "expired"}, "bob": {"key": BOB}},
     {"alice": {"key": TOKEN, "providers": ["groq"]}}, {"alice": {"key": TOKEN, "models": ["other"]}}],
    ids=["removed", "expired", "other provider", "other model"],
)  # fmt: skip
def test_revoked(proxy: RunningProxy, provider: FakeProvider, users: dict) -> None:
    flow = flow_of(proxy)
    provider.clear()
    proxy.write_users(users)
    try:
        done = replay(proxy, flow)
    finally:
        proxy.write_users(USERS)
    assert reason(done) in ("unknown_token", "provider_not_allowed", "model_not_allowed")
    assert_unreached(provider)


def to(address: str, port: int) -> Callable[[http.HTTPFlow], None]:
    def edit(flow: http.HTTPFlow) -> None:
        flow.request.host, flow.request.port, flow.request.scheme = address, port, "http"

    return edit


def headers(**values: str) -> Callable[[http.HTTPFlow], None]:
    return lambda flow: flow.request.headers.update({name.replace("_", "-"): value for name, value in values.items()})


@pytest.mark.parametrize(
    "edit",
    [lambda evil: to(evil.address, evil.port), lambda evil: headers(host=f"{evil.address}:{evil.port}"),
     lambda evil: headers(x_host_final="evil.example"),
     lambda evil: headers(x_host_final=f"{evil.address}:{evil.port}"),
     lambda evil: lambda flow: setattr(flow.request, "path", f"http://{evil.address}:{evil.port}/v1"),
     lambda evil: lambda flow: setattr(flow.request, "authority", f"{evil.address}:{evil.port}"),
     lambda evil: lambda flow: setattr(flow.request, "url", f"http://{evil.address}:{evil.port}/v1")],
    ids=["host", "host header", "x-host-final", "x-host-final 2", "path", "authority", "url"],
)  # fmt: skip
@pytest.mark.parametrize("via", [None, OPENAI])
def test_edited_destination(
    proxy: RunningProxy, provider: FakeProvider, evil: Evil, edit: Callable, via: str | None
) -> None:
    """The original's destination, or none."""
    flow = flow_of(proxy, V1 if via else CHAT_TARGET, via)
    provider.clear()
    edit(evil)(flow)
    replay(proxy, flow)
    assert evil.connections == 0
    for arrived in provider.arrivals:
        assert (arrived.target, arrived.header("host")) == (V1, f"127.0.0.1:{provider.port}")


def test_edited_credentials(proxy: RunningProxy, provider: FakeProvider) -> None:
    """What an operator types into a flow is no token: the flow's user counts, and only the key leaves."""
    flow = flow_of(proxy)
    provider.clear()
    headers(authorization="Bearer typed-by-hand", x_api_key="typed-by-hand")(flow)
    assert replay(proxy, flow).metadata["mitmvault_user"] == "alice"
    (arrived,) = provider.wait_for(1)
    assert "typed-by-hand" not in str(arrived.headers)
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("metadata", [{}, {"mitmvault_arrival": {}}, {"mitmvault_arrival": {"user": "mallory"}}])
def test_flow_that_was_never_decided(proxy: RunningProxy, provider: FakeProvider, metadata: dict) -> None:
    flow = flow_of(proxy)
    provider.clear()
    flow.metadata.clear()
    flow.metadata.update(metadata)
    assert reason(replay(proxy, flow)) == "unknown_token"
    assert_unreached(provider)


def test_refused_flow(proxy: RunningProxy, provider: FakeProvider) -> None:
    ended = proxy.recorder.ended
    assert send(proxy, "/openai/v1/models", headers={}).status == 401
    flow = proxy.recorder.wait_ended(ended + 1)[-1].copy()
    assert reason(replay(proxy, flow)) == "unknown_token"
    assert_unreached(provider)


class Meddler:
    """An addon after ours."""

    def __init__(self, meddle: Callable[[http.HTTPFlow], None]) -> None:
        self.meddle = meddle

    def request(self, flow: http.HTTPFlow) -> None:
        self.meddle(flow)


def copied(flow: http.HTTPFlow) -> None:
    flow.request = flow.request.copy()


def reverted(flow: http.HTTPFlow) -> None:
    flow.backup()
    flow.request.headers["x"] = "y"
    flow.revert()


@pytest.mark.parametrize("meddle", [copied, reverted])
def test_copies_have_no_permit(proxy: RunningProxy, provider: FakeProvider, meddle: Callable) -> None:
    meddler = Meddler(meddle)
    proxy.call(lambda: ctx.master.addons.add(meddler))
    try:
        reply = send(proxy, CHAT_TARGET, CHAT)
    finally:
        proxy.call(lambda: ctx.master.addons.remove(meddler))
    if reply.status == 200:  # `revert` may keep the very same request object
        assert meddle is reverted
        assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
    else:
        assert (reply.status, reply.reason) == (502, "not_permitted")
        assert_unreached(provider)
