"""One request's life inside mitmproxy, mended in three places. (`wire.retry` adds a fourth: further attempts.)

1. A refusal is answered at once: before the body is read, and without keeping it. Trailers are thrown away.
2. A body is read up to a limit; beyond it, it is streamed on if nobody needs to read it, else refused.
3. Every error that mitmproxy would send as an HTML page is sent as JSON, in the provider's shape.

How: `HttpLayer.make_stream` instantiates the module global HttpStream (11.0.2 and 12.2.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import (
    HttpResponseHeadersHook,
    HttpResponseHook,
    RequestData,
    RequestEndOfMessage,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    SendHttp,
)

from mitmvault.core.refusal import Answer, Refusal, answer
from mitmvault.wire import compat, echo, logs, permits
from mitmvault.wire.retry import RetryingStream

Commands = Generator[Any, Any, None]
SWITCHING_PROTOCOLS = 101
_POLICY = "_mitmvault_body_policy"
_HOLD = "_mitmvault_hold"


@dataclass(frozen=True)
class BodyPolicy:
    """What to do with a body whose size is not known in advance, once it has grown beyond `limit` bytes.

    `overflow` either permits the request, which is then streamed on, or sets the flow's response.
    """

    limit: int
    overflow: Callable[[], None]


def set_body_policy(request: http.Request, policy: BodyPolicy) -> None:
    """Attach a policy to a request whose head was admitted."""
    setattr(request, _POLICY, policy)


@dataclass(frozen=True)
class Hold:
    """An answer that is read before its head is passed on, up to `limit` bytes; a longer one is streamed after all.

    Either way it passes `filter`, as `response.stream` would call it.
    """

    limit: int
    filter: Callable[[bytes], Iterable[bytes] | bytes]


def hold(response: http.Response, policy: Hold) -> None:
    """Hold an answer whose head has just come."""
    setattr(response, _HOLD, policy)


def is_held(response: http.Response) -> bool:
    """Was this answer held, and is it read completely?"""
    return _HOLD in response.__dict__


def response_of(reply: Answer) -> http.Response:
    """mitmproxy's form of one of our answers."""
    headers = http.Headers([(name.encode(), value.encode()) for name, value in reply.headers])
    return http.Response.make(reply.status, reply.body, headers)


def install() -> None:
    """Put the subclass in place; it stays until the process ends."""
    layers.HttpStream = MendedStream  # type: ignore[misc]


