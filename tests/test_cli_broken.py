"""No traceback reaches a person: every command, in homes that are broken in every way that comes to mind.

Each ends with exit code 0 or 1. An error is one line, which names what is wrong; no secret is in it, and it is none of
the errors that nobody expected.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from mitmvault.cli.main import cli
from mitmvault.home.layout import Home
from mitmvault.home.sqlite_ledger import SqliteLedger
from tests.homes import made_home
from tests.leaks import canary, leaks
from tests.proxy import key
from tests.serving import ADDONS
from tests.walk import EVERY, WORDS, Seen, run

CRYPTOKEN, TOKEN, KEY = canary("pw-"), canary("mv-"), canary("sk-")
SECRETS = {"key": KEY, "token": TOKEN, "crypto token": CRYPTOKEN}
USUAL = {"LOGNAME": "tester", "MITMVAULT_HOME": None, "MITMVAULT_TOKEN": None}
ANSWERS = {"explain", "test", "doctor"}  # whose exit code 1 is an answer, on stdout
ASIDE = ("mitmvault: warning: ", "mitmvault: created ", "mitmvault: as alice through ")  # lines beside the error
PASSWORD = {"AI_JSON_CRYPTOKEN": CRYPTOKEN}
NOT_YAML = f"a: [\n  {KEY}: : 1\n"
OF_THE_VAULT = {"init", "serve", "test", "vault show", "vault decrypt", "explain"}
OF_THE_USERS = {"init", "serve", "test", "run", "env", "explain", "users add", "users list", "users remove"}
OF_THE_SETTINGS = {"init", "serve", "test", "vault show", "explain"}
OF_THE_CATALOGUE = OF_THE_SETTINGS | {"run"}
OF_THE_AUTHORITY = {"ca", "ca show", "ca export", "ca install", "ca uninstall"}
EVERY_DIRECTORY = set(EVERY) - {"completion", "doctor"}


def good_home(path: Path) -> Home:
    return made_home(path, {"openai": {"keys": [key(KEY)]}}, TOKEN, CRYPTOKEN)


def writes(name: str, content: str | bytes) -> Callable[[Home], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda home: (home.path / name).write_bytes(data) and None


def directory(name: str) -> Callable[[Home], None]:
    def make(home: Home) -> None:
        path = home.path / name
        path.unlink(missing_ok=True)
        path.mkdir()

    return make


def home_is_a_file(home: Home) -> None:
    shutil.rmtree(home.path)
    home.path.write_text("")


def vault_cut_off(home: Home) -> None:
    home.vault.write_bytes(home.vault.read_bytes()[:60])


# Name -> how to spoil a good home, variables, who must complain, and which word is in the complaint.
CASES: dict[str, tuple[Callable[[Home], None], dict[str, str], set[str], str]] = {
    "nothing is wrong": (lambda home: None, {}, {"env", "top", "usage"}, "proxy"),
    "there is no home": (lambda home: shutil.rmtree(home.path), {}, OF_THE_AUTHORITY, "mitmvault init"),
    "the home is a file": (home_is_a_file, {}, {"init", "serve", "run", "users add", "vault encrypt"}, "directory"),
    "no password": (lambda home: None, {"AI_JSON_CRYPTOKEN": ""}, OF_THE_VAULT, "AI_JSON_CRYPTOKEN"),
    "wrong password": (lambda home: None, {"AI_JSON_CRYPTOKEN": "wrong"}, OF_THE_VAULT, "crypto"),
    "vault cut off": (vault_cut_off, {}, OF_THE_VAULT, "vault"),
    "vault is garbage": (writes("ai.json.enc", KEY), {}, OF_THE_VAULT, "vault"),
    "vault is a directory": (directory("ai.json.enc"), {}, OF_THE_VAULT | {"vault encrypt"}, "ai.json.enc"),
    "users cut off": (writes("users.json", f'{{"alice": {{"key": "{TOKEN}"'), {}, OF_THE_USERS, "users.json"),
    "users of a wrong shape": (writes("users.json", f'["{TOKEN}"]'), {}, OF_THE_USERS, "users.json"),
    "users not in UTF-8": (writes("users.json", b"\xff"), {}, OF_THE_USERS, "users.json"),
    "users is a directory": (directory("users.json"), {}, OF_THE_USERS, "users.json"),
    "settings are no YAML": (writes("mitmvault.yaml", NOT_YAML), {}, OF_THE_SETTINGS, "mitmvault.yaml"),
    "unknown setting": (writes("mitmvault.yaml", "unmatchd: refuse"), {}, OF_THE_SETTINGS, "unmatchd"),
    "settings not in UTF-8": (writes("mitmvault.yaml", b"names: [\xff]"), {}, OF_THE_SETTINGS, "mitmvault.yaml"),
    "settings is a directory": (directory("mitmvault.yaml"), {}, OF_THE_SETTINGS, "mitmvault.yaml"),
    "catalogue is no YAML": (writes("providers.yaml", NOT_YAML), {}, OF_THE_CATALOGUE, "providers.yaml"),
    "catalogue not in UTF-8": (writes("providers.yaml", b"a: \xff"), {}, OF_THE_CATALOGUE, "providers.yaml"),
    "catalogue is a directory": (directory("providers.yaml"), {}, OF_THE_CATALOGUE, "providers.yaml"),
    "password file is a directory": (directory("cryptoken"), {"AI_JSON_CRYPTOKEN": ""}, OF_THE_VAULT, "cryptoken"),
    "state is garbage": (writes("state.json", "{"), {}, {"env", "top"}, "mitmvault serve"),
    "ledger is garbage": (writes("ledger.sqlite3", KEY * 100), {}, {"usage"}, "ledger"),
    "ledger is a directory": (directory("ledger.sqlite3"), {}, {"usage"}, "ledger"),
    "authority is garbage": (writes("ca/mitmproxy-ca.pem", b"\xff"), {}, OF_THE_AUTHORITY, "mitmproxy-ca.pem"),
    "authority is a directory": (directory("ca/mitmproxy-ca.pem"), {}, OF_THE_AUTHORITY, "mitmproxy-ca.pem"),
    "certificate is a directory": (directory("ca/mitmproxy-ca-cert.pem"), {}, {"ca", "run"}, "mitmproxy-ca-cert.pem"),
    "a variable of ours is wrong": (lambda home: None, {"RETRY": KEY}, OF_THE_SETTINGS, "RETRY"),
}


def looks_right(command: str, seen: Seen) -> None:
    said = seen.stderr.splitlines()
    assert seen.raised == "" and "Traceback" not in seen.stderr + seen.stdout, seen
    assert "a mistake of ours" not in seen.stderr, f"{command}: {seen.stderr}"
    said_no = command in ANSWERS and seen.code == 1 and seen.stdout
    assert seen.code == 0 or (seen.code == 1 and (said or said_no)), f"{command}: {seen}"
    assert not set("\x1b│╭─") & set(seen.stdout + seen.stderr), f"{command}: colours or lines, and this is no terminal"
    told = [line for line in said if not line.startswith(ASIDE)]
    assert seen.code == 0 or said_no or len(told) == 1, f"{command}: {seen.stderr}"
    assert leaks(SECRETS, seen.stderr.encode()) == [], command


def test_words_are_of_commands() -> None:
    assert set(WORDS) <= set(EVERY)


def of_the_tree(path: str) -> click.Command:
    command: click.Command = cli
    for name in path.split():
        found = command.get_command(click.Context(command), name) if isinstance(command, click.Group) else None
        assert found
        command = found
    return command


def speaks_json(command: str) -> bool:
    return "--json" in {option for parameter in of_the_tree(command).params for option in parameter.opts}


def test_what_lists_something_can_say_it_as_json() -> None:
    """What imports cli/table.py lists something."""
    modules = {command: inspect.getsource(inspect.getmodule(of_the_tree(command).callback)) for command in EVERY}
    listing = {
        command
        for command, source in modules.items()
        if re.search(r"^from mitmvault.cli import .*\btable\b", source, re.M)
    }
    assert {"vault show", "users list", "usage", "explain"} <= listing
    changing = {"vault encrypt", "vault decrypt", "users add", "users remove"}  # of the same modules
    assert [command for command in sorted(listing - changing) if not speaks_json(command)] == []


@pytest.mark.parametrize("command", [command for command in EVERY if speaks_json(command)])
def test_json_is_json(command: str, template: Path, tmp_path: Path) -> None:
    if command in ("env", "top"):
        pytest.skip("this asks a running proxy: e2e/test_env.py, test_cli_top.py")
    home = Home(tmp_path / "home")
    shutil.copytree(template, home.path)
    ledger = SqliteLedger(home.ledger)
    ledger.forget(0)  # made, and empty
    ledger.close()
    seen = run(command, home.path, USUAL | PASSWORD | {"HOME": str(tmp_path)}, "--json")
    assert seen.code == (command == "doctor") and isinstance(json.loads(seen.stdout), dict)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return good_home(tmp_path_factory.mktemp("template") / "home").path


@pytest.mark.parametrize("name", CASES)
def test_broken(name: str, template: Path, tmp_path: Path) -> None:
    spoil, environ, complaining, word = CASES[name]
    usual = USUAL | {"HOME": str(tmp_path)}
    for command in EVERY:
        home = Home(tmp_path / command.replace(" ", "-"))
        shutil.copytree(template, home.path)
        spoil(home)
        seen = run(command, home.path, usual | PASSWORD | environ)
        looks_right(command, seen)
        if command in complaining:
            assert seen.code == 1 and word in seen.stderr, f"{command}: {seen}"


UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.mark.parametrize(
    "name, mode, complaining",
    [
        (".", 0, EVERY_DIRECTORY - OF_THE_AUTHORITY - {"top", "env"}),
        (".", 0o500, {"init", "serve", "run", "vault encrypt", "users add"}),
        ("ai.json.enc", 0, OF_THE_VAULT),
        ("users.json", 0, OF_THE_USERS),
        ("mitmvault.yaml", 0, OF_THE_SETTINGS),
        ("providers.yaml", 0, OF_THE_CATALOGUE),
        ("ca", 0, OF_THE_AUTHORITY),
        ("ledger.sqlite3", 0, {"usage"}),
    ],
)
def test_no_permission(name: str, mode: int, complaining: set[str], tmp_path: Path) -> None:
    """root is above modes: there, without that power."""
    home = good_home(tmp_path / "home")
    (home.path / name).exists() or (home.path / name).write_text("")
    (home.path / name).chmod(mode)
    before = UNPRIVILEGED if os.geteuid() == 0 else []
    if before and not shutil.which("setpriv"):
        pytest.skip("this is root, and there is no setpriv to be less")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{ADDONS}:{ADDONS.parent}"} | PASSWORD
    command = [*before, sys.executable, "-m", "tests.walk", str(home.path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    home.path.chmod(0o700)
    assert done.returncode == 0, done.stderr
    for command, seen in json.loads(done.stdout).items():
        looks_right(command, Seen(**seen))
        assert command not in complaining or seen["code"] == 1, f"{command}: {seen}"
