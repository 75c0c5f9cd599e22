"""scripts/bench, small: every proxy is measured, the crash is survived, and the arithmetic is right."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench import __main__ as bench
from tests.bench import crash, load, measure

pytestmark = pytest.mark.e2e


def test_ratios_are_those_of_pairs() -> None:
    assert measure.Ratio.of([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == measure.Ratio(3.0, 2.0, 4.0)
    assert measure.Ratio.of([3.0], [2.0]) == measure.Ratio(1.5, 1.5, 1.5)
    many = measure.Ratio.of(list(map(float, range(1, 102))), [1.0] * 101)
    assert many == measure.Ratio(51.0, 41.0, 61.0)  # 0.98 * sqrt(101) is 9.85


def test_every_proxy_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SETTLE", 0)
    monkeypatch.setattr(bench, "UNITS", 4)
    done = CliRunner().invoke(bench.main, ["--rounds", "2", "--starts", "2", "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert set(found["series"]) == {"request", "chunk"} and found["machine"]["cores"]
    for series in found["series"].values():
        assert series["rounds"] == 2  # one by each process
        assert set(series["cpu_us"]) == {bench.BARE, bench.WITHOUT, bench.COUNTING, bench.WHOLE}
        assert all(cpu > 0 for cpu in series["cpu_us"].values()) and all(
            r["median"] > 0 for r in series["ratios"].values()
        )
    bench._show(found)


def test_kill_9(tmp_path: Path) -> None:
    found = asyncio.run(crash.crash(tmp_path, 150, lambda done: None))
    assert found.good, bench._told(found)
    assert 60 <= found.killed_after < 110 and found.sent_after_restart > 30


def test_a_proxy_that_is_gone_is_not_measured() -> None:
    with pytest.raises(load.Broken):
        asyncio.run(load.ask_many(load.Target(1), 1, 1))


@pytest.mark.parametrize(
    ("changes", "good"),
    [({}, True), ({"oldest_missing": 1.2}, False), ({"integrity": "malformed"}, False), ({"twice": 1}, False),
     ({"after_restart": 99}, False)],
)  # fmt: skip
def test_what_is_promised_of_a_crash(changes: dict[str, object], good: bool) -> None:
    fields = {"requests": 200, "killed_after": 100, "integrity": "ok", "missing": 3, "oldest_missing": 0.1, "twice": 0,
              "after_restart": 100, "sent_after_restart": 100}  # fmt: skip
    assert crash.Found(**fields | changes).good is good
