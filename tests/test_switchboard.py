"""The wire ring is put in place switched off, and switched on when everything runs."""

from __future__ import annotations

from mitmproxy.proxy import server
from mitmproxy.proxy.layers import http as layers

from mitmvault.addons.switchboard import Switchboard, install
from mitmvault.wire import switch
from mitmvault.wire.meter import MeteredStream
from mitmvault.wire.server import MendedServer


def test_the_life_of_the_switch():
    board = Switchboard()
    switch.on()
    board.load(None)
    assert not switch.is_on()
    board.running()
    assert switch.is_on()
    board.done()
    assert not switch.is_on()


def test_everything_is_in_place_and_stays_after_an_unload():
    board = Switchboard()
    board.load(None)
    board.done()
    assert layers.HttpStream is MeteredStream and layers.Http1Server is MendedServer
    assert layers.Http1Client.__name__ == "PatientSwappingHttp1Client"
    assert layers.Http2Client.__name__ == "SwappingHttp2Client"
    assert server.ConnectionHandler.open_connection.__module__ == "mitmvault.wire.dial"


def test_installing_twice_changes_nothing():
    install()
    before = (layers.Http1Client, layers.HttpStream, server.ConnectionHandler.open_connection)
    install()
    assert before == (layers.Http1Client, layers.HttpStream, server.ConnectionHandler.open_connection)
