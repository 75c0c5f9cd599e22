"""The fake provider of the test-suite: records every request, answers all dialects, or does exactly as scripted.

It runs in a thread with its own asyncio loop, on a loopback port, over HTTP or TLS, HTTP/1.1 only:

    with FakeProvider() as provider:
        provider.next(status=429, headers={"Retry-After": "3"}, body=b"{}")
        ...                                   # a client calls provider.url + "/any/prefix/v1/chat/completions"
        provider.wait_for(1)[0].header("authorization")

Unscripted requests are answered like the demo provider answers, under any path prefix, at once, with `provider.text`.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from tornado.web import Application, RequestHandler

from mitmvault.local.dialects import Ask
from mitmvault.local.endpoints import ANY_BASE, routes
from mitmvault.local.exchange import Behaviour
from mitmvault.local.loopback import LoopbackServer
from tests.provider_extras import Anything, extra_routes
from tests.provider_replies import Arrived, Headers, Raw, Reply, Stream, Whole

__all__ = ["Arrived", "FakeProvider", "Stream"]

MAX_BYTES = 1 << 30
TIMEOUT = 10.0


class FakeProvider:
    """See the module. Every public method may be called from any thread."""

    def __init__(self, tls: tuple[str, str] | None = None) -> None:
        self.text: str | Callable[[Arrived], str] = "pong"
        self.arrivals: list[Arrived] = []
        self.port = 0
        self._tls = tls
        self._scripted: list[tuple[Callable[[Arrived], bool], Reply, int | None]] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._server: LoopbackServer | None = None
        self._thread = threading.Thread(target=self._run, name="fake provider", daemon=True)

    # -- life cycle

    def __enter__(self) -> FakeProvider:
        started: Future[int] = Future()
        self._loop.call_soon(self._start, started)
        self._thread.start()
        self.port = started.result(TIMEOUT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)

    @property
    def url(self) -> str:
        """Scheme, address and port; no path."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted so far."""
        return self._server.connection_count if self._server else 0

    # -- what arrived

    def wait_for(self, count: int, timeout: float = TIMEOUT) -> list[Arrived]:
        """Wait until that many requests arrived (completely, body included), and return all of them."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.arrivals) >= count, timeout):
                raise AssertionError(f"{len(self.arrivals)} of {count} requests arrived within {timeout} s")
            return list(self.arrivals)

    def clear(self) -> None:
        """Forget arrivals and what was scripted but not yet used."""
        with self._changed:
            self.arrivals.clear()
            self._scripted.clear()

    def take(self, fits: Callable[[Arrived], bool]) -> list[Arrived]:
        """Forget these arrivals, and return them."""
        with self._changed:
            taken = [arrived for arrived in self.arrivals if fits(arrived)]
            self.arrivals = [arrived for arrived in self.arrivals if not fits(arrived)]
            return taken

    # -- what to answer

    def next(
        self,
        status: int = 200,
        headers: Headers = (),
        body: bytes | str = b"",
        *,
        chunks: Iterable[bytes] | None = None,
        when: Callable[[Arrived], bool] | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next request so: `body` with a Content-Length, or `chunks`, each as one HTTP chunk.

        `when` picks requests, the first scripted reply that fits is used; `times=None` keeps it for good.
        """
        raw = body.encode() if isinstance(body, str) else body
        self._script(Whole(status, headers, raw, None if chunks is None else tuple(chunks)), when, times)

    def raw(self, *writes: bytes, when: Callable[[Arrived], bool] | None = None) -> None:
        """Answer the next request with these very bytes, status line and all, then close the connection."""
        self._script(Raw(writes), when, 1)

    def stream(
        self,
        content_type: str = "text/event-stream",
        chunks: Iterable[bytes] = (),
        *,
        status: int = 200,
        headers: Headers = (),
        when: Callable[[Arrived], bool] | None = None,
    ) -> Stream:
        """Answer the next request with a stream that the test drives. `chunks` are sent at once, more by `send`."""
        stream = Stream(self._loop, status, content_type, headers)
        for chunk in chunks:
            stream.send(chunk)
        self._script(stream, when, 1)
        return stream

    def play(self, reply: Reply, when: Callable[[Arrived], bool]) -> None:
        """Answer these requests with a reply of one's own, for good."""
        self._script(reply, when, None)

    # -- inside the thread

    def _script(self, reply: Reply, when: Callable[[Arrived], bool] | None, times: int | None) -> None:
        with self._changed:
            self._scripted.append((when or (lambda arrived: True), reply, times))

    def _take(self, arrived: Arrived) -> Reply | None:
        with self._changed:
            self.arrivals.append(arrived)
            self._changed.notify_all()
            for index, (when, reply, times) in enumerate(self._scripted):
                if when(arrived):
                    if times is not None:
                        self._scripted[index : index + 1] = [(when, reply, times - 1)] if times > 1 else []
                    return reply
        return None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            if self._server:
                self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            # One more turn lets cancelled handlers and closed sockets finish.
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _start(self, started: Future[int]) -> None:
        try:
            self._server = self._make_server()
            started.set_result(self._server.start_anywhere())
        except BaseException as error:
            started.set_exception(error)

    def _make_server(self) -> LoopbackServer:
        behaviour = _Scripted(self)
        application = Application(
            [*extra_routes(behaviour), *routes(behaviour, ANY_BASE, ANY_BASE, ANY_BASE)],
            default_handler_class=Anything,
            default_handler_args={"behaviour": behaviour},
            log_function=lambda handler: None,
            websocket_max_message_size=MAX_BYTES,
        )
        context = None
        if self._tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*self._tls)
        sizes: dict[str, Any] = {"max_buffer_size": MAX_BYTES, "max_body_size": MAX_BYTES}
        return LoopbackServer(application, ssl_options=context, **sizes)


class _Scripted(Behaviour):
    """The hooks: record each request, then play what was scripted for it."""

    server = "fake-provider"

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__()
        self._provider = provider

    async def arrive(self, handler: RequestHandler) -> None:
        if reply := self._provider._take(Arrived.of(handler.request)):
            await reply.play(handler)

    def text(self, handler: RequestHandler, ask: Ask | None) -> str:
        text = self._provider.text
        return text if isinstance(text, str) else text(Arrived.of(handler.request))
