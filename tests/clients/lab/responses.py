"""OpenAI's Responses API, as far as the lab's clients read it.

Source: platform.openai.com/docs/api-reference/responses and its page on streaming; the schemas in @ai-sdk/openai 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mitmvault.local.dialects import dump, pieces

USAGE = {"input_tokens": 2, "output_tokens": 4, "total_tokens": 6,
         "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip


def whole(text: str) -> dict[str, Any]:
    """An answer in one piece."""
    return _response(_message(text))


def called(name: str, arguments: str) -> dict[str, Any]:
    """A call of a tool; the arguments are JSON."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments}
    return _response(call | {"status": "completed"})


def stream(text: str) -> Iterator[bytes]:
    """An answer as events."""
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    message, part = _message(text), {"type": "output_text", "text": "", "annotations": []}
    begun = _response() | {"status": "in_progress", "usage": None}
    events = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": message | {"status": "in_progress", "content": []}}),
        ("response.content_part.added", at | {"part": part}),
        *(("response.output_text.delta", at | {"delta": piece, "logprobs": []}) for piece in pieces(text)),
        ("response.output_text.done", at | {"text": text, "logprobs": []}),
        ("response.content_part.done", at | {"part": part | {"text": text}}),
        ("response.output_item.done", {"output_index": 0, "item": message}),
        ("response.completed", {"response": whole(text)}),
    ]
    for number, (kind, fields) in enumerate(events):
        event = {"type": kind, "sequence_number": number, **fields}
        yield f"event: {kind}\ndata: ".encode() + dump(event) + b"\n\n"


def _message(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}


def _response(*output: dict[str, Any]) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": "completed", "model": "gpt-4o-mini",
            "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True,
            "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto", "tools": [], "output": list(output),
            "usage": USAGE}  # fmt: skip
