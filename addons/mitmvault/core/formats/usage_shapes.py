"""Where answers state their tokens, and what the numbers are called there: one table.

What the numbers mean together says core/answer/usage.py.

Sources: the OpenAPI documents and SDKs of the vendors (2026): OpenAI `CompletionUsage`, `ResponseUsage`; Anthropic
`Usage` ("total input tokens is the summation of input_tokens, cache_creation_input_tokens, and
cache_read_input_tokens"); Gemini `UsageMetadata`; Bedrock `TokenUsage`; Cohere `Usage`, of which the billed units are
taken; Ollama `prompt_eval_count`. DeepSeek says `prompt_cache_hit_tokens`, Moonshot `cached_tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

Path = tuple[str, ...]


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
        return frozenset(found) | MODELS

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
        names = {path[-1].encode() for path in self.wanted - MODELS}
        return re.compile(rb'"(?:' + b"|".join(sorted(map(re.escape, names))) + rb')"\s*:\s*[{0-9]')


# Where an answer names its model.
MODELS = frozenset({("model",), ("modelVersion",), ("response", "model"), ("message", "model"), ("result", "model")})


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
