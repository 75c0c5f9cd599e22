"""OpenTelemetry, where it is wanted: finished requests become spans and metrics. (records/gen_ai.py, local/otlp.py)

Rules: 1. Off, and not even imported, unless `otlp_endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT names a collector.
          They are read at the start.
       2. Told of is what was permitted: strangers cause no spans.
       3. A failure here reaches no request: where the packages are missing, the log says so, and requests go on.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from mitmproxy import http

from mitmvault.addons.endings import Endings
from mitmvault.addons.keeper import Keeper
from mitmvault.core.records.gen_ai import Finished
from mitmvault.core.records.record import Record
from mitmvault.wire import permits

STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream", "application/x-ndjson")

logger = logging.getLogger(__name__)


class Traces:
    """Listens to the bookkeeper, if somebody is to be told."""

    def __init__(self, keeper: Keeper, endings: Endings) -> None:
        self.keeper, self.endings = keeper, endings
        self.otlp: Any = None

    def running(self) -> None:
        world = self.keeper.current
        endpoint = world.settings.otlp_endpoint if world else None
        if not endpoint and not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            return
        try:
            from mitmvault.local import otlp

            self.otlp = otlp.to_collector(endpoint, None if os.environ.get("OTEL_SERVICE_NAME") else "mitmvault")
        except ImportError as error:
            logger.error("no OpenTelemetry: %s is missing; pip install 'mitmvault[otel]'", error.name)
        except Exception as error:  # the text may quote a variable with a credential
            logger.error("no OpenTelemetry: its set-up failed: %s", type(error).__name__)
        else:
            self.endings.readers.append(self.ended)

    def ended(self, flow: http.HTTPFlow, row: Record) -> None:
        """A request has come to its end."""
        permit, world = permits.of(flow.request), self.keeper.current
        if permit is None or world is None or self.otlp is None:
            return
        known = world.providers.get(permit.provider)
        kind = flow.response.headers.get("content-type", "") if flow.response else ""
        finished = Finished(
            row,
            provider=known.spec.id if known else permit.provider,
            path=permit.target.native_path.partition("?")[0],
            streamed=kind.partition(";")[0].strip().lower() in STREAMS,
        )
        self.otlp.add(finished, _context(flow.request))

    def done(self) -> None:
        """Everything was told: the endings come before us."""
        if self.otlp:
            self.otlp.close()
            self.otlp = None


def _context(request: http.Request) -> dict[str, str]:
    names = ("traceparent", "tracestate")
    return {name: request.headers[name] for name in names if name in request.headers}
