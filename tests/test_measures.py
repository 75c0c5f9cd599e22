"""The table of what is measured: names as Prometheus wants them, all in use, all documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mitmvault.core.records.measures import COUNTER, HISTOGRAM, MEASURES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "addons" / "mitmvault"


@pytest.mark.parametrize("row", MEASURES.values(), ids=MEASURES)
def test_rows(row):
    assert re.fullmatch(r"mitmvault(_[a-z]+)+", row.name) and row.help.endswith(".")
    assert row.name.endswith("_total") == (row.kind == COUNTER)
    assert (row.kind == HISTOGRAM) == bool(row.bounds) and list(row.bounds) == sorted(set(row.bounds))
    assert not {"user", "model", "path", "session", "key"} & set(row.labels), "a client could choose their values"


def test_every_row_is_filled():
    source = "".join((PACKAGE / "core" / name).read_text() for name in ("records/tally.py", "records/standing.py"))
    assert [name for name in MEASURES if f'"{name}"' not in source] == []


def test_every_row_is_documented_with_its_labels():
    page = (ROOT / "docs" / "monitoring.md").read_text()
    told = dict(re.findall(r"^\| `(mitmvault_\w+)` \|([^|]*)\|", page, re.M))
    assert {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in told.items()} == {
        row.name: row.labels for row in MEASURES.values()
    }
