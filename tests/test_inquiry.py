"""Our own requests to ourselves: nonces that are good once, for one request, for a while; answers that are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mitmvault.core.message.credentials import INQUIRY
from mitmvault.local import inquiry
from mitmvault.local.inquiry import Inquiries
from tests.provider import FakeProvider

Work = Callable[[Inquiries, tuple[str, int]], Awaitable[Any]]


def asking(provider: FakeProvider, work: Work) -> Any:
    async def run() -> Any:
        return await work(Inquiries(), ("127.0.0.1", provider.port))

    return asyncio.run(run())


def test_a_request_says_who_asks_and_nothing_else_of_ours(provider: FakeProvider) -> None:
    provider.next(200, {"X-A": "b"}, b"yes")

    async def work(asks: Inquiries, at: tuple[str, int]) -> None:
        reply = await asks.ask(at, "alice", "/groq/models?a=%2F", (("anthropic-version", "1"),), 5)
        assert (reply.status, reply.body, dict(reply.headers)["x-a"]) == (200, b"yes", "b")
        arrived = provider.wait_for(1)[0]
        assert (arrived.method, arrived.target) == ("GET", "/groq/models?a=%2F")
        assert arrived.header("anthropic-version") == "1"
        assert str(arrived.header("user-agent")).startswith("mitmvault/")
        assert not arrived.header("accept-encoding") and not arrived.header("authorization")
        nonce = str(arrived.header(INQUIRY))
        assert asks.redeem(nonce, "GET /groq/models?a=%2F") == "alice"
        assert asks.redeem(nonce, "GET /groq/models?a=%2F") is None  # once

    asking(provider, work)


@pytest.mark.parametrize("request_line", ["GET /groq/models?x", "POST /groq/models", "GET /openai/models", ""])
def test_a_nonce_is_good_for_its_request_alone_and_gone_after_a_wrong_one(request_line: str) -> None:
    asks = Inquiries()
    nonce = asks._issue("alice", "/groq/models", 5)
    assert asks.redeem(nonce, request_line) is None
    assert asks.redeem(nonce, "GET /groq/models") is None
    assert asks.redeem("", "GET /groq/models") is None


def test_a_nonce_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(inquiry.time, "monotonic", lambda: clock[0])
    asks = Inquiries()
    first, second = (asks._issue("alice", "/x", 5) for _ in range(2))
    assert first != second and len(first) > 40
    clock[0] = 104.9
    assert asks.redeem(first, "GET /x") == "alice"
    clock[0] = 105.0
    assert asks.redeem(second, "GET /x") is None
    asks._issue("alice", "/y", 5)
    clock[0] = 200.0
    asks._issue("alice", "/z", 5)
    assert len(asks._nonces) == 1  # old ones do not pile up


def test_the_same_question_is_asked_once_at_a_time(provider: FakeProvider) -> None:
    async def work(asks: Inquiries, at: tuple[str, int]) -> None:
        def ask(user: str, target: str) -> Awaitable[Any]:
            return asks.ask(at, user, target, (), 5)

        replies = await asyncio.gather(ask("alice", "/v1/models"), ask("alice", "/v1/models"), ask("bob", "/v1/models"))
        assert {reply.status for reply in replies} == {200}
        assert len(provider.arrivals) == 2
        await ask("alice", "/v1/models")
        assert len(provider.arrivals) == 3

    asking(provider, work)


def test_failures_reach_everybody_who_waits(provider: FakeProvider) -> None:
    async def work(asks: Inquiries, at: tuple[str, int]) -> None:
        for reply in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"nonsense\r\n\r\n"):
            provider.raw(reply)
            both = [asks.ask(at, "alice", "/x", (), 5) for _ in range(2)]
            found = await asyncio.gather(*both, return_exceptions=True)
            assert all(isinstance(error, OSError) for error in found), (reply, found)
        with pytest.raises(OSError):
            await asks.ask(("127.0.0.1", 1), "alice", "/x", (), 5)
        assert asks._asking == {}

    asking(provider, work)


def test_silence_ends(provider: FakeProvider) -> None:
    stream = provider.stream()

    async def work(asks: Inquiries, at: tuple[str, int]) -> None:
        with pytest.raises(TimeoutError):
            await asks.ask(at, "alice", "/x", (), 0.2)

    asking(provider, work)
    stream.abort()


def test_an_answer_without_end_is_cut_off(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "MAX_BODY_BYTES", 1000)
    provider.next(200, {}, chunks=[b"x" * 400] * 3)
    provider.next(200, {}, b"x" * 1001)

    async def work(asks: Inquiries, at: tuple[str, int]) -> None:
        for _ in range(2):
            with pytest.raises(OSError):
                await asks.ask(at, "alice", "/x", (), 5)

    asking(provider, work)
