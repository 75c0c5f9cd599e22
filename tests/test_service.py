"""The service's file: where each system looks for it, kept where there is one, private."""

from __future__ import annotations

import plistlib
import stat
import sys
from pathlib import Path

import pytest

from mitmvault.home import service
from mitmvault.home.layout import Home, HomeError

HOME = Home(Path("/srv/a home"))


@pytest.mark.parametrize(
    "platform, environ, path",
    [
        ("linux", {}, ".config/systemd/user/mitmvault.service"),
        ("linux", {"XDG_CONFIG_HOME": "{}/elsewhere"}, "elsewhere/systemd/user/mitmvault.service"),
        ("darwin", {}, "Library/LaunchAgents/mitmvault.plist"),
    ],
)
def test_where_and_what(tmp_path, platform, environ, path):
    environ = {"HOME": str(tmp_path)} | {name: value.format(tmp_path) for name, value in environ.items()}
    found = service.of(HOME, environ, platform)
    assert found and found.path == tmp_path / path and not found.exists
    assert "mitmvault" in found.start and (platform != "darwin" or str(found.path) in found.start)
    words = [sys.executable, "-P", "-m", "mitmvault", "serve", "--quiet", "--home", "/srv/a home"]
    if platform == "darwin":
        assert plistlib.loads(found.content)["ProgramArguments"] == words
    else:
        assert " ".join(f'"{word}"' for word in words) in found.content.decode()


def test_none_elsewhere():
    assert service.of(HOME, {"HOME": "/home/me"}, "freebsd14") is None


def test_written_once_and_private(tmp_path):
    found = service.of(HOME, {"HOME": str(tmp_path)}, "linux")
    assert found and found.write() and found.exists and not found.differs
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600 and found.path.read_bytes() == found.content
    found.path.write_text("mine")
    assert not found.write() and found.differs and found.path.read_text() == "mine"


def test_what_cannot_be_written(tmp_path):
    (tmp_path / ".config").touch()
    found = service.of(HOME, {"HOME": str(tmp_path)}, "linux")
    with pytest.raises(HomeError, match=r"cannot write .*config"):
        assert found and found.write()
    with pytest.raises(HomeError, match="control"):
        service.of(Home(Path("/srv/a\nb")), {"HOME": str(tmp_path)}, "linux")


@pytest.mark.parametrize(
    "environ, lent, said",
    [
        ({}, (), []),
        ({"AI_JSON_CRYPTOKEN": "made-up"}, (), ["AI_JSON_CRYPTOKEN"]),
        ({}, ("GROQ_API_KEY",), ["GROQ_API_KEY"]),
        (
            {"CLOUDFLARE_ACCOUNT_ID": "a", "RETRY": "", "DEFAULT_MODEL": "x"},
            (),
            ["CLOUDFLARE_ACCOUNT_ID", "DEFAULT_MODEL"],
        ),
    ],
)
def test_what_a_service_would_not_see(tmp_path, environ, lent, said):
    found = list(service.unseen(Home(tmp_path), environ, lent))
    assert len(found) == len(said) and all(name in text for name, text in zip(said, found, strict=True))
    assert "made-up" not in str(found)


def test_a_password_in_a_file_is_seen(tmp_path):
    (tmp_path / "cryptoken").write_text("made-up")
    assert list(service.unseen(Home(tmp_path), {"AI_JSON_CRYPTOKEN": "made-up"}, ())) == []
