"""Who is told, and that nobody is by default."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow

from mitmvault.addons.traces import Traces
from mitmvault.core.configuration.settings import Settings
from mitmvault.local import otlp
from tests.test_rows import permitted
from tests.test_tally import DONE
from tests.worlds import world


class Told:
    def __init__(self) -> None:
        self.finished, self.closed = [], False

    def add(self, finished, headers) -> None:
        self.finished.append((finished, headers))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def told(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    made = Told()
    made.asked = []
    monkeypatch.setattr(otlp, "to_collector", lambda *asked: made.asked.append(asked) or made)
    return made


def begun(settings: Settings = Settings()) -> Traces:  # noqa: B008
    moment = world()
    object.__setattr__(moment, "settings", settings)
    traces = Traces(SimpleNamespace(current=moment), SimpleNamespace(readers=[]))
    traces.running()
    return traces


def test_nobody_is_told_unless_it_is_wanted(told):
    assert not begun().endings.readers and not told.asked


def test_the_setting_beats_the_variable(told, monkeypatch):
    begun(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    begun()
    assert told.asked == [("http://127.0.0.1:4318", "mitmvault"), (None, None)]


def test_what_is_told(told):
    traces = begun(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    (reader,) = traces.endings.readers
    flow = permitted()
    flow.request.headers["traceparent"] = "00-x"
    flow.response.headers["content-type"] = "text/event-stream; charset=utf-8"
    reader(flow, DONE)
    reader(tflow.tflow(), DONE)  # refused: nothing was permitted
    ((finished, headers),) = told.finished
    assert (finished.row, finished.provider, finished.path, finished.streamed) == (DONE, "openai", "/v1/x", True)
    assert headers == {"traceparent": "00-x"}
    traces.done()
    reader(flow, DONE)
    assert told.closed and len(told.finished) == 1


def test_without_the_packages_requests_go_on(told, monkeypatch, caplog):
    monkeypatch.delitem(sys.modules, "mitmvault.local.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    monkeypatch.delattr("mitmvault.local.otlp", raising=False)
    traces = begun(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    assert "mitmvault[otel]" in caplog.text and not traces.endings.readers
    traces.done()


def test_a_set_up_that_fails_is_told_without_what_it_quotes(monkeypatch, caplog):
    def fail(*asked):
        raise ValueError("made-up-secret")

    monkeypatch.setattr(otlp, "to_collector", fail)
    assert not begun(Settings(otlp_endpoint="http://127.0.0.1:4318")).endings.readers
    assert "ValueError" in caplog.text and "made-up-secret" not in caplog.text
