"""mitmvault as people start it: a process of its own, with its output, its signals and its exit code.

Nothing of the environment of whoever runs the tests reaches it. `Serving` fits where tests.client wants a proxy.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.proxy import TIMEOUT

ADDONS = Path(__file__).parent.parent / "addons"
BINARIES = Path(sys.executable).parent
PROMPTLY = 8  # seconds from a signal to the end, on a busy machine; mitmproxy would wait for streams for ever


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(is_true: Callable[[], bool], timeout: float = TIMEOUT) -> bool:
    """Poll until it is true, or time is up. For what tells nobody when it happens."""
    deadline = time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Program:
    """A running program; leaving the context ends it, whatever happened."""

    def __init__(self, *command: str | Path, environ: Mapping[str, str], cwd: Path) -> None:
        clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LOGNAME": "tester"}
        self.process = subprocess.Popen(
            list(map(str, command)), env=clean | dict(environ), cwd=cwd, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.out, self.err = bytearray(), bytearray()
        self._changed = threading.Condition()
        pipes = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.exit()

    def wait_for(self, pattern: str, *, stderr: bool = False) -> re.Match[str]:
        """Wait until the output holds this; fails at once when the program has ended without it."""
        output = self.err if stderr else self.out
        deadline = time.monotonic() + TIMEOUT
        with self._changed:
            while not (found := re.search(pattern, output.decode("utf-8", "replace"), re.M)):
                running = any(reader.is_alive() for reader in self._readers)
                in_time = running and self._changed.wait(deadline - time.monotonic())
                assert in_time, f"no {pattern!r} in the output:\n{self.stdout}\n{self.stderr}"
        return found

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.exit(PROMPTLY)

    def exit(self, timeout: float = TIMEOUT) -> int:
        """Wait for the end, and for the last of the output."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(TIMEOUT)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
        return code

    @property
    def stdout(self) -> str:
        return self.out.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", "replace")

    def _read(self, pipe: subprocess.Popen[bytes], output: bytearray) -> None:
        while data := os.read(pipe.fileno(), 65536):
            with self._changed:
                output += data
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class Serving(Program):
    """`python -m mitmvault serve` on a free port. It lives in a home of its own."""

    def __init__(
        self, home: Path, *arguments: str, listen: str | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self.address = listen or f"127.0.0.1:{free_port()}"
        command = (sys.executable, "-m", "mitmvault", "serve", "--home", home, "--listen", self.address, *arguments)
        super().__init__(*command, environ={"PYTHONPATH": str(ADDONS)} | dict(environ or {}), cwd=home.parent)

    def ready(self) -> Serving:
        """Wait for the whole banner."""
        self.wait_for(r"^HTTPS_PROXY=.*\n")
        return self

    def fact(self, name: str) -> str:
        """What the banner says about this."""
        return self.wait_for(rf"^{name}: (\S+)$")[1]

    @property
    def url(self) -> str:
        return self.fact("listening at")

    @property
    def port(self) -> int:
        return urlsplit(f"//{self.address}").port or 0

    @property
    def ca(self) -> Path:
        return self.home / "ca" / "mitmproxy-ca-cert.pem"

    def tls(self, *alpn: str) -> ssl.SSLContext:
        """A client's TLS context that trusts this proxy alone."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
