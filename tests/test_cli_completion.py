"""Real shells complete `mitmvault se` to `serve`: the lines that the command prints are evaluated by the shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mitmvault.cli.completion import SHELLS
from mitmvault.cli.main import COMMANDS, cli
from tests.serving import ADDONS

# Each asks its shell's own machinery what may stand at the end of the line that is in $LINE.
ASK = {
    "bash": 'eval "$SCRIPT"; COMP_WORDS=($LINE); [[ $LINE == *" " ]] && COMP_WORDS+=(""); '
    'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); function=$(complete -p mitmvault | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
    '$function mitmvault "${COMP_WORDS[$COMP_CWORD]}" ""; printf "%s\\n" "${COMPREPLY[@]}"',
    "fish": 'echo "$SCRIPT" | source; complete -C "$LINE" | cut -f1',
}


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    """A PATH on which `mitmvault` is ours."""
    directory = tmp_path_factory.mktemp("bin")
    program = directory / "mitmvault"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ADDONS} exec {sys.executable} -m mitmvault "$@"\n')
    program.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def script(shell: str) -> str:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    return result.stdout


def completed(shell: str, path: str, line: str, home: Path) -> list[str]:
    program = shutil.which(shell) or pytest.skip(f"there is no {shell} on this machine")
    environ = {"PATH": path, "HOME": str(home), "SCRIPT": script(shell), "LINE": line}
    done = subprocess.run([program, "-c", ASK[shell]], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize(
    "line, wanted",
    [
        ("mitmvault se", ["serve"]),
        ("mitmvault ", list(COMMANDS)),
        ("mitmvault vault ", ["encrypt", "decrypt", "show"]),
        ("mitmvault serve --web-", ["--web-port"]),
        ("mitmvault completion ", list(SHELLS)),
        ("mitmvault --deb", ["--debug"]),
        ("mitmvault nonsense", []),
    ],
)
def test_completed(shell, path, line, wanted, tmp_path):
    assert sorted(completed(shell, path, line, tmp_path)) == sorted(wanted)


def test_zsh_takes_the_lines(path, tmp_path):
    """zsh completes at a prompt only; that it binds the function to the command can be asked."""
    zsh = shutil.which("zsh") or pytest.skip("there is no zsh on this machine")
    environ = {"PATH": path, "HOME": str(tmp_path), "SCRIPT": script("zsh")}
    ask = 'autoload -U compinit && compinit -u; eval "$SCRIPT"; echo ${_comps[mitmvault]}'
    done = subprocess.run([zsh, "-f", "-c", ask], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "_mitmvault_completion" and done.stderr == ""
    environ |= {"COMP_WORDS": "mitmvault se", "COMP_CWORD": "1", "_MITMVAULT_COMPLETE": "zsh_complete"}
    said = subprocess.run(["mitmvault"], env=environ, capture_output=True, text=True, timeout=60).stdout.splitlines()
    assert said == ["plain", "serve", COMMANDS["serve"][1]]


def test_names_of_commands_import_none_of_them(path, tmp_path):
    """The shell waits for the answer."""
    environ = {"PATH": path, "HOME": str(tmp_path), "COMP_WORDS": "mitmvault s", "COMP_CWORD": "1",
               "_MITMVAULT_COMPLETE": "bash_complete", "PYTHONVERBOSE": "1"}  # fmt: skip
    done = subprocess.run(["mitmvault"], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "plain,serve\n" and "import 'mitmvault.cli.serve'" not in done.stderr


def test_an_unknown_shell():
    result = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert result.exit_code == 2 and "'bash', 'zsh', 'fish'" in result.stderr
