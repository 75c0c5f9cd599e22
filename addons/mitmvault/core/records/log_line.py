"""A line of the log as JSON: one object, one line, plain ASCII, whatever the texts in it are.

What every line has: `time` (UTC, RFC 3339), `level`, `logger`, `message`. One about a request has `event: request` and
the columns of its row (core/records/record.py) that are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mitmvault.core.records.record import Record


def line(time: float, level: str, logger: str, message: str, more: Mapping[str, Any]) -> str:
    """One line, without its end. `time` in seconds since 1970; what is in `more` beats what is usual."""
    at = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": at, "level": level, "logger": logger, "message": message, **more}, default=str)


def fields(row: Record, path: str | None) -> dict[str, Any]:
    """What the line of a request has beside its message: its row, and its path without the query."""
    known = {name: value for name, value in row._asdict().items() if value is not None}
    where = {} if path is None else {"path": path}
    return {"event": "request", "id": known.pop("flow", None), **where, **known}
