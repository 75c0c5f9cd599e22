"""No hook lets an exception out: mitmproxy would log it and let the request go on.

The wire ring refuses a request without a permit anyway. This gives the client a clear answer as well.
"""

from __future__ import annotations

import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import Any

from mitmproxy import http

from mitmvault.addons.arrivals import hide, session_note
from mitmvault.core import story
from mitmvault.core.refusal import Refusal, answer
from mitmvault.wire import permits
from mitmvault.wire.stream import response_of

logger = logging.getLogger(__name__)


def refuse(flow: http.HTTPFlow, refusal: Refusal) -> None:
    """Answer a flow with a refusal, and see to it that nothing of it leaves."""
    permits.detach(flow.request)
    flow.request.stream = False
    flow.request.headers.pop("expect", None)  # or mitmproxy asks for the body that we do not want
    flow.response = response_of(answer(refusal))
    flow.metadata["mitmvault_refusal"] = refusal.reason
    flow.metadata["mitmvault_refusal_text"] = refusal.text
    flow.comment = f"refused · {refusal.reason} · {refusal.text}{session_note(flow)}"
    flow.marked = story.MARKS["refused"]


def fail_closed(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a request hook `(self, flow)`: an exception becomes a 500 in JSON, and the permit is taken back."""

    def closed(flow: http.HTTPFlow, error: Exception) -> None:
        report(hook.__qualname__, error)
        hide(flow.request)
        refuse(flow, Refusal("internal_error", "mitmvault failed while it handled this request; nothing was sent."))

    if inspect.iscoroutinefunction(hook):

        @functools.wraps(hook)
        async def guarded_async(self: Any, flow: http.HTTPFlow) -> None:
            try:
                await hook(self, flow)
            except Exception as error:
                closed(flow, error)

        return guarded_async

    @functools.wraps(hook)
    def guarded(self: Any, flow: http.HTTPFlow) -> None:
        try:
            hook(self, flow)
        except Exception as error:
            closed(flow, error)

    return guarded


def harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """Wrap a hook `(self, flow)` that only watches: an exception is logged, and the request goes on."""

    @functools.wraps(hook)
    def guarded(self: Any, flow: http.HTTPFlow) -> None:
        try:
            hook(self, flow)
        except Exception as error:
            report(hook.__qualname__, error)

    return guarded


def report(where: str, error: Exception) -> None:
    """Log where and what, but not the text: it may quote a header."""
    frames = traceback.extract_tb(error.__traceback__)
    last = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    logger.error("%s failed: %s at %s", where, type(error).__name__, last)
