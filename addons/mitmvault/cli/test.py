"""`mitmvault test`: saved requests held against a configuration. Sends nothing.

Rules: 1. Exit code 1 when a decision is not as expected, or a case cannot be read; the others are told all the same.
       2. `--update` writes what is decided now into the files, for a person to look at in the diff.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import msgspec

from mitmvault.cli import table
from mitmvault.cli.options import chosen_home, common_options
from mitmvault.core.configuration.world import World
from mitmvault.core.records import case
from mitmvault.core.records.case import Case, CaseError
from mitmvault.home import case_files, configuration
from mitmvault.local.pages import PAGES


@dataclass(frozen=True)
class Result:
    """What came of a case. `status`: ok, changed, updated, or error, which `problem` tells."""

    file: str
    status: str
    about: str = ""
    expected: Mapping[str, Any] | None = None
    found: Mapping[str, Any] | None = None
    changed: tuple[str, ...] = ()
    why: tuple[tuple[str, str], ...] = ()
    problem: str = ""


@click.command("test")
@click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory with vault.json, users.json and mitmvault.yaml, without secrets, instead of the home.",
)
@click.option("--update", is_flag=True, help="Write what is decided now into the files.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@common_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR|FILE…")
def run_cases(config: Path | None, update: bool, as_json: bool, paths: tuple[Path, ...]) -> None:
    """Hold saved requests against a configuration: is each decided as expected? Nothing is sent.

    Exits with 1 when a decision has changed. mitmproxy's command `mitmvault.test.save` saves a request as a case.

    \b
    Examples:
      mitmvault test tests/policy
      mitmvault test --config policy tests/policy
      mitmvault test --update tests/policy && git diff tests/policy
    """
    world = _world(config)
    results = [_result(world, path, update) for path in case_files.find(paths)]
    if as_json:
        ok = not any(map(_failed, results))
        click.echo(msgspec.json.format(msgspec.json.encode({"ok": ok, "cases": results})))
    else:
        table.show("cases", ("case", "result", "expected", "decided"), map(_cells, results))
        click.echo(_sums(results), err=True)
    sys.exit(1 if any(map(_failed, results)) else 0)


def _world(config: Path | None) -> World:
    embedded = {"demo": "http://127.0.0.1"}
    if config:
        return configuration.load_plain(config, os.environ, embedded=embedded)
    return configuration.load(chosen_home(), os.environ, embedded=embedded)


def _result(world: World, path: Path, update: bool) -> Result:
    name = str(path)
    try:
        read = case_files.load(path)
        told = case.judge(world, read.request, PAGES)
    except CaseError as error:
        return Result(name, "error", problem=str(error))
    found = case.decision(told)
    changed = tuple(case.changed(read.expect, found))
    result = Result(name, "changed" if changed else "ok", read.about, read.expect, found, changed, told.steps)
    if changed and update:
        case_files.update(path, _updated(read, found))
        return replace(result, status="updated")
    return result


def _updated(read: Case, found: Mapping[str, Any]) -> Case:
    """The case with what is decided now: what it named, or all that is saved where that says nothing any more."""
    names = [name for name in read.expect if name in found]
    if set(names) < set(read.expect):
        names = [name for name in case.SAVED if name in found]
    return replace(read, expect={name: found[name] for name in names})


def _failed(result: Result) -> bool:
    return result.status in ("changed", "error")


def _cells(result: Result) -> tuple[str, str, str, str]:
    if result.expected is None or result.found is None:
        return result.file, result.status, "", result.problem
    if not result.changed:
        return result.file, result.status, _words(result.expected, result.expected), "the same"
    return result.file, result.status, _words(result.expected, result.changed), " · ".join(_decided(result))


def _decided(result: Result) -> Iterator[str]:
    """What was decided instead, and why."""
    assert result.found
    known = [name for name in case.SAVED if name in result.found]
    names = result.changed if any(name in result.found for name in result.changed) else known
    yield _words(result.found, [*names, *(["refused"] if "refused" in result.found else [])])
    yield from (f"{name}: {text}" for name, text in result.why if name in ("why", "target"))


def _words(said: Mapping[str, Any], names: Any) -> str:
    values = ((name, said.get(name)) for name in dict.fromkeys(names))
    return " · ".join(
        f"{name} {', '.join(value) if isinstance(value, list) else value or 'none'}" for name, value in values
    )


def _sums(results: list[Result]) -> str:
    statuses = [result.status for result in results]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
