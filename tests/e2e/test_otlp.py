"""OpenTelemetry over the wire: a collector gets spans and metrics, a provider no traceparent but the client's own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.client import BEARER, CHAT, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TOKEN
from tests.serving import Serving

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROMPT = "the-secret-plan-of-the-prompt"


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: dict[str, list[bytes]] = {"/v1/traces": [], "/v1/metrics": []}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.got[self.path].append(self.rfile.read(int(self.headers["content-length"])))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_collector(provider: FakeProvider, collector: Collector, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir(0o700)
    store.save_vault_document(home, {"version": 1, "providers": standard_providers(provider.url)}, Secret(PASSWORD))
    store.save_users_document(home, {"alice": {"key": TOKEN}})
    url = f"http://127.0.0.1:{collector.server_port}"
    with Serving(home.path, environ={"AI_JSON_CRYPTOKEN": PASSWORD, "OTEL_EXPORTER_OTLP_ENDPOINT": url}) as serving:
        serving.ready()
        body = CHAT | {"messages": [{"role": "user", "content": PROMPT}]}
        for headers in (BEARER, BEARER | {"traceparent": PARENT, "tracestate": "vendor=1"}, {}):
            send(serving, PATH, body, headers=headers)  # type: ignore[arg-type]
        plain, traced = provider.wait_for(2)
        assert serving.end(signal.SIGTERM) == 0
    assert not plain.headers_named("traceparent") and not plain.headers_named("tracestate")
    assert traced.headers_named("traceparent") == [PARENT] and traced.headers_named("tracestate") == ["vendor=1"]

    spans = [span for sent in collector.got["/v1/traces"] for resource in ExportTraceServiceRequest.FromString(sent).resource_spans
             for scope in resource.scope_spans for span in scope.spans]  # fmt: skip
    assert [span.name for span in spans] == ["chat m-1", "chat m-1"], "a stranger's is none"
    assert not spans[0].parent_span_id and spans[1].trace_id.hex() == PARENT[3:35]
    assert spans[1].parent_span_id.hex() == PARENT[36:52]
    attributes = {one.key: one.value.string_value for one in spans[0].attributes}
    assert (attributes["gen_ai.provider.name"], attributes["mitmvault.user"]) == ("openai", "alice")
    metrics = {metric.name for sent in collector.got["/v1/metrics"]
               for resource in ExportMetricsServiceRequest.FromString(sent).resource_metrics
               for scope in resource.scope_metrics for metric in scope.metrics}  # fmt: skip
    assert "gen_ai.client.operation.duration" in metrics
    everything = b"".join(map(b"".join, collector.got.values()))
    assert not [secret for secret in (KEY, TOKEN, PASSWORD, PROMPT) if secret.encode() in everything]
