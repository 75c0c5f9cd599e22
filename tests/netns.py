"""A Linux network namespace of a test's own: addresses, ports and nftables rules that exist nowhere else.

The calling thread moves in, and all threads and processes that it starts live there too. It goes when the last of them
has ended; nothing has to be cleaned up.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000  # linux/sched.h
NOBODY = 65534
_PROBE = "table ip t { chain c { type nat hook output priority -100; tcp dport 443 redirect to :8443; }; }"


def missing() -> str | None:
    """Why there can be no such namespace with redirected ports here; None when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "redirecting a port needs root on Linux"
    for tool, package in {
        "ip": "iproute2",
        "nft": "nftables",
        "unshare": "util-linux",
        "setpriv": "util-linux",
    }.items():
        if not shutil.which(tool):
            return f"redirecting a port needs {tool}: apt-get install {package}"
    tried = subprocess.run(["unshare", "-n", "nft", "-f", "-"], input=_PROBE, capture_output=True, text=True)
    return f"this kernel lets nobody redirect a port: {tried.stderr.strip()}" if tried.returncode else None


@contextmanager
def own_network(*addresses: str) -> Iterator[None]:
    """This thread in a namespace of its own, whose loopback interface also has these addresses."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(libc.unshare(CLONE_NEWNET))
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            for address in addresses:
                subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
            yield
        finally:
            _check(libc.setns(before, CLONE_NEWNET))
    finally:
        os.close(before)


def as_nobody(
    *command: str | Path, hosts: Path, environ: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program as the user nobody, in this namespace, with `hosts` for its /etc/hosts.

    It may read what root may: the virtual environment of whoever runs the tests can be anywhere.
    """
    into = 'mount --bind "$0" /etc/hosts && exec "$@"'
    caps = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps, "--"]
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", into, hosts, *drop, *command], input=stdin,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | dict(environ), capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
