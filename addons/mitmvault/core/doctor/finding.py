"""What `mitmvault doctor` finds: one fact each, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OK, NOTE, WARN, FAIL = "ok", "note", "warn", "fail"  # a note is neither good nor bad: something is not there


@dataclass(frozen=True)
class Finding:
    """`area` and `name` say what was looked at, `text` what was found, `remedy` what to type or change."""

    area: str
    name: str
    status: str
    text: str
    remedy: str = ""


def failed(findings: Iterable[Finding]) -> bool:
    """Is something wrong? Warnings do not count."""
    return any(finding.status == FAIL for finding in findings)


def of(area: str, name: str, problem: str | None, good: str, remedy: str = "", bad: str = FAIL) -> Finding:
    """`good` where there is no problem; else the problem, as bad as `bad`, and the remedy."""
    return Finding(area, name, bad, problem, remedy) if problem else Finding(area, name, OK, good)
