"""Messages of WebSockets: held against the user's scope, and not hoarded.

Hooks fail open, so everything in here that goes wrong drops the message. A connection that was refused stays mute: what
the client goes on sending is dropped as well.
"""

from __future__ import annotations

import logging

from mitmproxy import ctx, http, websocket

from mitmvault.addons.fail_closed import report
from mitmvault.core.refusal import Refusal, answer
from mitmvault.wire import permits

logger = logging.getLogger(__name__)
_SEEN = "mitmvault_messages"
_MUTE = "mitmvault_refusal"


class WebSockets:
    """Looks at what clients send; answers of providers pass."""

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        del flow.websocket.messages[:-1]  # mitmproxy would keep them all, for hours of audio
        permit = permits.of(flow.request)
        if permit is None or permit.frames is None or not message.from_client:
            return
        try:
            if _MUTE in flow.metadata:
                message.drop()
                return
            first = _SEEN not in flow.metadata
            flow.metadata[_SEEN] = True
            permit.frames.check(message.content, message.is_text, first)
        except Refusal as refusal:
            _refuse(flow, message, refusal)
        except Exception as error:
            report("WebSockets.websocket_message", error)
            _refuse(flow, message, Refusal("internal_error", "mitmvault failed while it read this message."))


def _refuse(flow: http.HTTPFlow, message: websocket.WebSocketMessage, refusal: Refusal) -> None:
    """Drop the message, and tell the client why, in the shape of an error event."""
    message.drop()
    flow.metadata[_MUTE] = refusal.reason
    flow.comment += f" · refused · {refusal.reason}"
    logger.warning("websocket refused: %s", refusal.reason)
    body = answer(refusal).body.decode()
    ctx.master.commands.call("inject.websocket", flow, True, b'{"type":"error",' + body[1:].encode(), True)
