"""The machine's store is changed by its own tool. Here with a tool of the test's; for real in tests/e2e/test_ca.py."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import certifi
import pytest

from mitmvault.core.setup import certificate, trust_stores
from mitmvault.core.setup.java_truststore import certificates
from mitmvault.home import system_trust
from mitmvault.home.layout import HomeError
from mitmvault.home.system_trust import Tool

FOUND = certificate.read(certificates(Path(certifi.where()).read_text())[0])


@pytest.fixture
def tool(tmp_path, monkeypatch) -> Tool:
    """Writes down how it was called and what it saw; fails where the directory holds `fail`."""
    directory = tmp_path / "anchors"
    directory.mkdir()
    script = tmp_path / "rebuild"
    script.write_text(
        f'#!/bin/sh\n[ ! -e {tmp_path}/fail ] || {{ echo "first" >&2; echo "cannot do it" >&2; exit 3; }}\n'
        f'echo "$1" $(ls {directory}) >> {tmp_path}/calls\n'
    )
    script.chmod(0o755)
    made = Tool("debian", directory, (str(script), "in"), (str(script), "out"))
    monkeypatch.setattr(system_trust, "TOOLS", (made,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return made


def test_in_and_out(tool, tmp_path):
    name = f"{trust_stores.name(FOUND)}.crt"
    (tool.directory / "another.crt").write_text("not ours")
    path = system_trust.install(FOUND)
    assert path == tool.directory / name and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert certificates(path.read_text()) == [FOUND.der]
    assert system_trust.uninstall(FOUND) == path and system_trust.uninstall(FOUND) is None
    assert [path.name for path in tool.directory.iterdir()] == ["another.crt"]
    assert (tmp_path / "calls").read_text().splitlines() == [f"in another.crt {name}", "out another.crt"]


def test_a_tool_that_fails_leaves_nothing(tool, tmp_path):
    (tmp_path / "fail").touch()
    with pytest.raises(HomeError, match=r"failed \(3\): cannot do it$"):
        system_trust.install(FOUND)
    assert list(tool.directory.iterdir()) == []


def test_only_root(tool, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for change in (system_trust.install, system_trust.uninstall):
        with pytest.raises(HomeError, match="use sudo"):
            change(FOUND)
    assert list(tool.directory.iterdir()) == []


def test_a_machine_without_a_tool(monkeypatch):
    monkeypatch.setattr(system_trust, "TOOLS", ())
    with pytest.raises(HomeError, match="type the lines yourself"):
        system_trust.install(FOUND)


@pytest.mark.parametrize(
    "platform, commands, directories, system",
    [
        ("darwin", [], [], "macos"),
        ("win32", [], [], "windows"),
        ("linux", ["update-ca-certificates"], ["debian"], "debian"),
        ("linux", ["update-ca-trust"], ["redhat"], "redhat"),
        ("linux", ["update-ca-trust", "trust"], [], "arch"),
        ("linux", [], ["debian"], None),
    ],
)
def test_which_system_this_is(monkeypatch, tmp_path, platform, commands, directories, system):
    tools = [Tool(tool.system, tmp_path / tool.system, tool.install, tool.uninstall) for tool in system_trust.TOOLS]
    for name in directories:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(system_trust, "TOOLS", tools)
    monkeypatch.setattr("sys.platform", platform)
    found = system_trust.system(lambda name: name if name in commands else None)
    assert found == system and (found is None or found in trust_stores.STORES)
