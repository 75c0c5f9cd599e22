"""`mitmvault vault`, through the real command line."""

import json
import os
import stat
import subprocess

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.secret import Secret
from mitmvault.home import start, store
from mitmvault.home.layout import Home

PASSWORD = "made-up-crypto-token"
PLAIN = b"""{"version": 1, "providers": {"groq": {
  "endpoint": "https://api.groq.com/openai/v1",
  "keys": [{"key": "gsk_0123456789abcdefa1f3", "owner": "ronan", "type": "paid"},
           {"key": "gsk_0123456789abcdefb2e4", "type": "expired"}],
  "models": [{"id": "llama"}]}}}"""


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def run(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)

    def invoke(*arguments, stdin=None):
        return CliRunner().invoke(cli, ["--home", str(home.path), "vault", *arguments], input=stdin)

    return invoke


def test_encrypt_by_default_writes_the_homes_vault(run, home, tmp_path):
    (tmp_path / "ai.json").write_bytes(PLAIN)
    result = run("encrypt")
    assert result.exit_code == 0 and result.stdout == ""
    assert "providers: 1, keys: 2" in result.stderr and "ai.json still holds the keys" in result.stderr
    assert store.read_vault(home, Secret(PASSWORD)) == PLAIN


def test_decrypt_by_default_prints_the_homes_vault(run, home):
    home.path.mkdir()
    store.save_vault(home, PLAIN, Secret(PASSWORD))
    assert run("decrypt").stdout_bytes == PLAIN


def test_pipes(run):
    sealed = run("encrypt", "-", "-", stdin=PLAIN)
    assert sealed.exit_code == 0 and sealed.stderr == ""
    assert run("decrypt", "-", stdin=sealed.stdout_bytes).stdout_bytes == PLAIN


def test_openssl_reads_it(run, tmp_path):
    run("encrypt", "-", "out.enc", stdin=PLAIN)
    command = "openssl enc -d -aes-256-cbc -a -pbkdf2 -iter 100000 -in out.enc -pass env:AI_JSON_CRYPTOKEN"
    assert subprocess.run(command.split(), capture_output=True, check=True, cwd=tmp_path).stdout == PLAIN


def test_plaintext_files_are_private_and_single(run, tmp_path):
    run("encrypt", "-", "out.enc", stdin=PLAIN)
    (tmp_path / "out.json").write_bytes(b"older")
    (tmp_path / "out.json").chmod(0o644)
    umask = os.umask(0)
    try:
        assert run("decrypt", "out.enc", "out.json").exit_code == 0
    finally:
        os.umask(umask)
    assert (tmp_path / "out.json").read_bytes() == PLAIN
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["out.enc", "out.json"]


def test_the_homes_own_token(run, home, monkeypatch):
    monkeypatch.delenv("AI_JSON_CRYPTOKEN")
    start.ensure(home, {})
    assert run("encrypt", "-", stdin=PLAIN).exit_code == 0
    assert run("decrypt").stdout_bytes == PLAIN


@pytest.mark.parametrize(
    "plain, message",
    [
        (b"", "the vault: is not JSON (line 1, column 1)"),
        (b"{}", "the vault: providers: is missing"),
        (PLAIN.replace(b'"ronan"', b"5"), "the vault: providers.groq.keys[0].owner: must be a string"),
        (PLAIN.replace(b"https", b"http"), "the vault: providers.groq.endpoint: must be https://"),
    ],
)
def test_a_bad_document_replaces_nothing(run, home, plain, message):
    run("encrypt", "-", stdin=PLAIN)
    result = run("encrypt", "-", stdin=plain)
    assert result.exit_code == 1 and result.stderr.startswith(f"mitmvault: {message}")
    assert result.stderr.count("\n") == 1 and "gsk_" not in result.stderr
    assert run("decrypt").stdout_bytes == PLAIN


@pytest.mark.parametrize(
    "arguments, stdin, message",
    [
        (["decrypt"], None, "there is no vault at"),
        (["show"], None, "there is no vault at"),
        (["decrypt", "-"], b"no vault", "the vault is not base64 text"),
        (["decrypt", "-"], b"", "the vault is empty"),
        (["encrypt", "missing.json"], None, "missing.json: No such file"),
        (["encrypt", "-", "no/such/dir"], PLAIN, "No such file"),
    ],
)
def test_errors_are_one_sentence(run, arguments, stdin, message):
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 1 and message in result.stderr and result.stdout == ""
    assert result.stderr.startswith("mitmvault: ") and result.stderr.count("\n") == 1


def test_wrong_or_no_password(run, monkeypatch):
    run("encrypt", "-", stdin=PLAIN)
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", "made-up-wrong")
    assert run("decrypt").exit_code == 1
    monkeypatch.delenv("AI_JSON_CRYPTOKEN")
    assert "set AI_JSON_CRYPTOKEN" in run("decrypt").stderr


def test_show_in_a_pipe(run):
    run("encrypt", "-", stdin=PLAIN)
    header, groq = run("show").stdout.splitlines()
    assert header.split("\t") == ["PROVIDER", "PROTOCOL", "DESTINATION", "KEYS", "MODELS"]
    keys = "#1 …a1f3 (ronan paid), #2 …b2e4 (expired)"
    assert groq.split("\t") == ["groq", "openai", "https://api.groq.com/openai/v1", keys, "llama"]


def test_show_as_json(run):
    run("encrypt", "-", stdin=PLAIN)
    output = run("show", "--json").stdout
    assert json.loads(output)["providers"]["groq"]["keys"][0]["key"] == "…a1f3" and "gsk_" not in output


def test_show_says_which_keys_come_from_the_environment(run, home, monkeypatch):
    home.path.mkdir()
    store.save_vault(home, PLAIN, Secret(PASSWORD))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-in-the-environment")
    monkeypatch.setenv("GROQ_API_KEY", "gsk-made-up-in-the-environment")
    result = run("show")
    assert "openai\topenai\t(catalogue)\t#1 …ment (environment)" in result.stdout
    assert result.stderr == "keys taken from the environment: OPENAI_API_KEY (openai)\n"
    assert "made-up" not in result.output and "openai" not in run("show", "--json").stdout.replace(".com/openai", "").replace(
        '"protocol": "openai"', "")  # fmt: skip
    assert store.read_vault(home, Secret(PASSWORD)) == PLAIN
    monkeypatch.setenv("PROXY_API_KEY", "two\nlines")
    result = run("show")
    assert (result.exit_code, result.stderr) == (
        1,
        "mitmvault: PROXY_API_KEY: must be visible ASCII characters, without blanks\n",
    )
