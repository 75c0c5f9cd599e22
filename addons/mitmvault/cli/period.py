"""Points in time, as people write them on the command line: `7d` ago, a day, a day and a time."""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timedelta

import click

_AGO = re.compile(r"([0-9]{1,6})\s*([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Moment(click.ParamType[float]):
    """`30m`, `24h`, `7d`, `2w` ago; `2026-11-01`; `2026-11-01T12:30`, local unless it names a zone. In seconds."""

    name = "when"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds since 1970, or an error that says what is possible."""
        if not isinstance(value, str):
            return value
        text = value.strip().lower()
        if ago := _AGO.match(text):
            return time.time() - int(ago[1]) * _SECONDS[ago[2]]
        try:
            return datetime.fromisoformat(text.upper()).timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is neither a while ago, such as 24h or 7d, nor a day such as 2026-11-01", param, ctx)


def days(since: float, until: float) -> list[str]:
    """Every local day from one moment to the other, as `2026-11-01`; `until` is not included."""
    day, last = date.fromtimestamp(since), date.fromtimestamp(max(since, until - 0.001))
    return [str(day + timedelta(n)) for n in range((last - day).days + 1)]
