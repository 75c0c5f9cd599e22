"""The demo provider runs before the first world is made, and stops with the proxy."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from mitmvault.addons.embedded import Embedded
from mitmvault.addons.keeper import Keeper
from tests.worlds import TOKENS, world


def test_it_listens_on_loopback_while_it_runs():
    async def main():
        keeper = Keeper()
        embedded = Embedded(keeper)
        embedded.running()
        try:
            where = urlsplit(keeper.embedded["demo"])
            assert (where.scheme, where.hostname) == ("http", "127.0.0.1") and where.port
            _, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.close()
        finally:
            embedded.done()
        with pytest.raises(OSError):
            await asyncio.open_connection(where.hostname, where.port)

    asyncio.run(main())


def test_it_can_tell_a_user_token():
    keeper = Keeper()
    embedded = Embedded(keeper)
    assert not embedded._is_user_token(TOKENS["alice"])
    keeper._world = world()
    assert embedded._is_user_token(TOKENS["alice"]) and not embedded._is_user_token("sk-something-else")
