"""GET /metrics: what was counted and how mitmvault stands, for Prometheus.

Rules: 1. Who may read it says the setting `metrics`: admins by their token; with `loopback`, also programs on this
          machine; with `off`, nobody.
       2. The form is Prometheus' text form 0.0.4, or OpenMetrics 1.0.0 where the request accepts that.
       3. Nothing of what a client has sent is in it. (core/records/measures.py, rule 1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from mitmvault.core.configuration.world import World
from mitmvault.core.message.arrival import Arrival
from mitmvault.core.pages.page import Asked
from mitmvault.core.records.measures import COUNTER, GAUGE, MEASURES, Measure
from mitmvault.core.records.standing import Standing, samples
from mitmvault.core.records.tally import Tally
from mitmvault.core.refusal import Answer, Refusal

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# A web page in a browser on this machine; a reverse proxy on it, which says so.
_FOR_OTHERS = ("origin", "forwarded", "x-forwarded-for", "via")
_FAMILIES: dict[str, Callable[..., Any]] = {COUNTER: CounterMetricFamily, GAUGE: GaugeMetricFamily}


def open_to(world: World, arrival: Arrival) -> bool:
    """May this request read the page without a token? (rule 1) Not if somebody may stand behind it."""
    return world.settings.metrics == "loopback" and arrival.local and not any(map(arrival.has, _FOR_OTHERS))


class Metrics(Collector):
    """The page. `standing` is asked anew each time; `tally` is what somebody else adds to."""

    def __init__(self, tally: Tally, standing: Callable[[], Standing], world: Callable[[], World | None]) -> None:
        self._tally, self._standing, self._world = tally, standing, world
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # CPU, memory, open files; nothing where there is no /proc

    def page(self, accept: str) -> tuple[str, bytes]:
        """The content type and the text of the page, for this header Accept."""
        wanted = {item.partition(";")[0].strip().lower() for item in accept.split(",")}
        if "application/openmetrics-text" in wanted:
            return OPENMETRICS, openmetrics.generate_latest(self._registry)
        return TEXT, exposition.generate_latest(self._registry)

    def describe(self) -> Iterable[Any]:
        """Nothing: the registry need not know beforehand."""
        return ()

    def collect(self) -> Iterator[Any]:
        """Every family of the table, with its samples of this moment."""
        world = self._world()
        values = {name: dict(series) for name, series in self._tally.sums.items()}
        for name, labels, value in samples(self._standing(), world) if world else ():
            values[name][labels] = value
        for row in MEASURES.values():
            yield _family(row, values[row.name]) if row.name in values else self._spread(row)

    def _spread(self, row: Measure) -> HistogramMetricFamily:
        family = HistogramMetricFamily(row.name, row.help, labels=row.labels)
        for labels, spread in self._tally.spreads[row.name].items():
            buckets = [(floatToGoString(bound), count) for bound, count in spread.cumulative()]
            family.add_metric(labels, buckets, spread.sum)
        return family


def _family(row: Measure, series: dict[tuple[str, ...], float]) -> Any:
    family = _FAMILIES[row.kind](row.name, row.help, labels=row.labels)
    for labels, value in series.items():
        family.add_metric(labels, value)
    return family


def metrics(asked: Asked) -> Answer:
    """GET /metrics"""
    if asked.world.settings.metrics == "off" or asked.metrics is None:
        raise Refusal("not_found", "There are no metrics here: the setting `metrics` is off.")
    kind, body = asked.metrics(asked.arrival.value("accept"))
    return Answer(
        200, (("content-type", kind), ("content-length", str(len(body))), ("cache-control", "no-store")), body
    )
