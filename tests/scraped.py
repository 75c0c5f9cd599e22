"""A page of metrics as Prometheus' own parsers read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from mitmvault.core.records.measures import MEASURES


def scraped(text: bytes, parse: Callable[[str], Any] = text_string_to_metric_families) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and its labels, in the order of our table."""
    samples = (sample for family in parse(text.decode()) for sample in family.samples)
    return {(sample.name, *_ordered(sample.labels)): sample.value for sample in samples}


def _ordered(labels: dict[str, str]) -> tuple[str, ...]:
    orders = {row.labels for row in MEASURES.values()} | {
        (*row.labels, "le") for row in MEASURES.values() if row.bounds
    }
    names = next((order for order in orders if set(order) == set(labels)), tuple(labels))
    return tuple(labels[name] for name in names)
