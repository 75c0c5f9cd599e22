"""Gemini's native dialect: generateContent, and streamGenerateContent in its two framings, and its errors.

The model and the wish to stream are in the path, not in the body. Its OpenAI-compatible path is `openai`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mitmvault.local.dialects.common import Answer, Ask, count_tokens, dump, pieces, prompt_text, required

ERRORS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def read(body: Mapping[str, Any], model: str, stream: bool) -> Ask:
    """Understand a generateContent request. ValueError if it is none."""
    instruction = body.get("systemInstruction") or body.get("system_instruction")
    contents = body.get("contents")
    # The REST API takes a lone content object, too.
    given = contents if isinstance(contents, Mapping) else required(body, "contents", list)
    return Ask(model=model, prompt=prompt_text([instruction, given]), stream=stream)


def whole(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The answer in one piece."""
    return _response(ask, answer, answer.text, answer.text, last=True)


def stream_events(ask: Ask, answer: Answer) -> Iterator[bytes]:
    """The answer as server-sent events (`?alt=sse`). There is no [DONE]; Google ends lines with CR LF."""
    for response in _responses(ask, answer):
        yield b"data: " + dump(response) + b"\r\n\r\n"


def stream_array(ask: Ask, answer: Answer) -> Iterator[bytes]:
    """The answer as one JSON array that arrives element by element: what you get without `alt=sse`."""
    separator = b"["
    for response in _responses(ask, answer):
        yield separator + dump(response, indent=2) + b"\n"
        separator = b",\r\n"
    yield b"]"


def error(status: int, message: str) -> dict[str, Any]:
    """A failure, as SDKs expect it."""
    name = ERRORS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": status, "message": message, "status": name}}


def _responses(ask: Ask, answer: Answer) -> Iterator[dict[str, Any]]:
    parts = pieces(answer.text)
    so_far = ""
    for number, part in enumerate(parts, 1):
        so_far += part
        yield _response(ask, answer, part, so_far, last=number == len(parts))


def _response(ask: Ask, answer: Answer, text: str, so_far: str, last: bool) -> dict[str, Any]:
    finish = {"finishReason": "STOP"} if last else {}
    prompt, output = count_tokens(ask.prompt), count_tokens(so_far)
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **finish, "index": 0}],
        # On every chunk, cumulative: the last one counts.
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": output,
            "totalTokenCount": prompt + output,
        },
        "modelVersion": ask.model.removeprefix("models/"),
        "responseId": f"demo-{answer.serial:012x}",
    }
