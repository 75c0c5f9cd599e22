"""A JSON document that people and programs edit: read strictly, written stably; unknown fields are kept.

Rules: 1. A message names the field by its path and never shows its content.
       2. What two readers could read differently is refused: names that occur twice, NaN, lone surrogates.
       3. Limits before work: bytes, nesting.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 32

Document: TypeAlias = dict[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN_NAME = 64


class DocumentError(ValueError):
    """The document breaks a rule. The vault's and the users' errors are this one under another name."""


class _Twice:
    """Stands in the parsed tree where an object has a name twice, until the walk knows its path."""

    def __init__(self, name: str) -> None:
        self.name = name


def load(plain: bytes, error: type[DocumentError] = DocumentError) -> Document:
    """Parse a UTF-8 JSON object, or raise `error`."""
    if len(plain) > MAX_BYTES:
        raise error(f"is larger than {MAX_BYTES // 2**20} MiB")
    tree, problem = _parse(plain)
    if problem:  # raised here, not in a handler: the parser's exception holds the whole text
        raise error(problem)
    for problem in _problems(tree, "", 1):
        raise error(problem)
    if not isinstance(tree, dict):
        raise error("must be a JSON object")
    return tree


def dump(document: Document) -> bytes:
    """The document as people read it. Equal documents give equal bytes."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def step(path: str, name: str | int) -> str:
    """One step down a path. A name that could forge a log line, or is too long to be a name, shows as `?`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    shown = name if name.isprintable() and 0 < len(name) <= _SHOWN_NAME else "?"
    return f"{path}.{shown}" if path else shown


def _parse(plain: bytes) -> tuple[Any, str]:
    try:
        return json.loads(plain.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant), ""
    except UnicodeDecodeError:
        return None, "is not UTF-8 text"
    except json.JSONDecodeError as error:
        return None, f"is not JSON (line {error.lineno}, column {error.colno})"
    except RecursionError:
        return None, f"is nested deeper than {MAX_DEPTH} levels"
    except ValueError:  # NaN, Infinity, an integer of thousands of digits
        return None, "holds a number that is not JSON"


def _object(pairs: list[tuple[str, Any]]) -> Document | _Twice:
    found: Document = {}
    for name, value in pairs:
        if name in found:
            return _Twice(name)
        found[name] = value
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _problems(value: Any, path: str, depth: int) -> Iterator[str]:
    """What breaks rules 2 and 3 in a parsed tree; the first one is enough."""
    if depth > MAX_DEPTH:
        yield f"is nested deeper than {MAX_DEPTH} levels"
        return
    if isinstance(value, _Twice):
        yield f"{step(path, value.name)}: the name occurs twice"
    if isinstance(value, str) and _SURROGATE.search(value):
        yield f"{path}: holds half a character (a lone surrogate)"
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: is too large a number"
    for name, inner in _members(value):
        if isinstance(name, str) and _SURROGATE.search(name):
            yield f"{step(path, name)}: the name holds half a character (a lone surrogate)"
        yield from _problems(inner, step(path, name), depth + 1)


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
