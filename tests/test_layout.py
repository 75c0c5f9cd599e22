"""Where the home directory is."""

from pathlib import Path

import pytest

from mitmvault.home.layout import Home, HomeError


@pytest.mark.parametrize(
    "option, environ, expected",
    [
        ("/a", {"MITMVAULT_HOME": "/b", "HOME": "/c"}, "/a"),
        (None, {"MITMVAULT_HOME": "/b", "HOME": "/c"}, "/b"),
        (None, {"MITMVAULT_HOME": "", "HOME": "/c"}, "/c/.mitmvault"),
        ("", {"HOME": "/c"}, "/c/.mitmvault"),
        (None, {"HOME": "/c"}, "/c/.mitmvault"),
    ],
)
def test_find(option, environ, expected):
    assert Home.find(option, environ).path == Path(expected)


def test_relative_and_tilde(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/c")
    assert Home.find("x", {}).path == tmp_path / "x"
    assert Home.find("~/x", {}).path == Path("/c/x")
    assert Home.find(None, {}).path == Path("/c/.mitmvault")


def test_no_such_person():
    with pytest.raises(HomeError, match="--home"):
        Home.find("~no-such-person-here/x", {})


@pytest.mark.parametrize(
    "name, file",
    [
        ("vault", "ai.json.enc"),
        ("users", "users.json"),
        ("settings", "mitmvault.yaml"),
        ("ca", "ca"),
        ("cryptoken", "cryptoken"),
        ("state", "state.json"),
        ("ledger", "ledger.sqlite3"),
    ],
)
def test_files(name, file):
    assert getattr(Home(Path("/h")), name) == Path("/h") / file
