"""A finished request in the words of OpenTelemetry's semantic conventions for generative AI. Pure.

Rules: 1. No word of a prompt or an answer, no key and no token: names, numbers, and a key's label.
       2. What is not known is left out.
       3. Metrics have few series: no more than MAX_MODELS models have their own, of those that a provider answered for.
       4. A model is the one that was sent; the one that was asked for is said beside it where they differ.

Source: semantic conventions for generative AI, version 1.42 (status Development; since then in the repository
open-telemetry/semantic-conventions-genai), pages gen-ai-spans and gen-ai-metrics. `gen_ai.usage.input_tokens` includes
cache tokens, as our own count does. Names that the conventions do not have begin with `mitmvault.`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mitmvault.core.configuration.hostnames import split_authority
from mitmvault.core.records.record import Record
from mitmvault.core.records.tally import OTHER, outcome

SCHEMA = "https://opentelemetry.io/schemas/1.42.0"
DURATION, TOKENS = "gen_ai.client.operation.duration", "gen_ai.client.token.usage"
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
COUNTS = tuple(float(4**power) for power in range(14))
MAX_MODELS = 100
Value = str | int | float | bool

# The catalogue's provider -> its well-known name; others keep theirs.
PROVIDERS = {
    "gemini": "gcp.gemini",
    "google-vertex-ai": "gcp.vertex_ai",
    "aws-bedrock": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "mistral": "mistral_ai",
    "grok": "x_ai",
}
# The end of a native path -> the operation; the first that fits.
_OPERATIONS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"/chat/completions$|/responses$|/messages$|/v[12]/chat$|/api/chat$|/converse(-stream)?$", "chat"),
        (r":(streamG|g)enerateContent$", "generate_content"),
        (r"/embeddings$|/embed$|:(batchE|e)mbedContents?$", "embeddings"),
        (r"/completions$|/api/generate$|/complete$", "text_completion"),
    )
)


@dataclass(frozen=True)
class Finished:
    """A request that was permitted and has come to its end, and what its row does not say."""

    row: Record
    provider: str  # as the catalogue names it
    path: str  # the provider's own, without a query
    streamed: bool = False

    @property
    def operation(self) -> str | None:
        """What was asked for, if it is one of the conventions' operations."""
        return next((name for pattern, name in _OPERATIONS if pattern.search(self.path)), None)

    @property
    def error(self) -> str | None:
        """`error.type`: our reason, `aborted`, or the status; None for a success."""
        came = outcome(self.row)
        if came == "aborted":
            return came
        failed = came not in ("1xx", "2xx", "3xx")
        return (self.row.reason or str(self.row.status or "no answer")) if failed else None


def span_name(finished: Finished) -> str:
    """`chat gpt-4o`; for other requests the method and the provider."""
    operation, row = finished.operation, finished.row
    if operation is None:
        return f"{row.method} {finished.provider}"
    return f"{operation} {row.model_sent}" if row.model_sent else operation


def span_attributes(finished: Finished) -> dict[str, Value]:
    """What a span says."""
    row = finished.row
    first = row.first_byte_ms / 1000 if finished.streamed and row.first_byte_ms is not None else None
    other = row.model_asked if row.model_asked != row.model_sent else None
    found: dict[str, Value | None] = {
        **_common(finished),
        "gen_ai.request.model": row.model_sent,
        "gen_ai.request.stream": True if finished.streamed else None,
        "gen_ai.conversation.id": row.session,
        "gen_ai.response.time_to_first_chunk": first,
        "gen_ai.usage.input_tokens": row.tokens_in,
        "gen_ai.usage.output_tokens": row.tokens_out,
        "gen_ai.usage.cache_read.input_tokens": row.tokens_cached_read,
        "gen_ai.usage.cache_creation.input_tokens": row.tokens_cached_write,
        "gen_ai.usage.reasoning.output_tokens": row.tokens_reasoning,
        "http.request.method": row.method,
        "http.response.status_code": row.status,
        "mitmvault.request.id": row.flow,
        "mitmvault.user": row.user,
        "mitmvault.way": row.way,
        "mitmvault.mode": row.mode,
        "mitmvault.key": row.key,
        "mitmvault.attempts": row.attempts,
        "mitmvault.model.asked": other,
        "mitmvault.cost_dollars": row.cost,
        "mitmvault.overhead_ms": row.overhead_ms,
    }
    return {name: value for name, value in found.items() if value is not None}


class Models:
    """The models that have series of their own (rule 3)."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, row: Record) -> str | None:
        """What stands for this request's model in a metric; None where it has none."""
        model = row.model_sent
        if model is None or model in self._known:
            return model
        if outcome(row) != "2xx" or len(self._known) >= MAX_MODELS:
            return OTHER
        self._known.add(model)
        return model


def metric_attributes(finished: Finished, models: Models) -> dict[str, Value]:
    """The labels of a request's metrics."""
    found = {**_common(finished), "gen_ai.request.model": models.label(finished.row)}
    return {name: value for name, value in found.items() if value is not None}


def _common(finished: Finished) -> dict[str, Value | None]:
    at = split_authority(finished.row.target or "", "https")
    return {
        "gen_ai.operation.name": finished.operation,
        "gen_ai.provider.name": PROVIDERS.get(finished.provider, finished.provider),
        "server.address": at[0] if at else None,
        "server.port": at[1] if at else None,
        "error.type": finished.error,
    }
