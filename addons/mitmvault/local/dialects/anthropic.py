"""Anthropic's dialect: the Messages API in one piece and as events, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mitmvault.local.dialects.common import Answer, Ask, count_tokens, dump, pieces, prompt_text, required

ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: Mapping[str, Any]) -> Ask:
    """Understand a messages request. ValueError if it is none."""
    return Ask(
        model=required(body, "model", str),
        prompt=prompt_text([body.get("system"), required(body, "messages", list)]),
        stream=body.get("stream") is True,
    )


def whole(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The answer in one piece."""
    return {
        **_head(ask, answer),
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _usage(ask, count_tokens(answer.text)),
    }


def stream(ask: Ask, answer: Answer) -> Iterator[bytes]:
    """The answer as server-sent events. Usage is cumulative: the last one counts, they are not summed."""
    start = {**_head(ask, answer), "content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(ask, 1)}
    yield _event("message_start", message=start)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _event("ping")
    for piece in pieces(answer.text):
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    yield _event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage=_usage(ask, count_tokens(answer.text)),
    )
    yield _event("message_stop")


def error(status: int, message: str) -> dict[str, Any]:
    """A failure, as SDKs expect it."""
    kind = ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def _head(ask: Ask, answer: Answer) -> dict[str, Any]:
    return {"id": f"msg_{answer.serial:012x}", "type": "message", "role": "assistant", "model": ask.model}


def _usage(ask: Ask, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": count_tokens(ask.prompt),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + dump({"type": kind, **fields}) + b"\n\n"