class MendedStream(RetryingStream):
    """HttpStream with early answers, a body policy, and JSON errors."""

    answered_early = False
    head_sent = False
    _handling = False

    def _handle_event(self, event: Any) -> Commands:
        """Pass commands on, but turn an error page into a JSON answer (3). Chunks of an answer take the short way."""
        outermost, self._handling = not self._handling, True
        chunk = type(event) is ResponseData
        if not chunk:
            self._meet(event, outermost)
        commands = super()._handle_event(event)
        reply = None
        while True:
            try:
                command = commands.send(reply)
            except StopIteration:
                if outermost:
                    self._handling = False
                    if not chunk:
                        self._handled()
                return
            waits = False
            if isinstance(command, SendHttp):
                if command.connection is self.context.client:
                    sent = command.event
                    if type(sent) is ResponseData:
                        if outermost:
                            self._sends(len(sent.data))
                    elif isinstance(sent, ResponseHeaders):
                        if sent.response.status_code >= 200 or sent.response.status_code == SWITCHING_PROTOCOLS:
                            self._begin_answer(sent.response)
                    elif isinstance(sent, ResponseProtocolError) and self._shows_a_page(sent):
                        yield from self._send(response_of(answer(self._refusal(sent))), outermost)
                        reply = None
                        continue
            elif outermost:
                waits = self._waits(command)
            reply = yield command
            if waits:
                self._goes_on()

    def _meet(self, event: Any, outermost: bool) -> None:
        if outermost:
            self._arrives(event)
        if isinstance(event, RequestProtocolError):
            event.message = logs.unquoted(event.message)
        elif isinstance(event, ResponseProtocolError):
            event.message = echo.mask_text(self.flow.request, event.message)

    # For a subclass that watches. What was kept is handled again, inside, when it is released: it is told of once.

    def _arrives(self, event: Any) -> None:
        """This is about to be handled, and is no chunk of an answer."""

    def _sends(self, size: int) -> None:
        """So many bytes of an answer's body leave."""

    def _waits(self, command: Any) -> bool:
        """A hook is about to run, a connection to be asked for, or the like. Shall `_goes_on` tell when it is done?"""
        return False

    def _goes_on(self) -> None:
        """It is done."""

    def _handled(self) -> None:
        """What has arrived is handled."""

    def state_wait_for_request_headers(self, event: Any) -> Commands:
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body and self.flow.response and not event.end_stream:
            yield from self._answer_early()

    def state_stream_request_body(self, event: Any) -> Commands:
        if not isinstance(event, RequestTrailers):  # providers want none, and credentials could hide there
            yield from super().state_stream_request_body(event)

    def state_consume_request_body(self, event: Any) -> Commands:
        if isinstance(event, RequestTrailers):
            return
        if not self.answered_early:
            yield from super().state_consume_request_body(event)
        elif isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            yield layers.DropStream(self.stream_id)

    def check_body_size(self, request: bool) -> Generator[Any, Any, bool]:
        """The body policy (2), in place of mitmproxy's options, which would limit answers as well."""
        if not request:
            yield from self._release()
            return False
        policy = self.flow.request.__dict__.get(_POLICY)
        if policy is None or len(self.request_body_buf) <= policy.limit:
            return False
        delattr(self.flow.request, _POLICY)
        policy.overflow()
        body = bytes(self.request_body_buf)
        self.request_body_buf.clear()
        if self.flow.response:
            yield from self._answer_early()
        else:
            self.flow.request.stream = True
            yield from self.start_request_stream()
            yield from self.handle_event(RequestData(self.stream_id, body))
        return True

    def state_consume_response_body(self, event: Any) -> Commands:
        held = self.flow.response.__dict__.get(_HOLD)
        if held and isinstance(event, ResponseEndOfMessage):
            body = b"".join([*held.filter(bytes(self.response_body_buf)), *held.filter(b"")])
            self.response_body_buf.clear()
            self.response_body_buf += body
        yield from super().state_consume_response_body(event)

    def _release(self) -> Commands:
        """A held answer that has grown too long to be held is streamed from here on."""
        response = self.flow.response
        held = response.__dict__.get(_HOLD) if response else None
        if response is None or held is None or len(self.response_body_buf) <= held.limit:
            return
        delattr(response, _HOLD)
        response.stream = held.filter
        body = bytes(self.response_body_buf)
        self.response_body_buf.clear()
        yield from self.start_response_stream()
        yield from self.handle_event(ResponseData(self.stream_id, body))

    def _answer_early(self) -> Commands:
        """Send the response that a hook has set; what is still to come of the request is thrown away (1)."""
        self.answered_early = True
        response = self.flow.response
        assert response
        response.timestamp_start = response.timestamp_end = time.time()
        yield HttpResponseHeadersHook(self.flow)
        yield HttpResponseHook(self.flow)
        yield from self._send(response)
        self.server_state = self.state_done
        self.flow.live = False

    def _send(self, response: http.Response, outermost: bool = False) -> Commands:
        # The rest of the request is not worth keeping the connection for, and may not even be well framed.
        response.headers["connection"] = "close"
        self._begin_answer(response)
        client, stream_id, content = self.context.client, self.stream_id, response.raw_content
        yield SendHttp(ResponseHeaders(stream_id, response, not content), client)
        if content and self.flow.request.method != "HEAD":
            if outermost:  # nobody else sees it leave
                self._sends(len(content))
            yield SendHttp(ResponseData(stream_id, content), client)
        yield SendHttp(ResponseEndOfMessage(stream_id), client)

    def _begin_answer(self, response: http.Response) -> None:
        self.head_sent = True
        if self.attempts > 1:
            response.headers["x-mitmvault-attempts"] = str(self.attempts)

    def _shows_a_page(self, event: Any) -> bool:
        return not self.head_sent and compat.status_of(event.code) is not None

    def _refusal(self, event: Any) -> Refusal:
        permit = permits.of(self.flow.request)
        dialect = permit.dialect if permit else "openai"
        if refusal := getattr(event, "refusal", None):
            return refusal.speaking(dialect)
        if compat.status_of(event.code) == 400:  # mitmproxy's text quotes headers, and advises to disable its check
            return Refusal("bad_request", "The request is not valid HTTP: a header, its framing or its host.", dialect)
        where = f"{permit.provider} at {permit.target.authority}" if permit else "the provider"
        message = echo.mask_text(self.flow.request, event.message)
        if permit and self.flow.server_conn.timestamp_tcp_setup and not self.flow.server_conn.error:
            return Refusal("upstream_failed", f"The connection to {where} failed: {message}", dialect)
        return Refusal("upstream_unreachable", f"Cannot reach {where}: {message}", dialect)
