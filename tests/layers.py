"""Drives mitmproxy's HTTP layer without sockets: bytes in, bytes out, hooks answered by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy.addons import proxyserver
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import taddons, tflow


class Driven:
    """One client connection. `hooks` maps a hook's name to a function of its flow; dials fail with `dial_error`."""

    def __init__(self, hooks: dict[str, Callable[[Any], None]] | None = None, dial_error: str = "refused") -> None:
        self.hooks = hooks or {}
        self.dial_error = dial_error
        self.sent = b""
        self.closed = False
        self.logged: list[str] = []
        self.seen: list[str] = []
        with taddons.context(proxyserver.Proxyserver()) as tctx:
            client = tflow.tclient_conn()
            client.state, client.alpn, client.timestamp_tls_setup = ConnectionState.OPEN, b"", None
            self.client = client
            self.layer = layers.HttpLayer(context.Context(client, tctx.options), HTTPMode.regular)
        self._do(self.layer.handle_event(events.Start()))

    def receive(self, *data: bytes) -> Driven:
        """Bytes from the client."""
        for piece in data:
            self._do(self.layer.handle_event(events.DataReceived(self.client, piece)))
        return self

    def hang_up(self) -> Driven:
        """The client is gone."""
        self._do(self.layer.handle_event(events.ConnectionClosed(self.client)))
        return self

    def _do(self, todo: Iterable[commands.Command]) -> None:
        for command in list(todo):
            if isinstance(command, commands.SendData) and command.connection is self.client:
                self.sent += b"" if self.closed else command.data  # as mitmproxy's writer does
            elif isinstance(command, commands.CloseConnection) and command.connection is self.client:
                self.closed = True
            elif isinstance(command, commands.Log):
                self.logged.append(command.message)
            elif isinstance(command, commands.StartHook):
                self.seen.append(command.name)
                if command.name in self.hooks:
                    self.hooks[command.name](command.args()[0])
                if command.blocking:
                    self._do(self.layer.handle_event(events.HookCompleted(command)))
            elif isinstance(command, commands.OpenConnection):
                self._do(self.layer.handle_event(events.OpenConnectionCompleted(command, self.dial_error)))
