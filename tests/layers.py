"""Drives mitmproxy's HTTP layer without sockets: bytes in, bytes out, hooks answered by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mitmproxy.addons import proxyserver
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.test import taddons, tflow


@dataclass
class Upstream:
    """A connection to a provider: what was sent on it, and whether it was closed by us."""

    connection: Server
    sent: bytes = b""
    closed: bool = False


class Driven:
    """One client connection. `hooks` maps a hook's name to a function of its flow.

    Dials fail with `dial_error`; of a list, each dial takes the next one, and None is a connection. Wake-ups are
    collected in `waits`, until the test calls `wake`.
    """

    def __init__(
        self,
        hooks: dict[str, Callable[[Any], None]] | None = None,
        dial_error: str | list[str | None] = "refused",
    ) -> None:
        self.hooks = hooks or {}
        self.dial_error = dial_error
        self.sent = b""
        self.closed = False
        self.logged: list[str] = []
        self.seen: list[str] = []
        self.waits: list[commands.RequestWakeup] = []
        self.upstreams: list[Upstream] = []
        self.dialling: list[commands.OpenConnection] | None = None  # a list: dials wait in it for `dialled`
        with taddons.context(proxyserver.Proxyserver()) as tctx:
            client = tflow.tclient_conn()
            client.state, client.alpn, client.timestamp_tls_setup = ConnectionState.OPEN, b"", None
            self.client = client
            self.layer = layers.HttpLayer(context.Context(client, tctx.options), HTTPMode.regular)
        self._tell(events.Start())

    def receive(self, *data: bytes) -> Driven:
        """Bytes from the client."""
        for piece in data:
            self._tell(events.DataReceived(self.client, piece))
        return self

    def hang_up(self) -> Driven:
        """The client is gone."""
        self.client.state = ConnectionState.CLOSED
        self._tell(events.ConnectionClosed(self.client))
        return self

    def answer(self, upstream: int, *data: bytes) -> Driven:
        """Bytes from a provider."""
        for piece in data:
            self._tell(events.DataReceived(self.upstreams[upstream].connection, piece))
        return self

    def lose(self, upstream: int) -> Driven:
        """A provider's connection has ended; mitmproxy says so of those that it closed itself as well."""
        connection = self.upstreams[upstream].connection
        connection.state = ConnectionState.CLOSED
        self._tell(events.ConnectionClosed(connection))
        return self

    def wake(self, number: int = -1) -> Driven:
        """A wait is over."""
        self._tell(events.Wakeup(self.waits[number]))
        return self

    def dialled(self) -> Driven:
        """The oldest dial that waits has come to its end."""
        assert self.dialling
        self._tell(self._dial(self.dialling.pop(0)))
        return self

    def _tell(self, event: events.Event) -> None:
        replies: list[events.Event] = []
        for command in self.layer.handle_event(event):
            replies.extend(self._obey(command))
        for reply in replies:
            self._tell(reply)

    def _obey(self, command: commands.Command) -> Iterable[events.Event]:
        upstream = next((u for u in self.upstreams if u.connection is getattr(command, "connection", None)), None)
        if isinstance(command, commands.SendData):
            if upstream:
                upstream.sent += b"" if upstream.closed else command.data
            else:
                self.sent += b"" if self.closed else command.data  # as mitmproxy's writer does
        elif isinstance(command, commands.CloseConnection):
            command.connection.state = ConnectionState.CLOSED
            if upstream:
                upstream.closed = True
            else:
                self.closed = True
        elif isinstance(command, commands.Log):
            self.logged.append(command.message)
        elif isinstance(command, commands.RequestWakeup):
            self.waits.append(command)
        elif isinstance(command, commands.StartHook):
            self.seen.append(command.name)
            if command.name in self.hooks:
                self.hooks[command.name](command.args()[0])
            if command.blocking:
                yield events.HookCompleted(command)
        elif isinstance(command, commands.OpenConnection):
            if self.dialling is None:
                yield self._dial(command)
            else:
                self.dialling.append(command)

    def _dial(self, command: commands.OpenConnection) -> events.Event:
        error = self.dial_error.pop(0) if isinstance(self.dial_error, list) else self.dial_error
        command.connection.error = error
        if error is None:
            command.connection.state, command.connection.timestamp_tcp_setup = ConnectionState.OPEN, 1.0
            self.upstreams.append(Upstream(command.connection))
        return events.OpenConnectionCompleted(command, error)
