"""What the fake provider answers beyond the demo's dialects: transcriptions, realtime WebSockets, and anything else."""

from __future__ import annotations

import json
from typing import Any

from tornado.routing import URLSpec
from tornado.websocket import WebSocketHandler

from mitmvault.local.dialects import Ask
from mitmvault.local.exchange import Behaviour, Exchange, Failure


class Transcription(Exchange):
    """POST …/audio/transcriptions, multipart."""

    def post(self) -> None:
        if not self.request.files.get("file"):
            raise Failure(400, "There is no form field 'file' with a file in it.")
        model = self.get_body_argument("model", "")
        self.send_json({"text": self.behaviour.text(self, Ask(model, ""))})


class Anything(Exchange):
    """Every other path and method."""

    def get(self, *path_args: str) -> None:
        self.send_json({"ok": True, "path": self.request.path})

    post = put = patch = delete = options = get

    def head(self, *path_args: str) -> None:
        self.finish()


class Realtime(WebSocketHandler):
    """GET …/realtime: greets like OpenAI's realtime API, then echoes every message."""

    def initialize(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    async def prepare(self) -> None:
        await self.behaviour.arrive(self)

    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "realtime" if "realtime" in subprotocols else None

    def open(self, *args: Any, **kwargs: Any) -> None:
        created = {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}
        self.write_message(json.dumps(created))

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


def extra_routes(behaviour: Behaviour) -> list[URLSpec]:
    """To be asked before the dialects' own routes."""
    table = [(".*/audio/transcriptions", Transcription), (".*/realtime", Realtime)]
    return [URLSpec(pattern, handler, {"behaviour": behaviour}) for pattern, handler in table]
