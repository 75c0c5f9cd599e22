"""Where an answer states its tokens, and what the numbers mean: one table, and one form for all of them.

Rules: 1. `input` includes what was read from and written to a cache, `output` includes reasoning. Anthropic and Bedrock
          count cache tokens beside the input, Gemini counts thoughts and the prompts of tools beside the rest: added.
       2. A later statement of a number replaces an earlier one: those of streams are cumulative.
       3. What is no number of tokens (null, text, negative) states nothing. What was not stated is never guessed here.

Sources: the OpenAPI documents and SDKs of the vendors (2026): OpenAI `CompletionUsage`, `ResponseUsage`; Anthropic
`Usage` ("total input tokens is the summation of input_tokens, cache_creation_input_tokens, and
cache_read_input_tokens"); Gemini `UsageMetadata`; Bedrock `TokenUsage`; Cohere `Usage`, of which the billed units are
taken; Ollama `prompt_eval_count`. DeepSeek says `prompt_cache_hit_tokens`, Moonshot `cached_tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

Path = tuple[str, ...]
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


@dataclass(frozen=True)
class Shape:
    """Where a document or event holds the object about usage, and what its members are called there."""

    places: tuple[Path, ...]
    members: Mapping[str, tuple[Path, ...]]  # what it means -> where that stands in the object; the first that does
    begun: frozenset[Path] = frozenset()  # places whose numbers of output are those of a beginning
    cache_beside_input: bool = False
    reasoning_beside_output: bool = False
    grows: bool = False  # does a WebSocket state the tokens of an answer more than once?
    headers: Mapping[str, str] | None = None  # what it means -> the header of the answer that says so
    asked: bool = False  # do streams of chats state it on demand alone (stream_options.include_usage)?

    @cached_property
    def wanted(self) -> frozenset[Path]:
        """Every path whose value is needed: the objects, or their members where the document itself is the object."""
        found = [place for place in self.places if place]
        if () in self.places:
            found += [path[:1] for paths in self.members.values() for path in paths]
        return frozenset(found) | _MODELS

    @cached_property
    def meanings(self) -> Mapping[str, tuple[tuple[str, int, Path], ...]]:
        """By the first name of a path in the object: what the number there means, the path's rank, and its rest."""
        found: dict[str, list[tuple[str, int, Path]]] = {}
        for meaning, paths in self.members.items():
            for rank, path in enumerate(paths):
                found.setdefault(path[0], []).append((meaning, rank, path[1:]))
        return {name: tuple(rows) for name, rows in found.items()}

    @cached_property
    def needle(self) -> re.Pattern[bytes]:
        """Occurs in every text that states usage, and in few others: inside a JSON string, the quotes are escaped."""
        names = {path[-1].encode() for path in self.wanted - _MODELS}
        return re.compile(rb'"(?:' + b"|".join(sorted(map(re.escape, names))) + rb')"\s*:\s*[{0-9]')


_MODELS = frozenset({("model",), ("modelVersion",), ("response", "model"), ("message", "model"), ("result", "model")})


def _paths(*texts: str) -> tuple[Path, ...]:
    return tuple(tuple(text.split(".")) if text else () for text in texts)


_OPENAI = Shape(
    places=_paths("usage", "response.usage", "x_groq.usage"),
    members={
        "input": _paths("prompt_tokens", "input_tokens"),
        "output": _paths("completion_tokens", "output_tokens"),
        "cached_read": _paths("prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens",
                              "input_token_details.cached_tokens",  # Realtime
                              "prompt_cache_hit_tokens", "cached_tokens"),
        "cached_write": _paths("prompt_tokens_details.cache_write_tokens", "input_tokens_details.cache_write_tokens"),
        "reasoning": _paths("completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"),
    },
    asked=True,
)  # fmt: skip
_ANTHROPIC = Shape(
    places=_paths("usage", "message.usage"),
    members={
        "input": _paths("input_tokens"),
        "output": _paths("output_tokens"),
        "cached_read": _paths("cache_read_input_tokens"),
        "cached_write": _paths("cache_creation_input_tokens"),
        "reasoning": _paths("output_tokens_details.thinking_tokens"),
    },
    begun=frozenset(_paths("message.usage")),
    cache_beside_input=True,
)
SHAPES: dict[str, Shape] = {
    "openai": _OPENAI,
    "openrouter": replace(_OPENAI, members={**_OPENAI.members, "cost": _paths("cost")}, asked=False),  # US dollars
    "perplexity": replace(_OPENAI, members={**_OPENAI.members, "cost": _paths("cost.total_cost")}, asked=False),
    "unasked": replace(_OPENAI, asked=False),  # as openai, but streams state it without being asked
    "workers-ai": replace(_OPENAI, places=_paths("usage", "result.usage", "response.usage"), asked=False),
    "anthropic": _ANTHROPIC,
    "google": Shape(
        places=_paths("usageMetadata", "response.usageMetadata"),
        members={
            "input": _paths("promptTokenCount"),
            "tools": _paths("toolUsePromptTokenCount"),
            "output": _paths("candidatesTokenCount", "responseTokenCount"),
            "cached_read": _paths("cachedContentTokenCount"),
            "reasoning": _paths("thoughtsTokenCount"),
        },
        reasoning_beside_output=True,
        grows=True,
    ),
    "cohere": Shape(
        places=_paths("usage", "meta", "delta.usage", "response.meta"),
        members={
            "input": _paths("billed_units.input_tokens", "tokens.input_tokens"),
            "output": _paths("billed_units.output_tokens", "tokens.output_tokens"),
            "cached_read": _paths("cached_tokens"),
        },
    ),
    "bedrock": Shape(  # Converse, the metrics at the end of InvokeModelWithResponseStream, and what models answer to it
        places=_paths("usage", "message.usage", "amazon-bedrock-invocationMetrics"),
        members={
            "input": _paths("inputTokens", "inputTokenCount", "input_tokens", "prompt_tokens"),
            "output": _paths("outputTokens", "outputTokenCount", "output_tokens", "completion_tokens"),
            "cached_read": _paths("cacheReadInputTokens", "cacheReadInputTokenCount", "cache_read_input_tokens"),
            "cached_write": _paths("cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache_creation_input_tokens"),
        },
        begun=frozenset(_paths("message.usage")),
        cache_beside_input=True,
        headers={
            "input": "x-amzn-bedrock-input-token-count",
            "output": "x-amzn-bedrock-output-token-count",
            "cached_read": "x-amzn-bedrock-cache-read-input-token-count",
            "cached_write": "x-amzn-bedrock-cache-write-input-token-count",
        },
    ),
    "ollama": Shape(places=_paths(""), members={"input": _paths("prompt_eval_count"), "output": _paths("eval_count")}),
    "replicate": Shape(
        places=_paths("metrics"),
        members={"input": _paths("input_token_count"), "output": _paths("output_token_count")},
    ),
}


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

    def add(self, path: Path, raw: bytes) -> None:
        """Take the value that stands at one of the shape's paths; what is not valid JSON states nothing."""
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if path in _MODELS:
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
