"""Runs the scripts of tests/clients with the real SDKs, which live in a virtual environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
VARIABLE = "MITMVAULT_CLIENTS_PYTHON"
TIMEOUT = 90

# SDK -> its script, and the variables for its key and base URL, with the path that goes behind the proxy's address.
SDKS = {
    "openai": ("openai_sdk.py", "OPENAI_API_KEY", "OPENAI_BASE_URL", "/openai/v1"),
    "anthropic": ("anthropic_sdk.py", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "/anthropic"),
    "gemini": ("gemini_sdk.py", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "/gemini"),
}
# The same for the vendors' own SDKs, which one script serves (tests/clients/vendors.py).
VENDORS = {
    "groq": ("GROQ_API_KEY", "GROQ_BASE_URL", "/groq"),
    "cerebras": ("CEREBRAS_API_KEY", "CEREBRAS_BASE_URL", "/cerebras"),
    "together": ("TOGETHER_API_KEY", "TOGETHER_BASE_URL", "/together"),
    "mistral": ("MISTRAL_API_KEY", "MISTRAL_BASE_URL", "/mistral"),
    "cohere": ("CO_API_KEY", "CO_API_URL", "/cohere"),
    "huggingface": ("HF_TOKEN", "HF_BASE_URL", "/huggingface/v1"),
    "replicate": ("REPLICATE_API_TOKEN", "REPLICATE_BASE_URL", "/replicate"),
}
# What people put where an SDK insists on a key: right in shape, worth nothing.
DUMMIES = {
    "openai": "sk-proj-Qm7wVb2ZtNdKx5RcYpLs",
    "anthropic": "sk-ant-api03-Hj4nGf9EuWaTi6CzOvMr",
    "gemini": "AIzaSyBk3DqXe8PhUlFj1SoNgWt0",
}


@dataclass(frozen=True)
class Outcome:
    """What a script printed: one line of JSON."""

    code: int
    said: dict[str, Any]


def missing() -> str | None:
    """Why there are no SDKs to run; None when there are."""
    if os.environ.get(VARIABLE):
        return None
    return f"set {VARIABLE} to a Python with what tests/clients/requirements.txt lists (scripts/test does so)"


def require() -> None:
    """Skip the test without SDKs; on a CI server, where they must be, fail."""
    if reason := missing():
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def at_base_url(url: str, token: str) -> dict[str, str]:
    """The environment of somebody who gives the SDKs our base URL, and the token as the key."""
    variables = {}
    for key, base, path in (*(row[1:] for row in SDKS.values()), *VENDORS.values()):
        variables |= {key: token, base: url + path}
    return variables


def at_proxy(proxy: str, ca: Path, keys: Mapping[str, str]) -> dict[str, str]:
    """The environment of somebody who sets HTTPS_PROXY."""
    named = {name: row[1] for name, row in SDKS.items()} | {name: row[0] for name, row in VENDORS.items()}
    return {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(ca)} | {named[name]: value for name, value in keys.items()}


def run(scripts: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> dict[str, Outcome]:
    """Run scripts with their arguments side by side, with this environment and no more.

    One that hangs is killed by itself with its stack on stderr (harness.py), shown, and run once more: the sync
    WebSocket client did so in 2 of about 400 processes, and never in 4000 connections of a process that lived on.
    """
    clean = {"PATH": os.environ["PATH"], "HOME": os.devnull} | dict(environ)
    started = {name: _start(script, clean) for name, script in scripts.items()}
    try:
        ended = {name: process.communicate(timeout=TIMEOUT) for name, process in started.items()}
        for name, (_, err) in ended.items():
            if err.startswith("Timeout ("):
                print(f"{name} hung:\n{err}")
                started[name] = _start(scripts[name], clean)
                ended[name] = started[name].communicate(timeout=TIMEOUT)
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    return {name: _outcome(started[name].returncode, *texts) for name, texts in ended.items()}


def _start(script: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    name, *arguments = script
    return subprocess.Popen(
        [os.environ[VARIABLE], CLIENTS / name, *arguments],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _outcome(code: int, out: str, err: str) -> Outcome:
    assert out, err
    return Outcome(code, json.loads(out))
