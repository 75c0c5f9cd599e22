"""Commands for the `:` bar of mitmproxy's console and of mitmweb.

Rules: 1. Names are letters and dots: mitmweb runs no others (11.0.2 and 12.2.3: tools/web/app.py).
       2. Nothing that is shown holds a secret; an error is one sentence.
       3. The same words as those of `mitmvault explain`, `top` and `usage`, of the same sources.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mitmproxy import command, exceptions, flow, http, types

from mitmvault.addons import saving
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.observer import Observer
from mitmvault.core.formats import units
from mitmvault.core.formats.printable import printable
from mitmvault.core.records import live_rows
from mitmvault.core.records.case import CaseError
from mitmvault.home.ledger import GROUPS, Filter, LedgerError, Line
from mitmvault.home.usage_report import SqliteReports

DAY = 86_400.0
LONGEST = 2.0  # seconds for which a report may hold everything up
MAX_DAYS = 3660


class Commands:
    """What people may ask of the proxy while they look at its flows."""

    def __init__(self, keeper: Keeper, observer: Observer) -> None:
        self.keeper = keeper
        self.observer = observer

    @command.command("mitmvault.explain")
    def explain(self, flow: flow.Flow) -> Sequence[str]:
        """Why a request went where it went, or was refused, and what came of it."""
        return _aligned(self.observer.steps(_http(flow)))

    @command.command("mitmvault.keys")
    def keys(self) -> Sequence[str]:
        """How the provider keys fare: used how often, limited, rejected, expired."""
        _, columns, rows = next(table for table in live_rows.tables(self.observer.status(), None) if table[0] == "keys")
        return _aligned([columns, *rows])

    @command.command("mitmvault.usage")
    def usage(self, by: str = "user", days: int = 1) -> Sequence[str]:
        """Who spent what in the last days: by user, provider, model, key, day, session or status."""
        if by not in GROUPS:
            raise exceptions.CommandError(f"usage is by one of {', '.join(GROUPS)}")
        if not 1 <= days <= MAX_DAYS:
            raise exceptions.CommandError(f"days are between 1 and {MAX_DAYS}")
        now = time.time()
        try:
            reports = SqliteReports(self.keeper.home.ledger, LONGEST)
            try:
                lines = reports.lines(by, Filter(now - days * DAY, now + 1))
            finally:
                reports.close()
        except LedgerError as error:
            raise exceptions.CommandError(str(error)) from None
        return _aligned([(by, "requests", "errors", "tokens in", "out", "cost $"), *map(_cells, lines)])

    @command.command("mitmvault.reload")
    def reload(self) -> str:
        """Read vault, users, settings and providers again. (What changes is read by itself, with the next request.)"""
        self.keeper.reload()
        return "the files are being read again; the log says what came of it"

    @command.command("mitmvault.test.save")
    def save_as_test(self, flows: Sequence[flow.Flow], path: types.Path) -> str:
        """Save requests as cases for `mitmvault test`: to a new file, or to a directory. No secret and no prompt."""
        try:
            written = [saving.save(_http(found), Path(path)) for found in flows]
        except FileExistsError as error:
            raise exceptions.CommandError(f"{error.filename} is there already: choose another name") from None
        except OSError as error:
            raise exceptions.CommandError(f"{error.filename or path}: {error.strerror}") from None
        except CaseError as error:
            raise exceptions.CommandError(str(error)) from None
        return "saved: " + ", ".join(map(str, written)) if written else "no flow was chosen"


def _http(found: flow.Flow) -> http.HTTPFlow:
    if not isinstance(found, http.HTTPFlow):
        raise exceptions.CommandError("this is for HTTP flows")
    return found


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.name or "-",
        units.count(line.requests),
        units.count(line.errors),
        units.known(line.tokens_in, line.tokens_unknown, units.count),
        units.known(line.tokens_out, line.tokens_unknown, units.count),
        units.known(line.cost, line.cost_unknown, units.dollars),
    )


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with columns below one another; no name from outside forges one."""
    clean = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in clean]
