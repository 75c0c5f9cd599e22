"""`mitmvault run` before anything runs. The rest is driven whole: tests/e2e/test_run.py."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from mitmvault.cli import run as module
from mitmvault.cli.main import cli
from mitmvault.home.running import Running
from tests.test_cli_child import home  # noqa: F401  a fixture


def invoke(*arguments: str):
    return CliRunner().invoke(cli, ["run", *arguments])


def test_a_command_is_needed(tmp_path):
    assert invoke("--home", str(tmp_path)).exit_code == 2


def test_no_such_command_and_nothing_is_made(tmp_path):
    result = invoke("--home", str(tmp_path / "new"), "--", "no-such-command-anywhere", "--help")
    assert (result.exit_code, result.stderr) == (127, "mitmvault: there is no command no-such-command-anywhere\n")
    assert not (tmp_path / "new").exists()


def test_what_is_no_program(tmp_path):
    (tmp_path / "notes.txt").write_text("no program")
    assert invoke("--home", str(tmp_path / "new"), "--", str(tmp_path / "notes.txt")).exit_code == 126


@pytest.fixture
def became(home, monkeypatch):  # noqa: F811
    """What is executed, where a proxy runs."""
    seen = {}
    monkeypatch.setattr(module.running, "find", lambda *_: Running("http://127.0.0.1:8080", frozenset({"openai"})))
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)

    def execute(file, command, environ):
        seen.update(command=command, environ=environ)
        raise SystemExit(0)

    monkeypatch.setattr(module.os, "execvpe", execute)
    monkeypatch.setenv("SSL_CERT_FILE", str(home.path / "system.pem"))
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", "made-up-crypto-token")

    def run(*arguments: str):
        result = invoke("--home", str(home.path), *arguments)
        assert result.exit_code == 0, result.output
        return seen | {"stderr": result.stderr}

    return run


def test_the_programs_options_are_its_own(became):
    assert became("--", "sh", "--user", "x", "--help")["command"] == ("sh", "--user", "x", "--help")
    assert became("sh", "--quiet")["command"] == ("sh", "--quiet")


def test_its_environment(became):
    environ = became("sh")["environ"]
    assert environ["HTTPS_PROXY"].startswith("http://x:mv-") and "AI_JSON_CRYPTOKEN" not in environ
    assert environ["OPENAI_API_KEY"].startswith("sk-facade") and environ["PATH"] == os.environ["PATH"]


def test_quiet(became):
    assert "through http://127.0.0.1:8080" in became("sh")["stderr"]
    assert became("-q", "sh")["stderr"] == ""


@pytest.mark.parametrize("name", ["java", "mvn", "gradlew"])
def test_a_jvm_carries_the_token_itself(became, tmp_path, name):
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert became("--", str(program))["environ"]["OPENAI_API_KEY"].startswith("mv-")


def test_a_variable_of_an_earlier_env_does_not_count(became, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "set by env")
    monkeypatch.setenv("MITMVAULT_UNDO", '{"NO_PROXY": "corp"}')
    environ = became("sh")["environ"]
    assert environ["NO_PROXY"].endswith(",corp") and "MITMVAULT_UNDO" not in environ
