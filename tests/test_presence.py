"""When the listener is up: the state file, and an event for others; at the end the file goes."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import pytest
from mitmproxy.test import taddons

from mitmvault.addons.keeper import Keeper
from mitmvault.addons.presence import Presence
from mitmvault.home import state
from mitmvault.home.layout import Home
from tests.worlds import world


class Proxyserver:
    """Stands in for mitmproxy's addon of this name: listens at the second question."""

    is_running = True

    def __init__(self, address):
        self.answers = [[], [address]]
        self.servers = self

    async def update(self, modes):
        assert [mode.type_name for mode in modes] == ["regular"]

    def listen_addrs(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


QUIET = SimpleNamespace(path=None)  # no control socket


class Listener:
    def __init__(self):
        self.heard = []

    def mitmvault_ready(self, address, web):
        self.heard.append((address, web))


@pytest.mark.parametrize(
    ("address", "url"),
    [(("127.0.0.1", 8080), "http://127.0.0.1:8080"), (("::1", 8080, 0, 0), "http://[::1]:8080")],
)
def test_the_announcement(tmp_path, address, url):
    home = Home(tmp_path)
    keeper = Keeper()
    keeper.home, keeper._world = home, world()
    presence, listener = Presence(keeper, SimpleNamespace(path="/s.sock")), Listener()

    async def main():
        with taddons.context(presence, Proxyserver(address), listener):
            presence.running()
            await presence._waiting
            found = state.running(home)
            assert (found.pid, found.address, found.web, found.control) == (os.getpid(), url, None, "/s.sock")
            assert listener.heard == [(url, None)]
            presence.done()
            assert not home.state.exists()

    asyncio.run(main())


def test_no_announcement_in_the_home_for_a_proxy_of_somebodys_own(tmp_path):
    keeper = Keeper()
    keeper.home, keeper._world = Home(tmp_path), world()
    presence, listener = Presence(keeper, QUIET), Listener()

    async def main():
        with taddons.context(presence, Proxyserver(("127.0.0.1", 8080)), listener) as tctx:
            tctx.options.mitmvault_announce = False
            presence.running()
            await presence._waiting
        assert listener.heard == [("http://127.0.0.1:8080", None)] and not keeper.home.state.exists()

    asyncio.run(main())


def test_the_state_of_another_process_stays(tmp_path):
    keeper = Keeper()
    keeper.home, keeper._world = Home(tmp_path), world()
    state.write(keeper.home, state.State(os.getppid(), "http://127.0.0.1:1", None, 1.0))
    Presence(keeper, QUIET).done()
    assert keeper.home.state.exists()


def test_what_never_started_removes_nothing(tmp_path):
    keeper = Keeper()
    keeper.home = Home(tmp_path)
    keeper.home.state.write_text("{}")
    Presence(keeper, QUIET).done()
    assert keeper.home.state.exists()
