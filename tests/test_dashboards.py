"""config/grafana-dashboard.json and config/prometheus-alerts.yaml ask for what the code measures, with its labels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from mitmvault.core.records.measures import HISTOGRAM, MEASURES
from mitmvault.core.records.tally import NOBODY
from mitmvault.core.refusal import REASONS

CONFIG = Path(__file__).parent.parent / "config"
ALERTS = yaml.safe_load((CONFIG / "prometheus-alerts.yaml").read_text())["groups"][0]["rules"]
BOARD = json.loads((CONFIG / "grafana-dashboard.json").read_text())
OURS = {row.name: set(row.labels) for row in MEASURES.values() if row.kind != HISTOGRAM} | {
    f"{row.name}_{part}": {*row.labels, "le"} for row in MEASURES.values() if row.kind == HISTOGRAM for part in ("bucket", "sum", "count")
}  # fmt: skip
THEIRS = {"instance", "job"}  # added by Prometheus
QUERIES = {rule["alert"]: rule["expr"] for rule in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
}
VALUES = {
    "outcome": {"failed", "5xx", "2xx"},
    "state": {"usable", "unusable"},
    "reason": set(REASONS),
    "provider": {NOBODY},
    "job": {"mitmvault"},
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_queries_name_what_is_measured(query: str) -> None:
    names = set(re.findall(r"\bmitmvault_\w+", query))
    assert names <= set(OURS)
    assert names or re.search(r"\b(up|process_\w+)\{", query)
    labels = set().union(THEIRS, *(OURS[name] for name in names))
    for selected in re.findall(r"\{([^}]*)\}", query):
        for name, value in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', selected):
            assert name in labels
            assert value == "$instance" or set(value.split("|")) <= VALUES[name], (name, value)
    for grouped in re.findall(r"\b(?:by|ignoring|on) \(([^)]*)\)", query):
        assert set(filter(None, re.split(r",\s*", grouped))) <= labels


def test_everything_that_is_measured_is_on_the_dashboard() -> None:
    text = " ".join(target["expr"] for panel in BOARD["panels"] for target in panel["targets"])
    assert [name for name in MEASURES if name not in text] == []


def test_panels_have_numbers_of_their_own_and_do_not_lie_on_each_other() -> None:
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(places)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (a, b)


def test_alerts_are_documented() -> None:
    page = (CONFIG.parent / "docs" / "monitoring.md").read_text()
    assert [rule["alert"] for rule in ALERTS if f"`{rule['alert']}`" not in page] == []
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in ALERTS)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_accepts_them(tmp_path: Path) -> None:
    queries = {"groups": [{"name": "board", "rules": [
        {"record": f"q:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, query in enumerate(QUERIES.values())
    ]}]}  # fmt: skip
    (tmp_path / "board.yaml").write_text(yaml.safe_dump(queries))
    for path in (CONFIG / "prometheus-alerts.yaml", tmp_path / "board.yaml"):
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
