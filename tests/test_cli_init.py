"""`mitmvault init` by options: nothing is asked, everything is said, and it may be repeated."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.secret import Secret
from mitmvault.home import state, store
from mitmvault.home.layout import Home

KEY, OTHER = "sk-made-up-key-000000000001", "gsk_made-up-key-000000000002"
ENVIRON = {"LOGNAME": "tester", "AI_JSON_CRYPTOKEN": "made-up-crypto-token", "XDG_CONFIG_HOME": None}


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / ".mitmvault")


@pytest.fixture
def run(home, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["mitmvault"])

    def run(*arguments: str, stdin: str = "", **environ: str):
        usual = ENVIRON | {"HOME": str(tmp_path), "MITMVAULT_HOME": None, "OPENAI_API_KEY": None} | environ
        return CliRunner().invoke(cli, ["init", *arguments], input=stdin, env=usual)

    return run


def keys(home: Home) -> dict[str, list[str]]:
    found = store.load_vault_document(home, Secret(ENVIRON["AI_JSON_CRYPTOKEN"]))["providers"]
    return {name: [key["key"] for key in entry["keys"]] for name, entry in found.items() if name != "demo"}


def facts(text: str) -> list[list[str]]:
    return [line.split(": ", 1) for line in text.partition("\n\n")[0].splitlines()]


def test_a_pipe_is_asked_nothing(run, home):
    result = run(OPENAI_API_KEY=KEY)
    assert result.exit_code == 0 and keys(home) == {}
    ((name, entry),) = store.load_users_document(home).items()
    said = [["home", str(home.path)], *(["created", str(path)] for path in (home.vault, home.users, home.ca))]
    assert facts(result.stdout) == [*said, ["providers", "demo"], ["user", name], ["user token", entry["key"]]]
    assert name == "tester" and result.stdout.endswith(
        "\nNext:\nmitmvault serve\n\nThen, in another terminal:\nmitmvault run -- python your_program.py\n"
    )
    assert "only this once" in result.stderr


def test_again(run, home):
    token = json.loads(run("--json").stdout)["token"]
    result = run()
    assert facts(result.stdout)[1:] == [
        *(["kept", str(path)] for path in (home.vault, home.users, home.ca)), ["providers", "demo"]
    ]  # fmt: skip
    assert token and token not in result.output and result.stderr == ""


def test_everything_as_json(run, home, tmp_path):
    result = run("--json", "--user", "ci", "--env-keys", "--key", "groq", stdin=f"{OTHER}\n", OPENAI_API_KEY=KEY)
    found = json.loads(result.stdout)
    assert keys(home) == {"openai": [KEY], "groq": [OTHER]}
    assert found["keys"] == [
        {"provider": "openai", "key": "#1 …0001", "source": "OPENAI_API_KEY", "added": True},
        {"provider": "groq", "key": "#1 …0002", "source": None, "added": True},
    ]
    assert found["created"] == [str(home.vault), str(home.users), str(home.ca)] and found["kept"] == []
    assert (found["user"], found["providers"], found["service"]) == ("ci", ["demo", "openai", "groq"], None)
    assert store.load_users(home).find(found["token"]).name == "ci"
    assert not {KEY, OTHER} & set(result.output.split())
    again = json.loads(run("--json", "--user", "ci", "--key", "groq", stdin=OTHER).stdout)
    assert (again["token"], again["keys"][0]["added"]) == (None, False)


def test_keys_are_lines_of_stdin(run, home):
    result = run("--key", "groq", "--key", "openai", stdin=f"{OTHER}\r\n {KEY} \n")
    assert result.exit_code == 0 and keys(home) == {"groq": [OTHER], "openai": [KEY]}
    assert OTHER not in result.output and KEY not in result.output
    assert ["key", "groq #1 …0002, added"] in facts(result.stdout)


@pytest.mark.parametrize("stdin", ["", "\n", f"{OTHER}\n"])
def test_a_key_that_is_missing(run, home, stdin):
    result = run("--key", "groq", "--key", "openai", stdin=stdin)
    assert result.exit_code == 1 and "a line for each --key" in result.stderr and not home.path.exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--user", "a b"], "letter or digit"),
        (["--key", "groqq"], "did you mean"),
        (["--key", "demo"], "part of mitmvault"),
    ],
)
def test_wrong_wishes(run, home, arguments, said):
    result = run(*arguments, stdin=KEY)
    assert result.exit_code == 1 and said in result.stderr and result.stderr.count("\n") == 1
    assert not home.path.exists()


def test_a_service_and_what_it_would_not_see(run, home, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    result = run("--service", OPENAI_API_KEY=KEY)
    path = tmp_path / ".config/systemd/user/mitmvault.service"
    assert ["created", str(path)] in facts(result.stdout) and f'"{home.path}"' in path.read_text()
    assert "systemctl --user enable --now mitmvault" in result.stdout
    assert "AI_JSON_CRYPTOKEN" in result.stderr and "OPENAI_API_KEY" in result.stderr
    assert ["kept", str(path)] in facts(run("--service").stdout)


def test_the_next_line_where_the_proxy_runs(run, home):
    run()
    state.write(home, state.State(os.getpid(), "http://127.0.0.1:8080", None, 0.0))
    assert json.loads(run("--json").stdout)["next"] == ["mitmvault run -- python your_program.py"]


def test_a_home_of_another_name(run, tmp_path):
    result = run("--home", str(tmp_path / "a home"), "--json")
    assert json.loads(result.stdout)["next"][0] == f"mitmvault serve --home '{tmp_path}/a home'"
