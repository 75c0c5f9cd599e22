"""Variables as text for shells. Each shell that is at hand reads its own back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from mitmvault.core.child.shells import SHELLS, WRITERS, ShellError, render

NASTY = {
    "PLAIN": "x",
    "EMPTY": "",
    "QUOTES": 'it\'s "so"',
    "DOLLAR": "$HOME `date` $(date) !!",
    "BACKSLASH": "a\\b\\\\c\\'",
    "PIPES": "localhost|127.0.0.1 & ; # no comment",
    "TWO_LINES": "one\ntwo",
    "UMLAUT": "größe→",
    "GONE": None,
}
SHOW = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
COMMANDS = {
    "bash": ["bash", "--norc", "-c", 'eval "$TEXT"; ' + SHOW],
    "zsh": ["zsh", "-f", "-i", "-c", 'eval "$TEXT"; ' + SHOW],
    "fish": ["fish", "--no-config", "-c", "echo $TEXT | source; " + SHOW],
    "powershell": ["pwsh", "-NoProfile", "-Command", "$env:TEXT | Invoke-Expression; " + SHOW],
}


@pytest.mark.parametrize("shell", COMMANDS)
def test_the_shell_reads_it_back(shell, tmp_path):
    command = COMMANDS[shell]
    shutil.which(command[0]) or pytest.skip(f"there is no {command[0]} on this machine")
    wanted = {**NASTY, "TWO_LINES": "one two"} if shell == "fish" else NASTY  # `$TEXT | source` is read line by line
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8", "GONE": "x",
               "TEXT": render(shell, wanted, ("a remark; nothing",))}  # fmt: skip
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in wanted} == wanted


def test_a_dotenv_file_is_a_shell_file(tmp_path):
    possible = {name: value for name, value in NASTY.items() if name not in ("QUOTES", "BACKSLASH", "TWO_LINES")}
    possible["APOSTROPHE"] = "/home/o'neil/ca.pem"
    (tmp_path / ".env").write_text(render("dotenv", possible, ("a remark",)))
    done = subprocess.run(["sh", "-c", f"set -a; . ./.env; {SHOW}"], cwd=tmp_path, capture_output=True,
                          env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, timeout=60)  # fmt: skip
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in possible} == {**possible, "GONE": ""}


def test_python_dotenv_reads_it_alike(tmp_path):
    dotenv = pytest.importorskip("dotenv")
    possible = {name: value for name, value in NASTY.items() if name in ("PLAIN", "EMPTY", "DOLLAR", "PIPES", "UMLAUT")}
    (tmp_path / ".env").write_text(render("dotenv", possible))
    assert dotenv.dotenv_values(tmp_path / ".env") == possible


@pytest.mark.parametrize(("shell", "value"), [("docker", "a\nb"), ("dotenv", "it's\n"), ("dotenv", "it's $HOME")])
def test_what_a_line_cannot_carry_is_an_error_without_the_value(shell, value):
    with pytest.raises(ShellError, match="NAME") as caught:
        render(shell, {"NAME": value})
    assert value not in str(caught.value)


def test_docker_takes_lines_literally():
    text = render("docker", {"A": "it's $HOME", "GONE": None}, ("a remark",))
    assert text == "# a remark\nA=it's $HOME\n"


def test_json():
    assert json.loads(render("json", {"A": "x", "B": None}, ("lost",))) == {"set": {"A": "x"}, "unset": ["B"]}


def test_the_names():
    assert {*WRITERS, "json"} == set(SHELLS)
