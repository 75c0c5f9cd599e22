"""What the terminal shows when the proxy is ready: lines that work when they are pasted."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mitmvault.cli.banner import Ready, curl_base_url, curl_proxy, show

READY = Ready("http://127.0.0.1:8080", None, Path("/h"), "alice", "mv-token", Path("/h/ca/cert.pem"), ("demo", "groq"))


def words(line: str) -> list[str]:
    return shlex.split(line)


def test_the_base_url():
    line = words(curl_base_url(READY))
    assert line[:3] == ["curl", "-sN", "http://127.0.0.1:8080/demo/v1/chat/completions"]
    assert "Authorization: Bearer mv-token" in line
    body = json.loads(line[line.index("-d") + 1])
    assert body["stream"] is True and body["model"] == "demo-1"


def test_the_proxy():
    line = words(curl_proxy(replace(READY, ca=Path("/a b/c'd.pem"))))
    assert line[0] == "HTTPS_PROXY=http://127.0.0.1:8080"
    assert line[line.index("--cacert") + 1] == "/a b/c'd.pem"
    assert "https://demo.mitmvault.test/v1/chat/completions" in line


def test_a_token_that_nobody_knows_any_more():
    ready = replace(READY, token=None)
    assert "Authorization: Bearer $MITMVAULT_TOKEN" in words(curl_base_url(ready))
    assert "digest only" in shown(ready)


def shown(ready: Ready, **console) -> str:
    out = io.StringIO()
    show(ready, Console(file=out, width=console.pop("width", 60), **console))
    return out.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("web", [None, "http://127.0.0.1:8081/?token=x"])
def test_show(terminal, web):
    ready = replace(READY, web=web, user="[red]x[/red]")
    text = shown(ready, force_terminal=terminal, width=120, color_system=None)
    for fact in ("http://127.0.0.1:8080", "[red]x[/red]", "mv-token", "demo, groq", "/h"):
        assert fact in text
    assert (web in text) if web else ("mitmweb" not in text)
    assert ("╭" in text) is terminal


def test_lines_to_paste_are_never_broken():
    lines = shown(READY, width=20).splitlines()
    assert curl_base_url(READY) in lines and curl_proxy(READY) in lines


@pytest.mark.parametrize("token", ["pa$$word", 'quo"te-token', "back`tick`", "back\\\\slash"])
def test_tokens_with_characters_that_the_shell_reads(token):
    line = curl_base_url(replace(READY, token=token)).replace("curl", "printf '%s\\n'", 1)
    told = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=10).stdout
    assert f"Authorization: Bearer {token}\n" in told


def test_modes_beside_the_listener():
    text = shown(replace(READY, beside=("transparent@127.0.0.1:8443", "local:curl")))
    assert "redirected traffic: transparent@127.0.0.1:8443, local:curl\n" in text
    assert "redirected" not in shown(READY)


def test_what_comes_from_the_environment():
    ready = replace(READY, tokens=("PROXY_API_KEY", "AUTH_TOKEN"), sources={"openai": "OPENAI_API_KEY"})
    assert "tokens accepted from: PROXY_API_KEY, AUTH_TOKEN\n" in shown(ready)
    assert "keys taken from: OPENAI_API_KEY (openai)\n" in shown(ready)
    assert "from" not in shown(READY).partition("Try")[0]


def test_the_dashboard():
    assert "http://127.0.0.1:8080/ui/" in shown(replace(READY, dashboard="http://127.0.0.1:8080/ui/"), width=120)
    assert "dashboard" not in shown(READY)
