"""OpenAI's dialect: chat completions, models, embeddings, errors. Most other providers speak it, too."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mitmvault.local.dialects.common import Answer, Ask, count_tokens, dump, pieces, prompt_text, required

# Enough to look like an embedding, few enough to read in a terminal. `dimensions` in the request overrides it.
DIMENSIONS = 16
MAX_DIMENSIONS = 4096
MAX_INPUTS = 2048
# OpenAI may leave it null; the chunks of a stream are none to Cerebras' SDK without it.
FINGERPRINT = "fp_mitmvault"

# status -> (type, code)
ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def read(body: Mapping[str, Any]) -> Ask:
    """Understand a chat completion request. ValueError if it is none."""
    options = body.get("stream_options")
    return Ask(
        model=required(body, "model", str),
        prompt=prompt_text(required(body, "messages", list)),
        stream=body.get("stream") is True,
        include_usage=isinstance(options, Mapping) and options.get("include_usage") is True,
    )


def whole(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    return {
        **_head(ask, answer, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(ask, answer),
    }


def stream(ask: Ask, answer: Answer) -> Iterator[bytes]:
    """The answer as server-sent events: role, pieces, finish reason, usage if asked for, [DONE]."""
    head = _head(ask, answer, "chat.completion.chunk")
    # Only clients that ask for usage see the field at all: null in every chunk but the last.
    no_usage = {"usage": None} if ask.include_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event({**head, "choices": [choice], **no_usage})

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in pieces(answer.text):
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    if ask.include_usage:
        yield _event({**head, "choices": [], "usage": _usage(ask, answer)})
    yield b"data: [DONE]\n\n"


def model(model_id: str, created: int = 1_700_000_000) -> dict[str, Any]:
    """One entry of the model list."""
    return {"id": model_id, "object": "model", "created": created, "owned_by": "demo"}


def models(model_ids: Iterable[str]) -> dict[str, Any]:
    """The model list."""
    return {"object": "list", "data": [model(model_id) for model_id in model_ids]}


@dataclass(frozen=True)
class EmbeddingAsk:
    """What an embeddings request asked for."""

    model: str
    inputs: tuple[str, ...]
    dimensions: int = DIMENSIONS
    base64: bool = False  # the Python SDK asks for it unless told otherwise


def read_embeddings(body: Mapping[str, Any]) -> EmbeddingAsk:
    """Understand an embeddings request: one text, many texts, or token numbers instead of text."""
    given = required(body, "input", object)
    several = isinstance(given, list) and not isinstance(given[0], int)
    inputs = tuple(map(str, given)) if several else (str(given),)
    dimensions = body.get("dimensions") or DIMENSIONS
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MAX_DIMENSIONS or len(inputs) > MAX_INPUTS:
        raise ValueError(f"at most {MAX_INPUTS} inputs, and 1 to {MAX_DIMENSIONS} whole dimensions")
    as_base64 = body.get("encoding_format") == "base64"
    return EmbeddingAsk(required(body, "model", str), inputs, dimensions, as_base64)


def embeddings(ask: EmbeddingAsk) -> dict[str, Any]:
    """Vectors that depend on nothing but the text."""
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(text, ask.dimensions), ask.base64)}
        for index, text in enumerate(ask.inputs)
    ]
    tokens = sum(map(count_tokens, ask.inputs))
    return {
        "object": "list",
        "data": data,
        "model": ask.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def error(status: int, message: str) -> dict[str, Any]:
    """A failure, as SDKs expect it."""
    kind, code = ERRORS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _head(ask: Ask, answer: Answer, kind: str) -> dict[str, Any]:
    identifier = f"chatcmpl-{answer.serial:012x}"
    head = {"id": identifier, "object": kind, "created": answer.created, "model": ask.model}
    return head | {"system_fingerprint": FINGERPRINT}


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    prompt, completion = count_tokens(ask.prompt), count_tokens(answer.text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + dump(data) + b"\n\n"


def _vector(text: str, dimensions: int) -> tuple[float, ...]:
    # Whole sixty-fourths: exact in 32 bits, so that both encodings mean the very same numbers.
    digest = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(dimensions)
    return tuple((byte - 128) / 64 for byte in digest)


def _encoded(vector: tuple[float, ...], as_base64: bool) -> list[float] | str:
    if as_base64:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return list(vector)
