"""`mitmvault top`, through the real command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mitmvault.cli import top
from mitmvault.cli.main import cli
from mitmvault.core.records.control import ControlError
from tests.test_live_rows import GOING, status


@pytest.fixture
def run(tmp_path, monkeypatch):
    def invoke(*arguments: str, answer=None):
        def ask(home, name):
            assert (home.path, name) == (tmp_path, "status")
            return answer

        if answer:
            monkeypatch.setattr(top.control_client, "ask", ask)
        return CliRunner().invoke(cli, ["top", "--home", str(tmp_path), *arguments])

    return invoke


@pytest.mark.parametrize("arguments", [(), ("--once",)])
def test_one_look(run, arguments):
    result = run(*arguments, answer=status(under_way=[GOING | {"model": "a\tb\x1b[31m"}]))
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and lines[0].startswith("mitmvault 1.2, up 1m 0s · 1 under way")
    assert lines[2] == "under way" and lines[3].startswith("AGE\tUSER\tPROVIDER")
    assert lines[4].split("\t")[:4] == ["2.5 s", "alice", "groq", "a?b?[31m"]
    assert "keys" in lines and "errors" in lines


def test_json(run):
    assert json.loads(run("--json", answer=status()).stdout) == status()


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_proxy(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 1 and "mitmvault serve" in result.stderr and "Traceback" not in result.output


def test_watched(tmp_path, monkeypatch, capsys):
    looks = iter([status(), status(), ControlError("gone")])

    def ask(home, name):
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    keys = iter(["", "q"])
    monkeypatch.setattr(top.control_client, "ask", ask)
    monkeypatch.setattr("mitmvault.cli.keyboard.Keyboard.wait", lambda self, seconds: next(keys))
    top._watch(None, 1.0)
    assert next(keys, None) is None
    keys = iter(["", ""])
    looks = iter([status(), ControlError("gone")])
    with pytest.raises(ControlError, match="gone"):  # and the group makes a sentence of it
        top._watch(None, 1.0)


def test_ctrl_c_leaves(monkeypatch):
    def interrupted(self, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(top.control_client, "ask", lambda home, name: status())
    monkeypatch.setattr("mitmvault.cli.keyboard.Keyboard.wait", interrupted)
    top._watch(None, 1.0)
