"""Tokens for service accounts: one exchange at a time, renewed ahead, and never awaited without need."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy.test import taddons

from mitmvault.addons.cloud_tokens import AHEAD, PAUSE, CloudTokens
from mitmvault.core.decide import decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from mitmvault.wire.google_token import Minted
from tests import google
from tests.serving import eventually
from tests.worlds import JSON, arrival, bearer, world

ENDPOINT = "https://europe-west4-aiplatform.googleapis.com/v1/projects/proj/locations/europe-west4"
PATH = "/vertex/v1/projects/p/locations/l/publishers/google/models/g:generateContent"
LIFE = 3600.0


class Exchange:
    """Gives token after token, or raises; can be held."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.failing: set[str] = set()
        self.open = threading.Event()
        self.open.set()

    def __call__(self, account: Secret, field: str, trusted: str) -> Minted:
        self.asked.append(field)
        self.threads.add(threading.get_ident())
        assert self.open.wait(10) and trusted.endswith(".pem")
        if field in self.failing:
            raise Refusal("upstream_failed", f"{field} failed")
        return Minted(Secret(f"token-{len(self.asked)}-{field[-6]}"), self.now + LIFE)


def permit(count: int = 1, *more: str) -> Permit:
    accounts: list[Any] = [google.account("http://127.0.0.1:9", private_key_id=f"{n:040}") for n in range(count)]
    entry = {"endpoint": ENDPOINT, "keys": [{"key": key} for key in (*accounts, *more)]}
    found = decide(world({"google-vertex-ai": entry}), arrival(PATH, bearer(), JSON), b"{}")
    assert isinstance(found, Permit), found
    return found


def play(scene: Callable[[CloudTokens, Exchange], Any]) -> Any:
    async def run() -> Any:
        exchange = Exchange()
        return await scene(CloudTokens(exchange, lambda: exchange.now), exchange)

    with taddons.context() as context:
        context.options.update()
        return asyncio.run(run())


def sent(tokens: CloudTokens, made: Permit) -> list[str]:
    return [key.secret.reveal() for key in tokens.ready(made).keys]


async def prepared(tokens: CloudTokens, made: Permit) -> list[str]:
    await tokens.prepare(made.provider, made.keys)
    return sent(tokens, made)


async def ended(tokens: CloudTokens) -> None:
    while tokens._under_way:
        await asyncio.wait(list(tokens._under_way.values()))


def test_a_token_takes_the_accounts_place_and_is_kept():
    async def scene(tokens, exchange):
        made = permit()
        assert await prepared(tokens, made) == await prepared(tokens, made) == ["token-1-0"]
        assert exchange.asked == ["providers.google-vertex-ai.keys[0].key"]
        assert threading.get_ident() not in exchange.threads
        (credential,) = tokens.ready(made).credentials()
        assert (credential.header, credential.value()) == ("authorization", "Bearer token-1-0")
        assert credential.shown == "Bearer [google-vertex-ai #1 …0000]"
        with pytest.raises(Refusal):  # the account itself is never a header
            made.credentials()[0].value()

    play(scene)


def test_many_at_once_ask_once():
    async def scene(tokens, exchange):
        found = await asyncio.gather(*(prepared(tokens, permit()) for _ in range(20)))
        assert found == [["token-1-0"]] * 20 and len(exchange.asked) == 1

    play(scene)


def test_who_goes_away_does_not_take_the_exchange_along():
    async def scene(tokens, exchange):
        exchange.open.clear()
        waiting = [asyncio.ensure_future(prepared(tokens, permit())) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        exchange.open.set()
        assert await waiting[1] == ["token-1-0"]

    play(scene)


def test_a_token_that_ends_soon_is_renewed_beside_the_requests():
    async def scene(tokens, exchange):
        made = permit()
        await prepared(tokens, made)
        exchange.now += LIFE - AHEAD - 1
        assert await prepared(tokens, made) == ["token-1-0"] and len(exchange.asked) == 1
        exchange.now += 2
        exchange.open.clear()
        for _ in range(3):  # nobody waits, and nobody asks twice
            assert await prepared(tokens, made) == ["token-1-0"]
        assert await asyncio.to_thread(eventually, lambda: len(exchange.asked) == 2)
        exchange.open.set()
        await ended(tokens)
        assert await prepared(tokens, made) == ["token-2-0"] and len(exchange.asked) == 2

    play(scene)


def test_a_renewal_that_fails_does_not_harm_while_the_old_one_lasts():
    async def scene(tokens, exchange):
        made = permit()
        await prepared(tokens, made)
        exchange.failing.add("providers.google-vertex-ai.keys[0].key")
        exchange.now += LIFE - AHEAD + 1
        await prepared(tokens, made)
        await ended(tokens)
        assert await prepared(tokens, made) == ["token-1-0"] and len(exchange.asked) == 2  # and a pause
        exchange.now += AHEAD
        await prepared_refused(tokens, made)

    play(scene)


async def prepared_refused(tokens: CloudTokens, made: Permit) -> Refusal:
    await tokens.prepare(made.provider, made.keys)
    with pytest.raises(Refusal) as caught:
        tokens.ready(made)
    assert (caught.value.reason, caught.value.dialect) == ("upstream_failed", "google")
    return caught.value


def test_a_failure_is_the_answer_and_the_next_request_tries_again():
    async def scene(tokens, exchange):
        exchange.failing.add("providers.google-vertex-ai.keys[0].key")
        found = await prepared_refused(tokens, permit())
        assert "keys[0].key failed" in found.text and len(exchange.asked) == 1
        exchange.failing.clear()
        assert await prepared(tokens, permit()) == ["token-2-0"]

    play(scene)


def test_an_account_that_fails_is_left_out_while_another_key_serves():
    async def scene(tokens, exchange):
        exchange.failing.add("providers.google-vertex-ai.keys[0].key")
        made = permit(2, "made-up-api-key")
        assert await prepared(tokens, made) == ["token-2-1", "made-up-api-key"]
        assert await prepared(tokens, made) == ["token-2-1", "made-up-api-key"]
        assert len(exchange.asked) == 2
        exchange.failing.clear()
        exchange.now += PAUSE
        assert await prepared(tokens, made) == ["token-3-0", "token-2-1", "made-up-api-key"]
        headers = [replaced.credentials()[0].header for replaced in map(only(tokens.ready(made)), range(3))]
        assert headers == ["authorization", "authorization", "x-goog-api-key"]

    play(scene)


def only(made: Permit) -> Callable[[int], Permit]:
    from dataclasses import replace

    return lambda index: replace(made, keys=made.keys[index : index + 1])


def test_unprepared_it_is_refused():
    async def scene(tokens, exchange):
        with pytest.raises(Refusal, match="try again"):
            tokens.ready(permit())

    play(scene)


def test_tokens_that_ended_are_forgotten():
    async def scene(tokens, exchange):
        await prepared(tokens, permit())
        exchange.now += LIFE
        await prepared(tokens, permit(2))
        assert len(tokens._minted) == 2
        exchange.now += LIFE
        await prepared(tokens, permit())
        assert len(tokens._minted) == 1

    play(scene)


def test_other_keys_are_left_alone():
    async def scene(tokens, exchange):
        made = decide(world(), arrival("/openai/v1/models", bearer(), method="GET"))
        assert isinstance(made, Permit)
        await tokens.prepare(made.provider, made.keys)
        assert tokens.ready(made) == made and exchange.asked == []

    play(scene)
