"""What the fake provider answers beyond the demo's dialects.

Transcriptions and realtime WebSockets (OpenAI), chat (Cohere's API v2), predictions (Replicate), and anything else.
Sources: docs.cohere.com/v2/docs/streaming, replicate.com/docs/reference/http, the types in cohere 7.3 and replicate 1.0.
"""

from __future__ import annotations

import json
from typing import Any

from tornado.routing import URLSpec
from tornado.websocket import WebSocketHandler

from mitmvault.local.dialects import Ask
from mitmvault.local.dialects.common import count_tokens, dump, pieces, prompt_text
from mitmvault.local.exchange import Behaviour, Exchange, Failure


class Transcription(Exchange):
    """POST …/audio/transcriptions, multipart."""

    def post(self) -> None:
        if not self.request.files.get("file"):
            raise Failure(400, "There is no form field 'file' with a file in it.")
        model = self.get_body_argument("model", "")
        self.send_json({"text": self.behaviour.text(self, Ask(model, ""))})


class CohereChat(Exchange):
    """POST …/v2/chat: `stream` in the body chooses; every event repeats its name as `type`."""

    async def post(self) -> None:
        body = self.json_body()
        text = self.behaviour.text(self, Ask(body["model"], ""))
        asked, said = count_tokens(prompt_text(body["messages"])), count_tokens(text)
        counts = {"input_tokens": asked, "output_tokens": said}
        end = {"finish_reason": "COMPLETE", "usage": {"billed_units": counts, "tokens": counts}}
        if not body.get("stream"):
            message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
            return self.send_json({"id": "c-1", "message": message, **end})
        coded = cohere_events(text, end)
        return await self.send_stream("text/event-stream", coded)


def cohere_events(text: str, end: dict[str, Any]) -> list[bytes]:
    """A streamed chat as events; `end` is what the last one says."""
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c-1", "delta": {"message": start}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    ]
    for piece in pieces(text):
        events.append({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}})
    events += [{"type": "content-end", "index": 0}, {"type": "message-end", "delta": end}]
    return [f"event: {event['type']}\ndata: ".encode() + dump(event) + b"\n\n" for event in events]


class Predictions(Exchange):
    """POST …/predictions starts one, GET …/predictions/{id} finds it done. `urls` are absolute, at the provider's host."""

    def post(self) -> None:
        self.set_status(201)
        self.send_json(self._prediction("p-1", "starting"))

    def get(self, identifier: str) -> None:
        text = self.behaviour.text(self, Ask("", ""))
        metrics = {"input_token_count": 2, "output_token_count": count_tokens(text), "predict_time": 0.5}
        self.send_json(self._prediction(identifier, "succeeded", output=pieces(text), metrics=metrics))

    def _prediction(self, identifier: str, status: str, **more: Any) -> dict[str, Any]:
        origin = f"{self.request.protocol}://{self.request.host}/v1"
        url = f"{origin}/predictions/{identifier}"
        urls = {"get": url, "cancel": f"{url}/cancel", "stream": f"{origin}/streams/{identifier}"}
        model = {
            "id": identifier,
            "model": "meta/meta-llama-3-8b-instruct",
            "version": "hidden",
            "input": {"prompt": "…"},
        }
        rest = {"status": status, "created_at": "2026-11-20T12:00:00.000Z", "source": "api", "logs": "", "error": None}
        return {**model, **rest, "urls": urls, "output": None, **more}


class PredictionStream(Exchange):
    """GET …/streams/{id}"""

    async def get(self, identifier: str) -> None:
        events = [f"event: output\nid: {n}\ndata: {piece}\n\n" for n, piece in
                  enumerate(pieces(self.behaviour.text(self, Ask("", ""))))]  # fmt: skip
        coded = [event.encode() for event in (*events, "event: done\ndata: {}\n\n")]
        await self.send_stream("text/event-stream", coded)


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
    table = [
        (".*/audio/transcriptions", Transcription),
        (".*/realtime", Realtime),
        (".*/v2/chat", CohereChat),
        (".*/predictions", Predictions),
        (".*/predictions/([^/]+)", Predictions),
        (".*/streams/([^/]+)", PredictionStream),
    ]
    return [URLSpec(pattern, handler, {"behaviour": behaviour}) for pattern, handler in table]
