"""What makes a system run the proxy for a person: a systemd unit, a launchd property list.

Rules: 1. Nothing in it is a secret, and what it runs prints none: it goes to the system's log.
       2. Every word of the command arrives as it is: blanks, quotes, `%` and `$` are written as systemd wants them.

Sources: systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers"; launchd.plist(5).
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence

NAME = "mitmvault"
_UNIT = """\
# Made by `mitmvault init`; yours to change. It runs while you are logged in; always: loginctl enable-linger
[Unit]
Description=mitmvault: user tokens in, provider keys out

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=2
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


def systemd(command: Sequence[str]) -> bytes:
    """A user unit that runs the command, whose first word is an absolute path. Raises ValueError."""
    return _UNIT.format(command=" ".join(map(_quoted, command))).encode()


def launchd(command: Sequence[str], log: str) -> bytes:
    """An agent that runs the command and writes what it says to the file `log`."""
    return plistlib.dumps(
        {
            "Label": NAME,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "Umask": 0o077,
            "StandardOutPath": log,
            "StandardErrorPath": log,
        },
        sort_keys=False,
    )


def _quoted(word: str) -> str:
    if not word.isprintable():
        raise ValueError("a path with control characters cannot stand in a unit of systemd")
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(char, written)
    return f'"{word}"'
