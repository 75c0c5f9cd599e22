"""`scripts/clients`: see its help."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.clients.lab import page, runner
from tests.clients.lab.runner import Result
from tests.clients.lab.runtimes import find
from tests.clients.lab.table import CASES, CLIENTS, MODES
from tests.clients.lab.world import World
from tests.provider import FakeProvider


def main() -> int:
    """Parse, run, tell, write."""
    parser = argparse.ArgumentParser(
        prog="scripts/clients", description="Run real clients through mitmvault, and write docs/compatibility.md."
    )
    names = [client.id for client in CLIENTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--mode", action="append", choices=list(MODES), help="one way in instead of both")
    parser.add_argument("--case", action="append", choices=list(CASES), metavar="X", help=f"of {', '.join(CASES)}")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="clients at once (default: as many as processors)"
    )
    parser.add_argument("--list", action="store_true", help="say who would run, and with what")
    given = parser.parse_args()
    runtimes, missing = find(Path.cwd())
    clients = [client for client in CLIENTS if not given.only or client.id in given.only]
    able = [client for client in clients if client.id not in missing]
    for client in clients:
        if client.id in missing:
            _say(f"{client.name}: not tried, {missing[client.id]}")
    if given.list:
        for client in able:
            print(f"{client.id}: {client.name}, {client.language}")
        return 0
    jobs = [(client, mode) for client in able for mode in given.mode or MODES]
    cases = given.case or list(CASES)
    whole = not (given.only or given.mode or given.case)
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(result)
        wrong = result.wrong()
        head = f"[{len(done):>{len(str(len(jobs)))}}/{len(jobs)}] {result.client.name} {result.version}, {result.mode}"
        _say(f"{head}: {'as expected' if not wrong else 'WRONG'}, {len(result.cases)} cases in {result.seconds:.1f} s")
        for line in wrong:
            _say(f"    {line}")

    with tempfile.TemporaryDirectory(prefix="mitmvault-lab-") as folder, FakeProvider() as provider:
        with World(Path(folder), provider, runtimes) as world:
            results = runner.run(world, jobs, cases, whole, given.jobs, tell)
            leaked = world.leaked()
    for place in leaked:
        _say(f"a secret is in the proxy's output: {place}")
    failed = bool(leaked) or any(result.wrong() for result in results)
    if whole and not missing:
        page.write(results)
        _say(f"wrote {page.PAGE}")
    elif whole:
        _say(f"{page.PAGE} stays as it is: not every client could be tried")
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
