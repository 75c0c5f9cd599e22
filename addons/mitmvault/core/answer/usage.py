"""What an answer has stated of its tokens, in one form for all. Where it stands: core/formats/usage_shapes.py.

Rules: 1. `input` includes what was read from and written to a cache, `output` includes reasoning. Anthropic and Bedrock
          count cache tokens beside the input, Gemini counts thoughts and the prompts of tools beside the rest: added.
       2. A later statement of a number replaces an earlier one: those of streams are cumulative.
       3. What is no number of tokens (null, text, negative) states nothing. What was not stated is never guessed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mitmvault.core.formats.usage_shapes import MODELS, Path, Shape

STATED, ESTIMATED, UNKNOWN = "stated", "estimated", "unknown"


class Usage(NamedTuple):
    """Tokens of one answer. `source`: stated by the provider, estimated in part or whole, or unknown (then all 0)."""

    input: int = 0
    output: int = 0
    cached_read: int = 0  # of the input
    cached_write: int = 0  # of the input
    reasoning: int = 0  # of the output
    source: str = UNKNOWN

    @property
    def total(self) -> int:
        return self.input + self.output


class Count(NamedTuple):
    """What is known about an answer. Where its end states nothing: the text that came, or its beginning, and how many
    tokens all of it has, roughly."""

    usage: Usage
    model: str | None = None
    cost: float | None = None  # in US dollars, as the provider states it
    text: str = ""
    said: int = 0


class Tally:
    """What one answer has stated so far."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._numbers: dict[str, Any] = {}  # tokens are whole, a cost is not
        self.ended = False  # has a number of output been stated that is not one of a beginning?
        self.model: str | None = None  # as the answer calls it

    def head(self, headers: Mapping[str, str]) -> None:
        """Take what the answer's head states."""
        for meaning, name in (self._shape.headers or {}).items():
            text = headers.get(name, "")
            if text.isascii() and text.isdigit():
                self._take(meaning, int(text), final=True)

    def add(self, path: Path, value: Any) -> None:
        """Take the value that stands at one of the shape's paths."""
        if path in MODELS:
            self.model = value if isinstance(value, str) and value else self.model
            return
        shape = self._shape
        place = path if path in shape.places else ()
        if not place:
            value = {path[0]: value}
        elif not isinstance(value, dict):
            return
        meanings = shape.meanings
        best: dict[str, int] = {}
        numbers: dict[str, float] = {}
        for name in value:
            for meaning, rank, rest in meanings.get(name, ()):
                number = _number(value[name], rest)
                if number is not None and rank <= best.get(meaning, rank):
                    best[meaning], numbers[meaning] = rank, number
        for meaning, number in numbers.items():
            self._take(meaning, number, final=place not in shape.begun)

    def _take(self, meaning: str, number: float, final: bool) -> None:
        self._numbers[meaning] = number if meaning == "cost" else round(number)
        self.ended = self.ended or (final and meaning in ("input", "output"))

    @property
    def cost(self) -> float | None:
        """What the provider says that it cost, in US dollars."""
        return self._numbers.get("cost")

    @property
    def usage(self) -> Usage:
        """Everything stated, in the one form (rule 1)."""
        stated = self._numbers
        if "input" not in stated and "output" not in stated:
            return Usage()
        given = stated.get("input", 0) + stated.get("tools", 0)
        answered, reasoning = stated.get("output", 0), stated.get("reasoning", 0)
        read, write = stated.get("cached_read", 0), stated.get("cached_write", 0)
        if self._shape.cache_beside_input:
            given += read + write
        if self._shape.reasoning_beside_output:
            answered += reasoning
        return Usage(given, answered, min(read, given), min(write, given), min(reasoning, answered), STATED)


def _number(value: Any, path: Iterable[str]) -> float | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if right else None
