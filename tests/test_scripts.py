"""The scripts' set-up, with stand-ins for Python: which one is chosen, when pip runs, what an interruption leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
# All that the scripts may use of the system. A PATH with nothing else keeps the Pythons of this machine out.
TOOLS = ["cksum", "cp", "grep", "ln", "mkdir", "mv", "readlink", "rm", "sh", "sleep", "sort", "tail"]

# A Python as the scripts see it: asked about itself it tells its version; -m venv copies it; pip does as it was told.
STAND_IN = """#!/bin/sh
case "$*" in
*ensurepip*) echo "{version} {path}" ;;
*"-m venv "*) for venv; do :; done; mkdir -p "$venv/bin" && cp "{path}" "$venv/bin/python" ;;
*"-m pip "*)
    echo "{version} $*" >>"{log}"
    printf '#!/bin/sh\\necho "ran $*"\\n' >"${{0%/*}}/mitmvault"
    chmod +x "${{0%/*}}/mitmvault"
    {pip}
    ;;
esac
"""
BROKEN = "#!/bin/sh\nexit 1\n"


class Checkout:
    """A checkout that holds nothing but the scripts, and a PATH made for it."""

    def __init__(self, path: Path) -> None:
        self.root, self.bin, self.home, self.log = path / "a clone", path / "bin", path / "home", path / "pip.log"
        shutil.copytree(SCRIPTS, self.root / "scripts")
        (self.root / "pyproject.toml").write_text("[project]\n")
        for folder in (self.bin, self.home):
            folder.mkdir()
        for tool in [*TOOLS, "chmod"]:
            (self.bin / tool).symlink_to(shutil.which(tool) or pytest.skip(f"this system has no {tool}"))

    def python(self, name: str, version: str = "", pip: str = "exit 0") -> Path:
        """A Python on PATH, or at an absolute path; without a version, one that does not run."""
        path = self.bin / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STAND_IN.format(version=version, path=path, log=self.log, pip=pip) if version else BROKEN)
        path.chmod(0o755)
        return path

    def pyenv(self, version: str) -> Path:
        return self.python(str(self.home / ".pyenv" / "versions" / version / "bin" / "python"), version)

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "HOME": str(self.home), **env}
        return subprocess.run(command, env=env, cwd=self.home, capture_output=True, text=True, timeout=30)

    def serve(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.root / "scripts" / "serve"), *arguments, **env)

    def chosen(self, **env: str) -> list[str]:
        """The versions that the scripts would use, in order."""
        code = f'ROOT="{self.root}"; . "$ROOT/scripts/lib/setup.sh"; find_pythons'
        result = self.run("sh", "-euc", code, **env)
        assert result.returncode == 0, result.stderr
        return [line.split(" ")[0] for line in result.stdout.splitlines()]

    @property
    def installs(self) -> list[str]:
        """The versions with which pip ran, in order."""
        return [line.split(" ")[0] for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    "on_path, in_pyenv, expected",
    [
        ({"python3.11": "3.11.2", "python3.13": "3.13.0", "python3.12": "3.12.1"}, [], ["3.13.0", "3.12.1", "3.11.2"]),
        ({"python3.13": "", "python3.12": "3.12.1"}, [], ["3.12.1"]),
        ({"python3": "3.12.4", "python3.11": "3.11.2"}, [], ["3.12.4", "3.11.2"]),
        ({"python3": "3.14.0", "python3.12": "3.12.1"}, [], ["3.12.1", "3.14.0"]),
        ({"python3": ""}, ["3.12.9", "3.12.10", "3.9.1"], ["3.12.10"]),
        ({"python3.13": "", "python3.11": "3.11.2"}, ["3.13.0"], ["3.13.0", "3.11.2"]),
        ({"python3.13": "3.13.1"}, ["3.13.5"], ["3.13.1"]),
        ({}, [], []),
    ],
)
def test_the_newest_python_that_works(
    checkout: Checkout, on_path: dict[str, str], in_pyenv: list[str], expected: list[str]
) -> None:
    for name, version in on_path.items():
        checkout.python(name, version)
    for version in in_pyenv:
        checkout.pyenv(version)
    assert checkout.chosen() == expected


def test_python_that_is_named_is_the_only_one(checkout: Checkout) -> None:
    checkout.python("python3.13", "3.13.0")
    other = checkout.python("elsewhere/python", "3.11.2")
    assert checkout.chosen(PYTHON=str(other)) == ["3.11.2"]
    checkout.python("python3.12")
    result = checkout.serve(PYTHON="python3.12")
    assert result.returncode == 1 and "PYTHON=python3.12 is no Python 3.11 or newer" in result.stderr


@pytest.mark.parametrize("path", [None, "/nonexistent"])
def test_without_python_one_sentence_says_what_to_install(checkout: Checkout, path: str | None) -> None:
    result = checkout.serve(PATH=path or str(checkout.bin))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "Python 3.11 or newer is needed: install python3 and python3-venv" in result.stderr


def test_the_second_start_installs_nothing(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    first, second = checkout.serve("--web", "a b"), checkout.serve()
    assert (first.returncode, first.stdout, checkout.installs) == (0, "ran serve --web a b\n", ["3.12.1"])
    assert (second.stdout, second.stderr) == ("ran serve\n", "")


def test_called_through_a_symlink_and_from_its_own_folder(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    (checkout.home / "run-it").symlink_to(checkout.root / "scripts" / "serve")
    assert checkout.run("./run-it").stdout == "ran serve\n"
    assert checkout.run("sh", "-c", f'cd "{checkout.root}/scripts" && sh serve').stdout == "ran serve\n"
    assert checkout.installs == ["3.12.1"]


def test_what_makes_it_install_again(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    checkout.serve()
    (checkout.root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    checkout.serve()
    assert checkout.installs == ["3.12.1"] * 2
    checkout.python("python3.13", "3.13.0")
    checkout.serve()
    assert checkout.installs == ["3.12.1"] * 2  # a newer Python is no reason ...
    checkout.serve(PYTHON="python3.13")
    assert checkout.installs == ["3.12.1", "3.12.1", "3.13.0"]  # ... but to be told so is
    shutil.copytree(checkout.root, checkout.home / "copy")
    checkout.run(str(checkout.home / "copy" / "scripts" / "serve"))
    assert checkout.installs[3:] == ["3.13.0"]  # a copied environment would run the code of the original


def test_the_next_python_when_pip_fails(checkout: Checkout) -> None:
    checkout.python("python3.13", "3.13.0", pip="echo no wheel; exit 1")
    checkout.python("python3.12", "3.12.1")
    result = checkout.serve()
    assert (result.stdout, checkout.installs) == ("ran serve\n", ["3.13.0", "3.12.1"])
    assert "Python 3.13.0 could not install it" in result.stderr
    assert checkout.serve().stderr == ""


@pytest.mark.parametrize(
    "output, sentence, tries",
    [
        ("ERROR: no wheel", "could not install with Python 3.12.1", ["3.13.0", "3.12.1"]),
        ("after connection broken by X", "pip cannot reach the package index", ["3.13.0"]),
    ],
)
def test_no_python_can_install(checkout: Checkout, output: str, sentence: str, tries: list[str]) -> None:
    for version in ("3.13.0", "3.12.1"):
        checkout.python(f"python{version[:4]}", version, pip=f"echo '{output}'; exit 1")
    result = checkout.serve()
    assert (result.returncode, result.stdout, checkout.installs) == (1, "", tries)
    assert output in result.stderr and sentence in result.stderr.splitlines()[-1]


def test_an_interrupted_install_does_not_look_complete(checkout: Checkout) -> None:
    venv = checkout.root / ".venv"
    # The name in the lock is the script's, which waits for this stand-in.
    checkout.python("python3.13", "3.13.0", pip=f'kill -TERM "$(readlink "{venv}/.lock")"; sleep 20')
    checkout.python("python3.12", "3.12.1")
    result = checkout.serve()
    assert (result.returncode, result.stdout, checkout.installs) == (130, "", ["3.13.0"])
    assert not (venv / ".stamp").exists() and not os.path.lexists(venv / ".lock")
    checkout.python("python3.13", "3.13.0")
    assert checkout.serve().stdout == "ran serve\n" and checkout.installs == ["3.13.0"] * 2


def test_a_lock_of_a_process_that_died_is_taken_over(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv" / ".lock").symlink_to("999999999")
    assert checkout.serve().stdout == "ran serve\n"


def test_pip_that_outlives_its_script_is_waited_for(checkout: Checkout) -> None:
    venv = checkout.root / ".venv"
    checkout.python("python3.12", "3.12.1", pip=f'kill -KILL "$(readlink "{venv}/.lock")"; sleep 0.5; : >"{venv}/late"')
    assert checkout.serve().returncode == -9 and os.path.lexists(venv / ".lock")
    checkout.python("python3.12", "3.12.1")
    result = checkout.serve()
    assert result.stdout == "ran serve\n" and "waiting for process" in result.stderr
    assert not (venv / "late").exists()


def test_two_starts_at_once_install_once(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1", pip="sleep 0.5; exit 0")
    serve = str(checkout.root / "scripts" / "serve")
    result = checkout.run("sh", "-c", f'"{serve}" & "{serve}"; wait')
    assert (result.stdout, checkout.installs) == ("ran serve\n" * 2, ["3.12.1"])
    assert "waiting for process" in result.stderr


def test_a_directory_of_somebody_else_is_left_alone(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    (checkout.home / "letters").mkdir()
    result = checkout.serve(VENV=str(checkout.home))
    assert result.returncode == 1 and "was not made by this script" in result.stderr
    assert sorted(path.name for path in checkout.home.iterdir()) == ["letters"]


def test_tests_need_openssl_and_curl(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    result = checkout.run(str(checkout.root / "scripts" / "test"))
    assert result.returncode == 1 and "the tests need openssl: install it first" in result.stderr


def test_every_check_runs_and_one_failure_counts(checkout: Checkout) -> None:
    checkout.python("python3.12", "3.12.1")
    checkout.serve()
    stamp = checkout.root / ".venv" / ".stamp"
    stamp.write_text(stamp.read_text().replace("-e .\n", "-e .[dev]\n"))
    for tool, code in (("ruff", "echo bad line; exit 1"), ("mypy", "exit 0"), ("lint-imports", "exit 0")):
        script = checkout.root / ".venv" / "bin" / tool
        script.write_text(f"#!/bin/sh\n{code}\n")
        script.chmod(0o755)
    check = [str(checkout.root / "scripts" / "check")]
    result = checkout.run(*check)
    assert result.returncode == 1 and result.stdout.splitlines() == [
        *("bad line", "FAILED  ruff check ."),
        *("bad line", "FAILED  ruff format --check ."),
        *("ok      mypy", "ok      lint-imports"),
    ]
    (checkout.root / ".venv" / "bin" / "ruff").write_text("#!/bin/sh\n")
    assert checkout.run(*check).returncode == 0 and checkout.installs == ["3.12.1"]


# -- scripts/transparent; what it does is in tests/e2e/test_transparent.py


def transparent(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "transparent", *arguments],
        env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    ["", "--help", "sideways", "up extra", "down extra", "run", "run --dry-run", "up --user", "up --port", "up --port x",
     "up --port 1x", "up --bogus"],
)  # fmt: skip
def test_transparent_explains_itself(arguments: str) -> None:
    result = transparent(*arguments.split())
    assert (result.returncode, result.stdout) == (2, "")
    for word in ("transparent run", "transparent up", "transparent down", "--user", "--port", "--dry-run"):
        assert word in result.stderr


def test_transparent_prints_what_it_would_do() -> None:
    result = transparent("run", "--user", "root", "--port", "9443", "--dry-run", "--", "a", "b")
    assert (result.returncode, result.stderr) == (0, "")
    rules, proxy, down = (result.stdout.partition(mark) for mark in ("create table", "setpriv", "nft delete"))
    assert "meta skuid 0 accept" in rules[2] and "tcp dport 443 redirect to :9443" in rules[2]
    assert proxy[2].splitlines()[0] == " --reuid=0 --regid=0 --init-groups -- a b"
    assert down[2] == " table inet mitmvault\n"
    assert transparent("up", "--user", "root", "--dry-run").stdout.endswith("\nEOF\n")
    assert transparent("down", "--dry-run").stdout == "nft delete table inet mitmvault\n"


def test_transparent_needs_a_user_to_let_through() -> None:
    result = transparent("up", "--user", "nobody-of-that-name")
    assert result.returncode == 1 and "useradd --system" in result.stderr and result.stderr.count("\n") == 1


FIRST_LINES = ("#!/bin/sh", "#!/usr/bin/env bash", "# shellcheck shell=sh")
SHELL = [path for path in sorted(SCRIPTS.rglob("*")) if path.is_file() and path.read_text().startswith(FIRST_LINES)]


@pytest.mark.parametrize("script", SHELL, ids=[path.name for path in SHELL])
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    shellcheck = shutil.which("shellcheck") or pytest.skip("this system has no shellcheck")
    result = subprocess.run([shellcheck, "--exclude=SC1091", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
