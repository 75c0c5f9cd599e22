"""What OpenTelemetry is told, read back by the SDK's own in-memory exporters."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mitmvault.core.records import gen_ai
from mitmvault.local import otlp
from mitmvault.local.otlp import Otlp
from tests.test_gen_ai import finished

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Seen:
    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.otlp = Otlp(SimpleSpanProcessor(self.exporter), self.reader, "mitmvault")

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def points(self):
        data = self.reader.get_metrics_data()
        metrics = [m for resource in data.resource_metrics for scope in resource.scope_metrics for m in scope.metrics]
        return {(m.name, p.attributes.get("gen_ai.token.type")): p for m in metrics for p in m.data.data_points}


@pytest.fixture
def seen():
    made = Seen()
    yield made
    made.otlp.close()


def test_a_request(seen):
    seen.otlp.add(finished(flow="f-1"), {})
    (span,) = seen.spans
    assert (span.name, span.kind, span.parent) == ("chat groq/m", SpanKind.CLIENT, None)
    assert (span.start_time, span.end_time) == (1_000_000_000, 3_000_000_000)
    assert span.attributes["mitmvault.request.id"] == "f-1" and span.status.status_code is StatusCode.UNSET
    assert span.resource.attributes["service.name"] == "mitmvault"
    assert span.instrumentation_scope.schema_url == gen_ai.SCHEMA
    points = seen.points()
    duration = points[gen_ai.DURATION, None]
    assert (duration.sum, duration.count, tuple(duration.explicit_bounds)) == (2.0, 1, gen_ai.SECONDS)
    assert points[gen_ai.TOKENS, "input"].sum == 5 and points[gen_ai.TOKENS, "output"].sum == 6
    assert tuple(points[gen_ai.TOKENS, "input"].explicit_bounds) == gen_ai.COUNTS
    assert points[gen_ai.TOKENS, "input"].attributes["gen_ai.request.model"] == "groq/m"


def test_failures(seen):
    seen.otlp.add(finished(status=502, reason="upstream_failed", tokens_in=None, tokens_out=None), {})
    seen.otlp.add(finished(aborted=True), {})
    failed, aborted = seen.spans
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "upstream_failed")
    assert (aborted.status.status_code, aborted.attributes["error.type"]) == (StatusCode.UNSET, "aborted")


def test_what_is_no_operation_has_a_span_and_no_metric(seen):
    seen.otlp.add(finished("/v1/models", method="GET"), {})
    assert [span.name for span in seen.spans] == ["GET groq"]
    assert seen.reader.get_metrics_data() is None or not seen.points()


def test_a_clients_trace_is_continued(seen):
    seen.otlp.add(finished(), {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"})
    (span,) = seen.spans
    assert f"{span.context.trace_id:032x}" == TRACE and f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.context.trace_state["vendor"] == "1"


def test_one_that_is_not_sampled_has_no_span_but_counts(seen):
    seen.otlp.add(finished(), {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"})
    assert not seen.spans and seen.points()[gen_ai.DURATION, None].count == 1


@pytest.mark.parametrize(
    "text", ["", "00-x-y-01", "ff-" + "0" * 32, f"00-{TRACE}-b7ad6b7169203331-01, 00-{TRACE}-1-01"]
)
def test_nonsense_begins_a_trace_of_its_own(seen, text):
    seen.otlp.add(finished(), {"traceparent": text})
    (span,) = seen.spans
    assert span.parent is None and f"{span.context.trace_id:032x}" != TRACE


def test_nothing_waits_for_a_collector_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(otlp, "PATIENCE", 0.05)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    made = otlp.to_collector("http://127.0.0.1:1/", None)  # nobody listens there
    made.add(finished(), {})
    made.close()
