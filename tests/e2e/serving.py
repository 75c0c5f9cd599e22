"""`mitmvault serve` as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.proxy import TIMEOUT, UNSET

ADDONS = Path(__file__).parent.parent.parent / "addons"


class Serving:
    """Use as a context manager; it is ready when the banner has been printed whole."""

    def __init__(self, home: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.facts: dict[str, str] = {}
        self.curls: list[str] = []
        kept = {name: value for name, value in os.environ.items() if name not in (*UNSET, "AI_JSON_CRYPTOKEN")}
        command = [sys.executable, "-u", "-m", "mitmvault", "serve", "--home", str(home)]
        if "--listen" not in arguments:
            command += ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=kept | {"PYTHONPATH": str(ADDONS)} | dict(environ or {}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Serving:
        assert self.process.stdout and self.process.stderr
        for line in self.process.stdout:
            name, colon, value = line.rstrip("\n").partition(": ")
            if "curl -sN" in line:
                self.curls.append(line.strip())
            elif colon:
                self.facts[name] = value
            if len(self.curls) == 2:
                return self
        raise AssertionError(f"it ended with {self.process.wait(TIMEOUT)}: {self.process.stderr.read()}")

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; returns the exit code and what was printed since the banner."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out + err

    @property
    def address(self) -> str:
        return self.facts["listening at"]

    @property
    def token(self) -> str:
        return self.facts["user token"]
