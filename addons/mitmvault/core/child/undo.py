"""How `mitmvault env --unset` finds the way back: what variables held before stands in a variable itself.

Rules: 1. What may have been a key is not kept: it is unset in the end, not put back.
       2. The record of the first time stays: what `mitmvault env` sets the second time is not what was there before.
       3. A record that makes no sense is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

VARIABLE = "MITMVAULT_UNDO"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_record = msgspec.json.Decoder(dict[str, str | None])


def before(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what an earlier `mitmvault env` did to it."""
    record = _read(environ)
    after = {name: value for name, value in environ.items() if name not in record and name != VARIABLE}
    return after | {name: value for name, value in record.items() if value is not None}


def record(found: Mapping[str, str], changed: Iterable[str], is_secret: Callable[[str], bool]) -> str:
    """What to remember of the environment `found` (as `before` returns it), of which these variables change."""
    kept = {name: None if is_secret(name) else found.get(name) for name in changed}
    return msgspec.json.encode(kept).decode()


def undone(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, str | None]:
    """What brings the old values back, by variable; None removes it. `known`: the variables that are ours to set."""
    remembered, ours = _read(environ), set(known)
    back = {name: value for name, value in remembered.items() if name in ours or (value is None and _NAME.match(name))}
    return back | {VARIABLE: None}


def _read(environ: Mapping[str, str]) -> dict[str, str | None]:
    try:
        return _record.decode(environ.get(VARIABLE, "").encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return {}
