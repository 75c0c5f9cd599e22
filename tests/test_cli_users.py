"""`mitmvault users`, through the real command line."""

import json
import re

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.configuration.users import User
from mitmvault.home import store
from mitmvault.home.layout import Home

TOKEN = "made-up-token-0123456789a1f3"


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def run(home):
    def invoke(*arguments, stdin=None):
        return CliRunner().invoke(cli, ["users", "--home", str(home.path), *arguments], input=stdin)

    return invoke


def test_add_prints_the_token_alone(run, home):
    result = run("add", "alice")
    assert result.exit_code == 0 and re.fullmatch(r"mv-[A-Za-z0-9_-]{32}\n", result.stdout)
    assert store.load_users(home).find(result.stdout.strip()) == User("alice", None, None)
    assert "effective at once" in result.stderr and result.stdout.strip() not in result.stderr


def test_add_with_limits(run, home):
    token = run("add", "alice", "--provider", "groq", "--provider", "demo", "--model", "llama-*").stdout.strip()
    assert store.load_users(home).find(token) == User("alice", frozenset({"groq", "demo"}), ("llama-*",))


def test_add_an_admin(run, home):
    token = run("add", "boss", "--admin").stdout.strip()
    assert store.load_users(home).find(token) == User("boss", None, None, admin=True)
    assert store.load_users_document(home)["boss"]["admin"] is True
    run("add", "alice")
    rows = [line.split() for line in run("list").stdout.splitlines()]
    assert [row[-1] for row in rows if row[:1] == ["boss"]] == ["yes"]
    assert [row[-1] for row in rows if row[:1] == ["alice"]] == ["all"]


@pytest.mark.parametrize("arguments, stdin", [(["--token", TOKEN], None), (["--token", "-"], f"{TOKEN}\n")])
def test_add_with_a_token(run, home, arguments, stdin):
    result = run("add", "alice", *arguments, stdin=stdin)
    assert result.exit_code == 0 and result.stdout == "" and TOKEN not in result.stderr
    assert store.load_users(home).find(TOKEN) == User("alice", None, None)


def test_a_digest_hides_the_token(run, home):
    token = run("add", "alice", "--digest").stdout.strip()
    assert token not in home.users.read_text() and list(store.load_users_document(home)["alice"]) == ["sha256"]
    assert store.load_users(home).find(token) == User("alice", None, None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["alice"], "users.json: alice: there is a user of this name already"),
        (["bob", "--token", TOKEN], "users.json: bob: has the same token as alice"),
        (["bob", "--token", TOKEN, "--digest"], "users.json: bob: has the same token as alice"),
        (["bob", "--token", "short"], "users.json: token.key: must have at least 8 characters"),
        (["bob", "--token", "short", "--digest"], "users.json: token.key: must have at least 8 characters"),
        (["bob", "--token", ""], "users.json: token.key: must not be empty"),
        (["a b"], "users.json: a user's name begins with"),
        (["--", "-x"], "users.json: a user's name begins with"),
    ],
)
def test_refused_additions_change_nothing(run, home, arguments, message):
    run("add", "alice", "--token", TOKEN)
    before = home.users.read_bytes()
    result = run("add", *arguments)
    assert result.exit_code == 1 and result.stderr.startswith(f"mitmvault: {message}") and result.stdout == ""
    assert home.users.read_bytes() == before and result.stderr.count("\n") == 1


def test_remove(run, home):
    run("add", "alice", "--token", TOKEN)
    run("add", "bob")
    assert run("remove", "alice").exit_code == 0
    assert store.load_users(home).find(TOKEN) is None and list(store.load_users_document(home)) == ["bob"]
    result = run("remove", "alice")
    assert result.exit_code == 1 and "there is no user of this name" in result.stderr


def test_list_in_a_pipe(run):
    run("add", "alice", "--token", TOKEN, "--provider", "groq")
    run("add", "bob", "--token", "x" + TOKEN, "--digest")
    header, alice, bob = run("list").stdout.splitlines()
    assert header.split("\t") == ["USER", "TOKEN", "TYPE", "PROVIDERS", "MODELS", "ADMIN"]
    assert alice.split("\t") == ["alice", "…a1f3", "", "groq", "all", ""]
    assert re.fullmatch(r"bob\tsha256 ….{4}\t\tall\tall\t", bob)


def test_list_as_json(run):
    run("add", "alice", "--token", TOKEN)
    assert json.loads(run("list", "--json").stdout) == {"alice": {"key": "…a1f3"}}


def test_list_nobody(run, home):
    result = run("list")
    assert result.exit_code == 0 and "nobody may in yet" in result.stderr and not home.path.exists()


def test_list_of_a_broken_file(run, home):
    home.path.mkdir()
    home.users.write_text('{"alice": {"key": 12345678}}')
    result = run("list")
    assert result.exit_code == 1 and result.stderr == "mitmvault: users.json: alice.key: must be a string\n"
