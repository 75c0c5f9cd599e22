"""`mitmvault doctor`: the options. What it finds is driven whole in tests/e2e/test_doctor.py."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager

import click
import pytest
from click.testing import CliRunner

from mitmvault.cli import doctor as module
from mitmvault.cli.main import cli
from mitmvault.core.doctor.finding import FAIL, OK, WARN, Finding

WELL = (Finding("home", "a", OK, "fine"),)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command with findings of ours."""

    @contextmanager
    def scene(home, environ):
        yield "a scene"

    def probed(scene, wanted, environ, done):
        return [Finding("clients", probe.name, OK, "works") for probe in wanted]

    def invoke(*arguments, found=WELL, swap=None):
        monkeypatch.setattr(module.checkup, "examine", lambda *_: iter(found))
        monkeypatch.setattr(module, "_proxy_and_environment", lambda home: iter(()))
        monkeypatch.setattr(module.doctor_probes, "scene", scene)
        monkeypatch.setattr(module.doctor_probes, "swap", swap or (lambda scene: Finding("swap", "demo", OK, "fine")))
        monkeypatch.setattr(module.doctor_probes, "probe", probed)
        return CliRunner().invoke(cli, ["doctor", "--home", str(tmp_path), *arguments])

    return invoke


def test_the_exit_code(run):
    assert run().exit_code == 0
    assert run(found=[Finding("home", "a", WARN, "hm", "think")]).exit_code == 0
    assert run(found=[Finding("home", "a", FAIL, "no", "mend")]).exit_code == 1


def test_clients_by_name(run):
    rows = [line.split("\t")[2] for line in run("--client", "curl", "--client", "git").stdout.splitlines()]
    assert rows == ["NAME", "a", "demo", "curl", "git"]
    assert [line.split("\t")[2] for line in run("--no-clients").stdout.splitlines()] == ["NAME", "a", "demo"]
    result = run("--client", "lisp")
    assert result.exit_code == 2 and "there is no client lisp; there is: curl" in result.stderr


def test_json(run):
    document = json.loads(run("--json", "--client", "curl", found=[Finding("home", "a", FAIL, "no", "mend")]).stdout)
    assert document["ok"] is False
    assert document["findings"][0] == {"area": "home", "name": "a", "status": "fail", "text": "no", "remedy": "mend"}


def test_no_proxy_to_ask_through_is_a_finding(run):
    def swap(scene):
        raise click.ClickException("the proxy did not start")

    result = run(swap=swap)
    assert result.exit_code == 1 and "no proxy to ask through: the proxy did not start" in result.stdout


@pytest.mark.parametrize("taken", [True, False])
def test_the_port_of_a_proxy_that_does_not_run(monkeypatch, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if taken:
            other.listen()
        monkeypatch.setattr(module, "LISTEN", other.getsockname())
        if not taken:
            other.close()
        one = module._port()
    assert (one.name, one.status) == ("port", FAIL if taken else OK)
    assert ("--listen" in one.remedy) is taken
