"""`mitmvault usage`, through the real command line."""

from __future__ import annotations

import csv
import io
import json
import re
import time

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.records.record import Record
from mitmvault.home.layout import Home
from mitmvault.home.sqlite_ledger import SqliteLedger

NOW = time.time()
ALICE = Record(
    NOW - 60, "alice", None, "listener", "POST", "groq", "a", "a", "api.groq.com", "direct", "#1 …a1f3", 1, 200,
    duration_ms=1234.4, tokens_in=1000, tokens_out=200, tokens_cached_read=30, tokens_cached_write=4, cost=0.0123,
)  # fmt: skip
BOB = ALICE._replace(user="bob", tokens_in=None, tokens_out=None, tokens_cached_read=None, tokens_cached_write=None,
                     cost=None)  # fmt: skip
REFUSED = Record(NOW - 60, way="listener", method="POST", status=401, reason="missing_token")


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def keep(home):
    def write(*rows: Record) -> None:
        ledger = SqliteLedger(home.ledger)
        ledger.write(rows)
        ledger.close()

    return write


@pytest.fixture
def run(home):
    def invoke(*arguments: str):
        return CliRunner().invoke(cli, ["usage", "--home", str(home.path), *arguments])

    return invoke


def table(result) -> dict[str, list[str]]:
    assert result.exit_code == 0, result.output
    return {line.split("\t")[0]: line.split("\t")[1:] for line in result.stdout.splitlines()}


def test_no_ledger_yet(run, home):
    result = run()
    assert result.exit_code == 1 and "there is no ledger at" in result.stderr and "ledger_days" in result.stderr
    assert list(home.path.iterdir()) == []


def test_in_a_pipe(run, keep):
    keep(ALICE, ALICE, BOB, REFUSED)
    assert table(run()) == {
        "USER": ["REQUESTS", "ERRORS", "ABORTED", "TOKENS IN", "TOKENS OUT", "CACHED", "COST", "P50", "P95", "P99"],
        "alice": ["2", "0", "0", "2000", "400", "68", "0.0246", "1234 ms", "1234 ms", "1234 ms"],
        "bob": ["1", "0", "0", "?", "?", "-", "?", "1234 ms", "1234 ms", "1234 ms"],
        "-": ["1", "1", "0", "0", "0", "-", "0.0000", "-", "-", "-"],
        "total": ["4", "1", "0", "2000 + ?", "400 + ?", "68", "0.0246 + ?", "1234 ms", "1234 ms", "1234 ms"],
    }


@pytest.mark.parametrize("by", ["provider", "model", "key", "day", "session", "status"])
def test_by(run, keep, by):
    keep(ALICE)
    lines = table(run("--by", by))
    first, _, last = lines
    assert (first, last) == (by.upper(), "total")


@pytest.mark.parametrize(
    ("arguments", "requests"),
    [
        ((), "1"),
        (("--since", "1000d"), "2"),
        (("--since", "1000d", "--until", "90d"), "1"),
        (("--since", "30s"), "0"),
        (("--since", "2020-01-01", "--until", "2020-01-02"), "0"),
        (("--user", "alice"), "1"),
        (("--user", "bob"), "0"),
    ],
)
def test_which(run, keep, arguments, requests):
    keep(ALICE, ALICE._replace(started=NOW - 100 * 86400))
    assert table(run(*arguments))["total"][0] == requests


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--by", "mood"), ("--json", "--csv")])
def test_wrong_usage(run, keep, arguments):
    keep(ALICE)
    assert run(*arguments).exit_code == 2


def test_json(run, keep):
    keep(ALICE, BOB)
    result = json.loads(run("--json").stdout)
    assert (result["by"], result["user"]) == ("user", None) and result["since"] < NOW < result["until"]
    alice, bob = sorted(result["lines"], key=lambda line: line["name"])
    assert (alice["cost"], alice["tokens_in"], alice["p95_ms"]) == (0.0123, 1000, 1234.4)
    assert (bob["cost"], bob["cost_unknown"], bob["tokens_in"], bob["tokens_unknown"]) == (None, 1, None, 1)
    assert result["total"]["requests"] == 2


def test_csv(run, keep):
    keep(ALICE, BOB._replace(user="=cmd|' /C calc'!A0"))
    head, *lines = csv.reader(io.StringIO(run("--csv").stdout))
    assert head[:2] == ["user", "requests"] and head[-1] == "p99_ms"
    found = {name: dict(zip(head[1:], rest, strict=True)) for name, *rest in lines}
    assert found["alice"]["cost"] == "0.0123" and found["'=cmd|' /C calc'!A0"]["cost"] == ""


def test_in_a_terminal(run, keep, monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    keep(ALICE, ALICE._replace(started=NOW - 2 * 86400), ALICE)
    result = run()
    assert result.exit_code == 0 and "0.0369" in result.stdout
    assert re.search("requests ▄ █ ? at most 2 a day", result.stdout)
