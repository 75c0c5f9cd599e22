"""A service file holds the command as it is: read back by systemd's own rules, and by a property list's."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys

import pytest

from mitmvault.core.setup import service_file

COMMAND = ("/opt/a b/python", "-m", "mitmvault", "--home", '/srv/100% "x" $HOME \\ é')


def test_systemd_quotes_every_word():
    line = re.search("^ExecStart=(.*)$", service_file.systemd(COMMAND).decode(), re.M)
    assert line
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line[1])
    read = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$") for word in words]
    assert tuple(read) == COMMAND


def test_systemd_takes_it(tmp_path):
    """systemd itself, where it is: it finds the program, and says nothing against the file."""
    analyze = shutil.which("systemd-analyze") or pytest.skip("there is no systemd on this machine")
    for program, wanted in ((sys.executable, 0), ("/nowhere/python", 1)):
        unit = tmp_path / "mitmvault.service"
        unit.write_bytes(service_file.systemd((program, *COMMAND[1:])))
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        done = subprocess.run([analyze, "--user", "verify", unit], env=environ, capture_output=True, text=True)
        if "Failed to initialize manager" in done.stderr:
            pytest.skip("systemd cannot look at units here")
        assert done.returncode == wanted and ("mitmvault.service" in done.stderr) is bool(wanted), done.stderr


@pytest.mark.parametrize("char", ["\n", "\x00", "\x1b"])
def test_control_characters_are_refused(char):
    with pytest.raises(ValueError, match="control"):
        service_file.systemd(("/bin/x", f"a{char}b"))


def test_launchd():
    found = plistlib.loads(service_file.launchd(COMMAND, "/home/me/serve.log"))
    assert tuple(found["ProgramArguments"]) == COMMAND and found["Label"] == service_file.NAME
    assert found["StandardOutPath"] == found["StandardErrorPath"] == "/home/me/serve.log"
    assert found["RunAtLoad"] is True and found["Umask"] == 0o077
