"""Connections upstream are not counted; silence has a limit on every version."""

from __future__ import annotations

import asyncio

from mitmproxy import options
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import context, server
from mitmproxy.test import taddons, tflow

from mitmvault.wire import limits


class Handler(server.ConnectionHandler):
    """Does nothing."""

    async def handle_hook(self, hook):
        pass

    def log(self, *_, **__):
        pass


def test_more_than_five_connections_for_one_client():
    limits.install()

    async def main():
        handler = Handler(context.Context(tflow.tclient_conn(), options.Options()))
        semaphore = handler.max_conns[("api.groq.com", 443)]
        for _ in range(1000):
            await asyncio.wait_for(semaphore.acquire(), 1)

    asyncio.run(main())


def test_the_idle_timeout(monkeypatch):
    monkeypatch.setattr(server, "TCP_TIMEOUT", 1, raising=False)
    with taddons.context(proxyserver.Proxyserver()) as tctx:
        limits.set_idle_timeout(1800)
        if "tcp_timeout" in tctx.options:
            assert tctx.options.tcp_timeout == 1800
        else:
            assert server.TCP_TIMEOUT == 1800
