"""What `mitmvault doctor` has found, for people: a sign, the fact, and below what is wrong what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from mitmvault.cli.table import clean_cell
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN, Finding

_SIGNS = {OK: ("✓", "green"), NOTE: ("·", "bright_black"), WARN: ("!", "yellow"), FAIL: ("✗", "red")}


def show(findings: Sequence[Finding]) -> None:
    """Print everything: lines with signs in a terminal, tab-separated rows in a pipe."""
    if not sys.stdout.isatty():
        click.echo("\t".join(("STATUS", "AREA", "NAME", "FOUND", "REMEDY")))
        for one in findings:
            click.echo("\t".join(map(clean_cell, (one.status, one.area, one.name, one.text, one.remedy))))
        return
    area = ""
    for one in findings:
        if one.area != area:
            area = one.area
            click.secho(f"\n{area}", bold=True)
        sign, colour = _SIGNS[one.status]
        click.echo(f"  {click.style(sign, fg=colour)} {one.name:<16} {clean_cell(one.text)}")
        if one.remedy and one.status != OK:
            click.secho(f"    → {clean_cell(one.remedy)}", fg=colour if one.status != NOTE else None)
    text, colour = _verdict(findings)
    click.secho(f"\n{text}", fg=colour)


def _verdict(findings: Sequence[Finding]) -> tuple[str, str]:
    count = {status: sum(one.status == status for one in findings) for status in _SIGNS}
    if count[FAIL]:
        return f"{count[FAIL]} to mend" + (f", {count[WARN]} to think about" if count[WARN] else ""), "red"
    return ("Everything works." if not count[WARN] else f"It works; {count[WARN]} to think about."), "green"
