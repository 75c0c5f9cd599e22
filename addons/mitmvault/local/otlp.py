"""Spans and metrics for OpenTelemetry: sent to a collector by OTLP over HTTP, by threads of the SDK.

Rules: 1. Nothing waits for the collector: queues are bounded, and what does not fit is dropped by the SDK.
       2. A span continues the trace that the client's `traceparent` (W3C Trace Context) names; if that says that it is
          not sampled, there is none. We send no `traceparent` of our own to anybody.
       3. Providers are our own: what else in this process uses OpenTelemetry is left alone.

The variables OTEL_* of OpenTelemetry hold, for headers, timeouts, sampling, intervals and the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mitmvault import __version__
from mitmvault.core.records import gen_ai
from mitmvault.core.records.gen_ai import Finished

PATIENCE = 3.0  # seconds that the end waits for the collector


class Otlp:
    """Where finished requests go."""

    def __init__(self, spans: SpanProcessor, reader: MetricReader, name: str | None = None) -> None:
        fields = {"service.version": __version__} | ({} if name is None else {"service.name": name})
        resource = Resource.create(fields)
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(spans)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracers.get_tracer("mitmvault", __version__, schema_url=gen_ai.SCHEMA)
        meter = self._meters.get_meter("mitmvault", __version__, schema_url=gen_ai.SCHEMA)
        self._duration = meter.create_histogram(
            gen_ai.DURATION, "s", "GenAI operation duration.", explicit_bucket_boundaries_advisory=gen_ai.SECONDS
        )
        self._tokens = meter.create_histogram(
            gen_ai.TOKENS,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=gen_ai.COUNTS,
        )
        self._models = gen_ai.Models()
        self._context = TraceContextTextMapPropagator()

    def add(self, finished: Finished, headers: Mapping[str, str]) -> None:
        """Tell of a request. `headers` are the client's, of which `traceparent` and `tracestate` are read."""
        row = finished.row
        began = int(row.started * 1e9)
        span = self._tracer.start_span(
            gen_ai.span_name(finished),
            self._context.extract(headers),
            SpanKind.CLIENT,
            gen_ai.span_attributes(finished),
            start_time=began,
        )
        if finished.error and finished.error != "aborted":
            span.set_status(Status(StatusCode.ERROR, finished.error))
        span.end(began + int(row.duration_ms * 1e6))
        if finished.operation is None:
            return
        labels = gen_ai.metric_attributes(finished, self._models)
        self._duration.record(row.duration_ms / 1000, labels)
        for kind, number in (("input", row.tokens_in), ("output", row.tokens_out)):
            if number is not None:
                self._tokens.record(number, labels | {"gen_ai.token.type": kind})

    def close(self) -> None:
        """Send what is left, as far as that is possible within PATIENCE."""
        ending = threading.Thread(target=self._end, name="otlp-end", daemon=True)
        ending.start()
        ending.join(PATIENCE)

    def _end(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown()


def to_collector(endpoint: str | None, name: str | None) -> Otlp:
    """Send to this collector, such as http://127.0.0.1:4318; None: to the one that the environment names."""
    base = endpoint.rstrip("/") if endpoint else None
    spans = OTLPSpanExporter(f"{base}/v1/traces") if base else OTLPSpanExporter()
    metrics = OTLPMetricExporter(f"{base}/v1/metrics") if base else OTLPMetricExporter()
    return Otlp(BatchSpanProcessor(spans), PeriodicExportingMetricReader(metrics), name)
