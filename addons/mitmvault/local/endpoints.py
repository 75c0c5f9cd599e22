"""The endpoints of the dialects as tornado handlers, and the table of paths they answer on.

The demo serves them on the providers' native paths, the test-suite's fake provider under any prefix: `routes` takes
what may stand before the endpoint's own name.
"""

from __future__ import annotations

from typing import Any

from tornado.routing import URLSpec

from mitmvault.local.dialects import Answer, Ask, anthropic, gemini, openai
from mitmvault.local.exchange import Behaviour, Exchange, Failure

EVENT_STREAM = "text/event-stream; charset=utf-8"

# Before the endpoint's own name, as the providers have it. The second is Gemini's OpenAI-compatible base.
OPENAI_BASES = "(?:/v1|/v1beta/openai)"
ANTHROPIC_BASES = "/v1"
GEMINI_BASES = "/(?:v1|v1beta|v1alpha)"
ANY_BASE = ".*"


class Generation(Exchange):
    """What the text endpoints share: credentials, then the body, then the answer to give."""

    def understood(self, *path_args: str) -> tuple[Ask, Answer]:
        """What was asked and what to say; a 401 or 400 if there is nothing to say."""
        self.check_credentials()
        try:
            ask = self.read(self.json_body(), *path_args)
        except ValueError as error:
            raise Failure(400, f"Bad request: {error}.") from None
        return ask, self.behaviour.answer(self, ask)

    def read(self, body: dict[str, Any], *path_args: str) -> Ask:
        """The dialect's reader."""
        raise NotImplementedError


class Chat(Generation):
    """POST …/chat/completions"""

    async def post(self) -> None:
        """Answer in one piece or as events."""
        ask, answer = self.understood()
        if ask.stream:
            await self.send_stream(EVENT_STREAM, openai.stream(ask, answer))
        else:
            self.send_json(openai.whole(ask, answer))

    def read(self, body: dict[str, Any], *path_args: str) -> Ask:
        """OpenAI's reader."""
        return openai.read(body)


class Messages(Generation):
    """POST …/messages"""

    async def post(self) -> None:
        """Answer in one piece or as events."""
        ask, answer = self.understood()
        if ask.stream:
            await self.send_stream(EVENT_STREAM, anthropic.stream(ask, answer))
        else:
            self.send_json(anthropic.whole(ask, answer))

    def read(self, body: dict[str, Any], *path_args: str) -> Ask:
        """Anthropic's reader."""
        return anthropic.read(body)

    def error_shape(self, status: int, text: str) -> dict[str, Any]:
        """Anthropic's errors."""
        return anthropic.error(status, text)


class GenerateContent(Generation):
    """POST …/models/{model}:generateContent and :streamGenerateContent"""

    async def post(self, model: str, method: str) -> None:
        """Answer in one piece, as events (`alt=sse`), or as an array."""
        ask, answer = self.understood(model, method)
        if not ask.stream:
            self.send_json(gemini.whole(ask, answer))
        elif self.get_query_argument("alt", "") == "sse":
            await self.send_stream("text/event-stream", gemini.stream_events(ask, answer))
        else:
            await self.send_stream("application/json; charset=UTF-8", gemini.stream_array(ask, answer))

    def read(self, body: dict[str, Any], *path_args: str) -> Ask:
        """Gemini's reader: model and method are in the path."""
        model, method = path_args
        return gemini.read(body, model, stream=method.startswith("stream"))

    def error_shape(self, status: int, text: str) -> dict[str, Any]:
        """Google's errors."""
        return gemini.error(status, text)


class Embeddings(Exchange):
    """POST …/embeddings"""

    def post(self) -> None:
        """Answer with vectors."""
        self.check_credentials()
        try:
            ask = openai.read_embeddings(self.json_body())
        except ValueError as error:
            raise Failure(400, f"Bad request: {error}.") from None
        self.send_json(openai.embeddings(ask))


class Models(Exchange):
    """GET …/models and …/models/{id}: any ID exists, because any is answered."""

    def get(self, model_id: str | None = None) -> None:
        """List the models, or describe one."""
        self.check_credentials()
        self.send_json(openai.model(model_id) if model_id else openai.models(self.behaviour.models))


class NotFound(Exchange):
    """Every other path."""

    text = "There is nothing here. Try POST /v1/chat/completions, /v1/messages or /v1/embeddings."

    async def prepare(self) -> None:
        """Refuse, whatever the method."""
        await super().prepare()
        if not self._finished:
            raise Failure(404, self.text)


def routes(
    behaviour: Behaviour,
    openai_bases: str = OPENAI_BASES,
    anthropic_bases: str = ANTHROPIC_BASES,
    gemini_bases: str = GEMINI_BASES,
) -> list[URLSpec]:
    """Path pattern -> handler, first match wins. tornado matches the raw path and decodes the groups."""
    table = [
        (f"{openai_bases}/chat/completions", Chat),
        (f"{openai_bases}/embeddings", Embeddings),
        (f"{anthropic_bases}/messages", Messages),
        (f"{gemini_bases}/models/(.+)(?::|%3[Aa])((?:g|streamG)enerateContent)", GenerateContent),
        (f"{openai_bases}/models(?:/(.+))?", Models),
    ]
    return [URLSpec(pattern, handler, {"behaviour": behaviour}) for pattern, handler in table]
