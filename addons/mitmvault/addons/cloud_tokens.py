"""What keys of clouds need before they can be used: access tokens for service accounts, kept while they are good.

Rules: 1. The event loop never waits: exchanges, and the first import of a signing library, run in threads.
       2. One exchange an account at a time, whoever asks. A token that ends soon is renewed beside the requests, which
          use the old one meanwhile; only without a good one they wait.
       3. An account that cannot be exchanged is left out while another key serves; the last failure is the answer
          when none does. It is tried again after a while, or at once where nothing else is left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

import certifi
from mitmproxy import ctx

from mitmvault.addons.tasks import spawn
from mitmvault.core.configuration.key_form import AWS, GOOGLE, TOKEN
from mitmvault.core.configuration.vault import Key
from mitmvault.core.refusal import Refusal
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from mitmvault.wire import sigv4
from mitmvault.wire.google_token import Minted, exchange

AHEAD = 300.0  # seconds before its end at which a token is renewed
PAUSE = 30.0  # seconds in which an account that failed is not asked for again, if another key serves


class CloudTokens:
    """The access tokens of this process. Not thread-safe: the event loop is the only caller."""

    def __init__(
        self,
        exchange: Callable[[Secret, str, str], Minted] = exchange,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._minted: dict[Secret, Minted] = {}
        self._failed: dict[Secret, tuple[float, Refusal]] = {}
        self._under_way: dict[Secret, asyncio.Task[None]] = {}

    async def prepare(self, provider: str, keys: Iterable[Key]) -> None:
        """Wait until these keys can be used, as far as they can. Does not raise."""
        keys = tuple(keys)
        if any(key.form == AWS for key in keys):
            with suppress(Refusal):  # a missing library is the wire ring's to refuse
                await asyncio.to_thread(sigv4.load)
        awaited = []
        for key in keys:
            if key.form != GOOGLE or self._left(key) > AHEAD or not self._worth_asking(key, keys):
                continue
            task = self._under_way.get(key.secret) or self._start(provider, key)
            if self._left(key) <= 0:
                awaited.append(task)
        if awaited:
            await asyncio.wait(awaited)  # not cancelled with the request that waits: others may

    def ready(self, permit: Permit) -> Permit:
        """The permit with tokens in place of accounts. Raises Refusal when it is left without a key."""
        keys = tuple(found for key in permit.keys if (found := self._usable(key)))
        if permit.keys and not keys:
            raise self._failure(permit).speaking(permit.dialect)
        return replace(permit, keys=keys, others=tuple(map(self.ready, permit.others)))

    def _usable(self, key: Key) -> Key | None:
        if key.form != GOOGLE:
            return key
        if self._left(key) <= 0:
            return None
        return replace(key, secret=self._minted[key.secret].token, form=TOKEN)

    def _left(self, key: Key) -> float:
        """The seconds for which there is a good token."""
        minted = self._minted.get(key.secret)
        return minted.expires - self._clock() if minted else 0.0

    def _worth_asking(self, key: Key, keys: tuple[Key, ...]) -> bool:
        failed = self._failed.get(key.secret)
        if failed is None or self._clock() - failed[0] >= PAUSE:
            return True
        return all(self._usable(other) is None for other in keys)

    def _start(self, provider: str, key: Key) -> asyncio.Task[None]:
        task = self._under_way[key.secret] = spawn(self._renew(provider, key), "CloudTokens")
        return task

    async def _renew(self, provider: str, key: Key) -> None:
        field = f"providers.{provider}.keys[{key.number - 1}].key"
        trusted = ctx.options.ssl_verify_upstream_trusted_ca or certifi.where()
        try:
            minted = await asyncio.to_thread(self._exchange, key.secret, field, trusted)
        except Refusal as refusal:
            self._failed[key.secret] = (self._clock(), refusal.speaking("openai"))
        else:
            now = self._clock()
            self._minted = {account: kept for account, kept in self._minted.items() if kept.expires > now}
            self._minted[key.secret] = minted
            self._failed.pop(key.secret, None)
        finally:
            del self._under_way[key.secret]

    def _failure(self, permit: Permit) -> Refusal:
        found = (self._failed[key.secret][1] for key in permit.keys if key.secret in self._failed)
        return next(found, Refusal("upstream_failed", f"The access token of {permit.provider} has ended; try again."))
