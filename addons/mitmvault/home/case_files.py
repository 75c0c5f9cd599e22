"""The files of a policy's tests: found, read, and written anew.

Rules: 1. A directory stands for every .yaml, .yml and .json file in it, at any depth; hidden ones are skipped.
       2. Where nothing is found, that is an error: tests that test nothing must not pass.
       3. A file that is saved does not replace another. One that is updated keeps the comment at its beginning.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mitmvault.core.records import case
from mitmvault.core.records.case import Case, CaseError
from mitmvault.home import files
from mitmvault.home.layout import HomeError

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
MAX_BYTES = 4 * 2**20


def find(paths: Iterable[Path]) -> list[Path]:
    """The files that these paths stand for, in order. Raises HomeError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(_inside(path))
        elif path.exists():
            found.append(path)
        else:
            raise HomeError(f"{path}: there is no such file or directory")
    if not found:
        raise HomeError(
            f"no cases in {', '.join(map(str, paths))}: they are files that end in {', '.join(sorted(SUFFIXES))}"
        )
    return list(dict.fromkeys(found))


def load(path: Path) -> Case:
    """A case. Raises CaseError, HomeError or OSError."""
    try:
        return case.read(files.read(path, MAX_BYTES).decode())
    except UnicodeDecodeError:
        raise CaseError("is not UTF-8") from None


def update(path: Path, found: Case) -> None:
    """Write a case in the place of the one that is there (rule 3)."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = "".join(lines[:head]) + _text(path, found)
    mode = os.stat(path).st_mode & 0o777
    files.write_atomic(path, text.encode(), mode, keep_previous=False)


def save(path: Path, found: Case) -> None:
    """Write a case to a new file. Raises OSError; FileExistsError if there is one."""
    with open(path, "x", encoding="utf-8") as file:
        file.write(_text(path, found))


def _text(path: Path, found: Case) -> str:
    return case.write(found, as_json=path.suffix.lower() == ".json")


def _inside(directory: Path) -> Iterable[Path]:
    for path in directory.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden:
            yield path
