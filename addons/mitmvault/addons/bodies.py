"""Bodies of streamed answers, kept in the flow for people to look at, where the operator wants that (store_bodies).

Rules: 1. Off unless asked for, and never more than the setting says of one answer: the beginning.
       2. What is kept is what the client got: behind the filter that blots out a key that a provider repeats.
       3. No byte is changed or kept back, and no failure here reaches a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mitmproxy import http

from mitmvault.addons.fail_closed import report
from mitmvault.addons.keeper import Keeper
from mitmvault.wire import permits

CUT = "mitmvault_body_cut"  # in the flow's metadata: there was more
_ATTRIBUTE = "_mitmvault_body"
Stream = Callable[[bytes], Iterable[bytes] | bytes]


class Bodies:
    """Stands behind everybody who puts something into an answer's stream."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata.pop(CUT, None)  # a replay's first life

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        world, response = self.keeper.current, flow.response
        limit = world.settings.store_bodies if world else 0
        if limit and response and callable(response.stream) and permits.of(flow.request):
            kept = Kept(limit)
            response.__dict__[_ATTRIBUTE] = kept
            response.stream = _beside(response.stream, kept)

    def response(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def _show(self, flow: http.HTTPFlow) -> None:
        kept: Kept | None = flow.response.__dict__.pop(_ATTRIBUTE, None) if flow.response else None
        if kept is None or flow.response is None:
            return
        if kept.cut:
            flow.metadata[CUT] = True
        if not flow.response.raw_content:  # else mitmproxy keeps it itself (store_streamed_bodies)
            flow.response.raw_content = bytes(kept.data)


class Kept:
    """The beginning of a body."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.cut = False
        self._limit = limit

    def feed(self, data: bytes) -> None:
        """Some more bytes."""
        room = self._limit - len(self.data)
        self.cut = self.cut or len(data) > room
        if room > 0:
            self.data += data[:room]


def is_cut(flow: http.HTTPFlow) -> bool:
    """Is only the beginning of the answer's body there?"""
    return CUT in flow.metadata


def _beside(stream: Stream, kept: Kept) -> Stream:
    def keeping(data: bytes) -> Iterable[bytes] | bytes:
        passed = stream(data)
        try:
            pieces = [passed] if isinstance(passed, bytes) else [*passed]
            for piece in pieces:
                kept.feed(piece)
        except Exception as error:
            report("Bodies", error)
            return passed
        return pieces

    return keeping
