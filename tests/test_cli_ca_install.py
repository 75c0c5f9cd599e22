"""`mitmvault ca install` and `uninstall`: lines to type for every store; with --apply, the system is asked."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.setup import trust_stores
from mitmvault.home import authority, system_trust
from mitmvault.home.layout import Home
from tests.authorities import home_with_authority


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return home_with_authority(tmp_path_factory.mktemp("ca") / "home")


@pytest.fixture
def run(home):
    return lambda *arguments: CliRunner().invoke(cli, ["ca", "--home", str(home.path), *arguments])


def test_instructions_begin_with_this_machines(run, home, monkeypatch):
    monkeypatch.setattr(system_trust, "system", lambda: "macos")
    text = run("install").stdout
    assert text.startswith("# macos (this machine): ") and str(home.ca_certificate) in text
    assert [line.split()[1].strip(":") for line in text.splitlines() if line.startswith("# ")][1:] == [
        name for name in trust_stores.STORES if name != "macos"
    ]


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.parametrize("store", trust_stores.STORES)
def test_instructions_for_one(run, home, command, store):
    found = authority.load(home)
    lines = trust_stores.lines(store, found.certificate, str(found.path), uninstall=command == "uninstall")
    assert json.loads(run(command, "--for", store, "--json").stdout)["stores"] == {store: list(lines)}
    assert run(command, "--for", store).stdout.splitlines()[1:-1] == list(lines)


def test_apply_asks_the_system(run, home, monkeypatch, tmp_path):
    found = authority.load(home).certificate
    asked = []
    monkeypatch.setattr(system_trust, "install", lambda it: asked.append(("in", it)) or tmp_path)
    monkeypatch.setattr(system_trust, "uninstall", lambda it: asked.append(("out", it)))
    assert "trusts the authority" in run("install", "--apply").stderr
    assert "nothing to do" in run("uninstall", "--apply").stderr
    assert asked == [("in", found), ("out", found)]


def test_apply_is_for_this_machine(run):
    result = run("install", "--apply", "--for", "firefox")
    assert result.exit_code == 2 and "not for firefox" in result.stderr
