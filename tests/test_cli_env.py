"""`mitmvault env` without a proxy, and with one that is made up. In real shells: tests/e2e/test_env.py."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mitmvault.cli import env as module
from mitmvault.cli.main import cli
from mitmvault.home import start
from mitmvault.home.running import Running
from tests.test_cli_child import home  # noqa: F401  a fixture


@pytest.fixture
def at_home(home, monkeypatch):  # noqa: F811
    start.ensure(home, {"AI_JSON_CRYPTOKEN": "made-up-crypto-token", "USER": "alice"})
    monkeypatch.setenv("SSL_CERT_FILE", str(home.path / "system.pem"))
    monkeypatch.delenv("SHELL", raising=False)
    monkeypatch.delenv("MITMVAULT_UNDO", raising=False)
    return home


@pytest.fixture
def proxied(at_home, monkeypatch):
    monkeypatch.setattr(module.running, "find", lambda *_: Running("http://127.0.0.1:8080", frozenset({"openai"})))
    return at_home


def env(home, *arguments):  # noqa: F811
    return CliRunner().invoke(cli, ["env", "--home", str(home.path), *arguments])


def test_a_proxy_must_run(at_home):
    result = env(at_home)
    assert result.exit_code == 1 and "mitmvault serve" in result.stderr and result.stdout == ""


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        (None, "export "),
        ("/usr/bin/zsh", "export "),
        ("/usr/bin/fish", "set -gx "),
        ("/opt/pwsh", "$env:"),
        ("/bin/odd", "export "),
    ],
)
def test_the_shell_at_hand(proxied, monkeypatch, shell, line):
    if shell:
        monkeypatch.setenv("SHELL", shell)
    assert f"\n{line}HTTPS_PROXY" in env(proxied).stdout


def test_json(proxied):
    said = json.loads(env(proxied, "--json").stdout)
    assert said == json.loads(env(proxied, "--shell", "json").stdout)
    assert said["set"]["HTTPS_PROXY"].endswith("@127.0.0.1:8080") and "AI_JSON_CRYPTOKEN" in said["unset"]
    assert "MITMVAULT_UNDO" not in said["set"]


def test_it_says_what_it_holds(proxied):
    assert "user token" in env(proxied).stdout.splitlines()[0]


def test_unset_needs_no_proxy_and_changes_nothing_that_was_not_changed(at_home):
    assert env(at_home, "--unset", "--shell", "bash").stdout == "unset MITMVAULT_UNDO\n"


def test_a_value_that_the_form_cannot_hold(proxied, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "it's $HOME")
    result = env(proxied, "--shell", "dotenv")
    assert result.exit_code == 1 and "NO_PROXY" in result.stderr and result.stdout == ""
