"""The proxies that are measured: each a process of its own, with its CPU time to the nanosecond (Linux)."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mitmvault.home.layout import Home
from tests.bench.load import PATH, Target
from tests.homes import made_home
from tests.proxy import KEY, PASSWORD, TOKEN
from tests.serving import ADDONS, Program, Serving, eventually, free_port

SCRIPTS = Path(__file__).parent
ROOT = SCRIPTS.parent.parent


@dataclass(frozen=True)
class Subject:
    """A running proxy."""

    name: str
    pid: int
    target: Target

    def cpu(self) -> float:
        """Seconds of CPU time that the process has used, all its threads together."""
        return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3) of Linux


def home_at(path: Path, provider_port: int) -> Home:
    """A home whose provider `openai` is ours."""
    providers = {"openai": {"endpoint": f"http://127.0.0.1:{provider_port}/v1", "keys": [{"key": KEY}]}}
    return made_home(path, providers, TOKEN, PASSWORD)


def serving(home: Home, script: str | None = None) -> Serving:
    """`mitmvault serve` on this home, with a script of ours in place of addons/entry.py."""
    environ = {"AI_JSON_CRYPTOKEN": PASSWORD, "PYTHONPATH": f"{ADDONS}{os.pathsep}{ROOT}"}
    arguments = ("--set", f"scripts={SCRIPTS / script}") if script else ()
    return Serving(home.path, *arguments, environ=environ)


def target_of(served: Serving) -> Target:
    """The chats of its provider, by base URL and user token."""
    return Target(served.port, f"/openai{PATH}", {"Authorization": f"Bearer {TOKEN}"})


@contextmanager
def mitmvault(name: str, path: Path, provider_port: int, script: str | None = None) -> Iterator[Subject]:
    """mitmvault, as people start it, or with a script of ours."""
    with serving(home_at(path, provider_port), script) as served:
        served.ready()
        yield Subject(name, served.process.pid, target_of(served))


@contextmanager
def mitmdump(name: str, path: Path, provider_port: int, *arguments: str) -> Iterator[Subject]:
    """mitmproxy alone, as a reverse proxy in front of the provider."""
    port = free_port()
    path.mkdir(0o700)
    command = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()", "-q"]
    command += ["--mode", f"reverse:http://127.0.0.1:{provider_port}@127.0.0.1:{port}"]
    command += ["--set", f"confdir={path}", "--set", "stream_large_bodies=1"]  # mitmvault streams answers as well
    with Program(*command, *arguments, environ={}, cwd=path) as program:
        if not eventually(lambda: _listens(port)):
            raise RuntimeError(f"mitmdump did not start: {program.stdout}{program.stderr}")
        yield Subject(name, program.process.pid, Target(port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
