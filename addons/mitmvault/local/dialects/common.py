"""What all dialects share: the question, the answer, its pieces, and a plausible token count."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ask:
    """What a client asked for, whichever dialect it spoke."""

    model: str
    prompt: str
    stream: bool = False
    include_usage: bool = False  # OpenAI only: the others always report usage


@dataclass(frozen=True)
class Answer:
    """What to say. `serial` makes the response ID, `created` is Unix time; both come from outside, see the package."""

    text: str
    serial: int = 1
    created: int = 1_700_000_000


def dump(value: object, indent: int | None = None) -> bytes:
    """JSON as providers send it: compact unless told otherwise, real UTF-8."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    # A client may send half a surrogate pair in a model ID; JSON can say that, UTF-8 cannot.
    return text.encode("utf-8", "replace")


def count_tokens(text: str) -> int:
    """Words, and at least one: not exact for any model, but plausible, and the sums agree."""
    return max(1, len(text.split()))


def pieces(text: str) -> list[str]:
    """Cut a text as a model would stream it: word by word, spaces kept, and never in fewer than two if possible."""
    words = re.findall(r"\s*\S+\s*\Z|\s*\S+", text) or [text]
    if len(words) == 1 and len(text) > 1:
        middle = len(text) // 2
        return [text[:middle], text[middle:]]
    return words


def prompt_text(content: object) -> str:
    """All text in a message tree: a string, or lists and objects holding `text`, `content` or `parts`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(prompt_text, content)))
    if isinstance(content, Mapping):
        return prompt_text([content.get(name) for name in ("text", "content", "parts")])
    return ""


def required(body: Mapping[str, Any], name: str, kind: type) -> Any:
    """A field that must be there. ValueError with a text for the client if it is not."""
    value = body.get(name)
    if not isinstance(value, kind) or not value:
        raise ValueError(f"the field '{name}' is missing, empty or of the wrong type")
    return value
