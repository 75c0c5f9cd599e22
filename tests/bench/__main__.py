"""`python -m tests.bench`: see `--help`."""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from mitmproxy import version
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.bench import crash, load, measure
from tests.bench.subjects import Subject, mitmdump, mitmvault

BARE, WITHOUT, COUNTING, WHOLE = "bare mitmdump", "without", "counting", "mitmvault"
COMPARED = ((WHOLE, BARE), (COUNTING, WITHOUT), (WHOLE, WITHOUT))
MEANING = """\
without: mitmvault without ledger, metrics and token counting, and without the meter in the stream
counting: with these, and without who else listens to the ends of requests (top, explain)
mitmvault: all of it, as `mitmvault serve` runs it"""
CLIENTS = 4
UNITS = 50  # requests, or chunks by ten, in a round
LIMIT = 600  # seconds after which no further round of a series is begun
WATCHED = 1.05  # what ledger, tap and metrics may cost at most


@dataclass(frozen=True)
class Series:
    """What is measured: units of what, how many in a round."""

    unit: str
    work: measure.Work
    units: int


@dataclass(frozen=True)
class Amount:
    """How many rounds of each series, and by how many processes: where a process has its memory is worth some percent."""

    rounds: int
    starts: int


@click.command()
@click.option("--quick", is_flag=True, help="Ten rounds: does it run, and is anything far off?")
@click.option("--rounds", default=200, show_default=True, help="Rounds of each series.")
@click.option("--starts", default=5, show_default=True, help="How often the proxies are started anew meanwhile.")
@click.option("--only", type=click.Choice(["request", "chunk"]), help="One series instead of both.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
@click.option("--kill", "requests", type=int, metavar="N", help="Instead: N requests, kill -9 in the middle.")
def main(quick: bool, rounds: int, starts: int, only: str | None, as_json: bool, requests: int | None) -> None:
    """Measure what mitmvault costs, beside bare mitmproxy and beside itself without ledger, metrics and token counting.

    Everything is on 127.0.0.1: a provider and its clients in this process, the proxies in processes of their own. Needs Linux.

    \b
    Examples:
      scripts/bench
      scripts/bench --quick --json
      scripts/bench --kill 20000
    """
    if sys.platform != "linux":
        raise click.ClickException("the CPU time of another process is read as Linux tells it")
    with tempfile.TemporaryDirectory(prefix="mitmvault-bench-") as path:
        if requests:
            found = asyncio.run(_crash(Path(path), requests))
            click.echo(json.dumps(found.as_dict(), indent=2) if as_json else _told(found))
            sys.exit(not found.good)
        amount = Amount(10, 1) if quick else Amount(rounds, starts)
        result = asyncio.run(_measure(Path(path), amount, only))
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        _show(result)


async def _crash(path: Path, requests: int) -> crash.Found:
    with _progress("requests", requests) as tell:
        return await crash.crash(path, requests, tell)


async def _measure(path: Path, amount: Amount, only: str | None = None) -> dict[str, Any]:
    found: dict[str, dict[str, list[measure.Sample]]] = {}
    until = time.monotonic() + LIMIT
    async with load.Provider() as provider:

        async def ask(subject: Subject, count: int) -> None:
            await load.ask_many(subject.target, count, CLIENTS)

        async def stream(subject: Subject, count: int) -> None:
            await load.stream_many(subject.target, provider, count, CLIENTS)

        every = (Series("request", ask, UNITS), Series("chunk", stream, 10 * UNITS))
        chosen = [series for series in every if only in (None, series.unit)]
        for number in range(amount.starts):
            place, rounds = path / str(number), amount.rounds // amount.starts
            place.mkdir()
            with ExitStack() as running:
                enter, port = running.enter_context, provider.port
                subjects = [
                    enter(mitmdump(BARE, place / "bare", port)),
                    enter(mitmvault(WITHOUT, place / "without", port, "without.py")),
                    enter(mitmvault(COUNTING, place / "counting", port, "counting.py")),
                    enter(mitmvault(WHOLE, place / "whole", port)),
                ]
                for series in chosen:
                    about = f"start {number + 1} of {amount.starts}: rounds of {series.units} {series.unit}s"
                    with _progress(about, rounds) as tell:
                        samples = await measure.rounds(subjects, series.work, series.units, rounds, until, tell)
                    sofar = found.setdefault(series.unit, {})
                    for name, more in samples.items():
                        sofar.setdefault(name, []).extend(more)
    return {
        "machine": machine(),
        "starts": amount.starts,
        "series": {series.unit: _summary(found[series.unit], series) for series in chosen},
    }


@contextmanager
def _progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, for people in a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.update(task, completed=done)


def _summary(samples: dict[str, list[measure.Sample]], series: Series) -> dict[str, Any]:
    ratios = {f"{one} ÷ {other}": measure.compared(samples, one, other) for one, other in COMPARED}
    return {
        "rounds": len(samples[WHOLE]),
        "units": series.units,
        "cpu_us": {name: median(s.cpu for s in found) for name, found in samples.items()},
        "per_second": {name: 1e6 / median(s.wall for s in found) for name, found in samples.items()},
        "ratios": {name: vars(ratio) for name, ratio in ratios.items()},
        "good": ratios[f"{COUNTING} ÷ {WITHOUT}"].median <= WATCHED,
    }


def machine() -> dict[str, Any]:
    """What this was measured on, as far as it says something about the numbers."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]  # fmt: skip
    cpu = models[0] if models else platform.machine()
    return {"cpu": cpu, "cores": len(models), "python": platform.python_version(), "mitmproxy": version.VERSION}


def _show(result: dict[str, Any]) -> None:
    console, about = Console(), result["machine"]
    for unit, found in result["series"].items():
        table = Table(title=f"CPU time of the proxy per {unit}: {found['rounds']} rounds of {found['units']}")
        for column in ("", "µs of CPU", f"{unit}s/s", "median ratio", "95 % confidence"):
            table.add_column(column, justify="left" if not column else "right")
        for name, cpu in found["cpu_us"].items():
            table.add_row(name, f"{cpu:.1f}", f"{found['per_second'][name]:.0f}", "", "")
        table.add_section()
        for name, ratio in found["ratios"].items():
            table.add_row(name, "", "", *_cells(ratio))
        console.print(table)
    console.print(MEANING, style="dim")
    console.print(f"{about['cpu']}, {about['cores']} cores · Python {about['python']} · mitmproxy {about['mitmproxy']}")


def _cells(ratio: dict[str, float]) -> Sequence[str]:
    return f"{ratio['median']:.3f}", f"{ratio['low']:.3f} – {ratio['high']:.3f}"


def _told(found: crash.Found) -> str:
    return (
        f"{found.requests} requests, kill -9 after {found.killed_after} answers. integrity_check: {found.integrity}. "
        f"Answered and not in the ledger: {found.missing}, the oldest {found.oldest_missing:.3f} s before the kill. "
        f"Twice in it: {found.twice}. After the new start: {found.after_restart} of {found.sent_after_restart}. "
        f"{'As promised' if found.good else 'NOT as promised'}."
    )


if __name__ == "__main__":
    main(prog_name="scripts/bench")
