"""Numbers as people read them at a glance. Programs get the exact ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SIZES = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def count(value: int) -> str:
    """`812`, `12.3k`, `4.26M`, `1.07G`: three digits, of what is beyond 9999."""
    if value < 10_000:
        return str(value)
    size, unit = next(pair for pair in _SIZES if value >= pair[0] * 0.9995)
    part = value / size
    return f"{part:.{2 if part < 9.995 else 1 if part < 99.95 else 0}f}{unit}"


def dollars(value: float) -> str:
    """`0.0004`, `22.49`, `1234.57`: enough digits to see the price of a single request, which is never shown as 0."""
    if 0 < value < 0.0001:
        return f"{max(value, 1e-6):.6f}"
    return f"{value:.4f}" if value < 10 else f"{value:.2f}"


def duration(milliseconds: float) -> str:
    """`7 ms`, `812 ms`, `5.3 s`, `2m 10s`, `3h 12m`, `5d 3h`."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60}s"
    minutes = seconds // 60
    return f"{minutes // 60}h {minutes % 60}m" if minutes < 1440 else f"{minutes // 1440}d {minutes // 60 % 24}h"


def size(value: int) -> str:
    """`812 B`, `12.3 kB`, `4.26 MB`: bytes, of which 1000 are a kilobyte."""
    if value < 1000:
        return f"{value} B"
    unit = next(pair for pair in _SIZES if value >= pair[0] * 0.9995)
    part = value / unit[0]
    return f"{part:.{2 if part < 9.995 else 1 if part < 99.95 else 0}f} {unit[1]}B"


def known(value: Any, unknown: int, shown: Callable[[Any], str]) -> str:
    """A sum, with `?` for what is not known of it. Never 0 for what is not known."""
    if value is None:
        return "?" if unknown else shown(0)
    return shown(value) + (" + ?" if unknown else "")
