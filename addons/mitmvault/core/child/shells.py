"""Variables as text that a shell or a program reads: quoted so that every value arrives as it is.

Rules: 1. A line that cannot carry a value is an error, not a broken value.
       2. `dotenv` and `docker` cannot remove a variable. In the first an empty value stands for it; a container has
          none of ours to begin with.

Sources: POSIX shell command language 2.2.2, zsh and bash agree; fish "Quotes"; PowerShell about_Quoting_Rules;
python-dotenv and `sh` read single quotes alike; Docker takes each line of an --env-file literally.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

Variables = Mapping[str, str | None]
Writer = Callable[[str, str | None], str | None]


class ShellError(ValueError):
    """A value cannot be written for this shell; the text names the variable, never the value."""


def render(shell: str, variables: Variables, remarks: tuple[str, ...] = ()) -> str:
    """The variables for this shell; None stands for one to remove. Remarks are plain words. Raises ShellError."""
    if shell == "json":
        gone = [name for name, value in variables.items() if value is None]
        kept = {name: value for name, value in variables.items() if value is not None}
        return json.dumps({"set": kept, "unset": gone}, indent=2, ensure_ascii=False) + "\n"
    return "".join(f"{line}\n" for line in _lines(shell, variables, remarks))


def _lines(shell: str, variables: Variables, remarks: tuple[str, ...]) -> Iterator[str]:
    write = WRITERS[shell]
    # An interactive zsh takes `#` for a command; to `:` every shell of the family turns a deaf ear.
    yield from (f": '{remark}'" if write is _posix else f"# {remark}" for remark in remarks)
    for name, value in variables.items():
        if (line := write(name, value)) is not None:
            yield line


def _posix(name: str, value: str | None) -> str:
    if value is None:
        return f"unset {name}"
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}'"


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name}"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str | None) -> str:
    if value is None:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


def _dotenv(name: str, value: str | None) -> str:
    text = value or ""
    if not set(text) & set("'\\\n"):
        return f"{name}='{text}'"
    if set(text) & set('"\\\n$`'):
        raise ShellError(f"{name}: its value cannot be written in a .env file; choose another --shell")
    return f'{name}="{text}"'


def _docker(name: str, value: str | None) -> str | None:
    if value is not None and "\n" in value:
        raise ShellError(f"{name}: its value has several lines, which an --env-file cannot hold")
    return None if value is None else f"{name}={value}"


WRITERS: dict[str, Writer] = {"bash": _posix, "zsh": _posix, "fish": _fish, "powershell": _powershell,
                              "dotenv": _dotenv, "docker": _docker}  # fmt: skip
SHELLS = (*WRITERS, "json")
