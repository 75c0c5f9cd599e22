"""A finished request in OpenTelemetry's words: its names are those of the conventions, and its labels are few."""

from __future__ import annotations

import re

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from mitmvault.core.records.gen_ai import MAX_MODELS, Finished, Models, metric_attributes, span_attributes, span_name
from mitmvault.core.records.record import Record
from tests.test_tally import DONE
from tests.worlds import CATALOGUE

CHAT = "/v1/chat/completions"
NAMES = {
    value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_") and isinstance(value, str)
}
WELL_KNOWN = {member.value for member in gen_ai_attributes.GenAiProviderNameValues}
OPERATIONS = {member.value for member in gen_ai_attributes.GenAiOperationNameValues}


def finished(path: str = CHAT, provider: str = "groq", streamed: bool = False, **changes) -> Finished:
    return Finished(DONE._replace(**changes), provider, path, streamed)


def test_a_span():
    done = finished(streamed=True, flow="f-1", tokens_reasoning=2, tokens_cached_write=1)
    assert span_name(done) == "chat groq/m"
    assert span_attributes(done) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "groq", "gen_ai.request.model": "groq/m",
        "gen_ai.request.stream": True, "gen_ai.conversation.id": "s-1", "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 6, "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 1, "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "api.groq.com", "server.port": 443, "http.request.method": "POST",
        "http.response.status_code": 200, "mitmvault.request.id": "f-1", "mitmvault.user": "alice",
        "mitmvault.way": "listener", "mitmvault.mode": "compat", "mitmvault.key": "#1 …a1f3", "mitmvault.attempts": 2,
        "mitmvault.model.asked": "m", "mitmvault.cost_dollars": 0.25, "mitmvault.overhead_ms": 2.0,
    }  # fmt: skip


def test_names_are_those_of_the_conventions():
    said = span_attributes(finished(streamed=True, tokens_reasoning=2, tokens_cached_write=1))
    assert {name for name in said if name.startswith("gen_ai.")} <= NAMES


def test_what_is_not_known_is_left_out():
    assert set(span_attributes(Finished(Record(1.0), "groq", "/v1/models"))) == {
        "gen_ai.provider.name", "mitmvault.attempts", "error.type",
    }  # fmt: skip
    assert "gen_ai.response.time_to_first_chunk" not in span_attributes(finished())


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (CHAT, "chat"), ("/openai/deployments/d/chat/completions", "chat"), ("/v1/responses", "chat"),
        ("/v1/messages", "chat"), ("/v2/chat", "chat"), ("/api/chat", "chat"), ("/model/m/converse-stream", "chat"),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "generate_content"),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "generate_content"),
        ("/v1/embeddings", "embeddings"), ("/v2/embed", "embeddings"), ("/v1beta/models/e:embedContent", "embeddings"),
        ("/v1beta/models/e:batchEmbedContents", "embeddings"), ("/v1/completions", "text_completion"),
        ("/v1/models", None), ("/v1/files", None), ("/v1/messages/batches", None), ("/", None),
    ],
)  # fmt: skip
def test_operations(path, operation):
    assert finished(path).operation == operation and (operation is None or operation in OPERATIONS)
    assert span_name(finished(path)) == (f"{operation} groq/m" if operation else "POST groq")


def test_providers_have_their_well_known_names():
    said = {spec.id: span_attributes(finished(provider=spec.id))["gen_ai.provider.name"] for spec in CATALOGUE.specs}
    assert (said["gemini"], said["mistral"], said["grok"], said["aws-bedrock"]) == (
        "gcp.gemini",
        "mistral_ai",
        "x_ai",
        "aws.bedrock",
    )

    def plain(name):
        return re.sub(r"[^a-z]", "", name.replace("gcp.", "google").replace("azure.ai.", "azure"))

    strange = {
        name for name, value in said.items() if value not in WELL_KNOWN and plain(name) in set(map(plain, WELL_KNOWN))
    }
    assert not strange, "the conventions have a name for it"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"status": 404}, "404"),
        ({"status": 502, "reason": "upstream_failed"}, "upstream_failed"),
        ({"status": None}, "no answer"),
        ({"aborted": True}, "aborted"),
    ],
)
def test_errors(changes, error):
    assert span_attributes(finished(**changes)).get("error.type") == error


def test_metrics_have_few_series():
    models = Models()
    labels = {metric_attributes(finished(model_sent=f"m-{n}"), models)["gen_ai.request.model"] for n in range(500)}
    assert len(labels) == MAX_MODELS + 1 and "other" in labels
    assert metric_attributes(finished(model_sent="m-1"), models)["gen_ai.request.model"] == "m-1"
    assert metric_attributes(finished(model_sent="made-up", status=404), Models())["gen_ai.request.model"] == "other"
    assert set(metric_attributes(finished(model_sent=None), models)) == {
        "gen_ai.operation.name", "gen_ai.provider.name", "server.address", "server.port",
    }  # fmt: skip
