"""`mitmvault test`: a changed decision is exit code 1; nothing is sent, and no secret is shown or needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.proxy import KEY, PASSWORD, TOKEN, key

GROQ = {"keys": [key("gsk-made-up-groq-key-0001"), key("gsk-made-up-groq-key-0002")]}
PROVIDERS = {"openai": {"keys": [key()]}, "groq": GROQ}
CASE = """# the team's own words
request:
  user: alice
  method: POST
  url: http://127.0.0.1:8080/v1/chat/completions
  body: {model: groq/llama}
expect:
  provider: groq
  url: https://api.groq.com/openai/v1/chat/completions
  keys: ["#1 …0001", "#2 …0002"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    made = Home(tmp_path / "home")
    made.path.mkdir()
    monkeypatch.setenv("MITMVAULT_HOME", str(made.path))
    store.save_vault_document(made, {"version": 1, "providers": PROVIDERS}, Secret(PASSWORD))
    store.save_users_document(made, {"alice": {"key": TOKEN}, "bob": {"key": TOKEN + "2", "models": ["small"]}})
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "chat.yaml").write_text(CASE)
    return made


def run(home: Home, *words: str) -> Any:
    found = CliRunner().invoke(cli, ["test", *words, str(home.path.parent / "cases")])
    assert KEY not in found.output and TOKEN not in found.output and PASSWORD not in found.output
    return found


def move_to_gateway(home: Home) -> None:
    moved = GROQ | {"gatewayEndpoint": "https://gateway.ai.cloudflare.com/v1/acct/main/compat", "gatewayKey": "cf-x-1"}
    store.save_vault_document(
        home,
        {"version": 1, "providers": PROVIDERS | {"groq": moved | {"gatewayModelPrefix": "grok"}}},
        Secret(PASSWORD),
    )


def test_nothing_has_changed(home: Home) -> None:
    found = run(home)
    assert found.exit_code == 0 and "the same" in found.stdout and "1 ok" in found.stderr


def test_a_changed_decision(home: Home) -> None:
    (home.path.parent / "cases" / "bob.yaml").write_text(CASE.replace("alice", "bob"))
    move_to_gateway(home)
    found = run(home)
    assert found.exit_code == 1 and "2 changed" in found.stderr
    bob, alice = (line.split("\t") for line in found.stdout.splitlines()[1:])
    assert alice[1:3] == ["changed", "url https://api.groq.com/openai/v1/chat/completions"]
    assert "url https://gateway.ai.cloudflare.com/v1/acct/main/compat/chat/completions" in alice[3]
    assert "provider groq" in bob[2] and "refused model_not_allowed" in bob[3] and "why: " in bob[3]


def test_json(home: Home) -> None:
    (home.path.parent / "cases" / "broken.yaml").write_text("request: {}")
    move_to_gateway(home)
    found = run(home, "--json")
    document = json.loads(found.stdout)
    broken, chat = document["cases"]
    assert (found.exit_code, document["ok"]) == (1, False)
    assert (broken["status"], "is missing" in broken["problem"]) == ("error", True)
    assert (chat["status"], chat["changed"], chat["found"]["mode"]) == ("changed", ["url"], "compat")
    assert ["model", "groq/llama → grok/llama"] in chat["why"]


def test_update(home: Home) -> None:
    move_to_gateway(home)
    path = home.path.parent / "cases" / "chat.yaml"
    found = run(home, "--update")
    assert found.exit_code == 0 and "updated" in found.stdout
    text = path.read_text()
    assert text.startswith("# the team's own words\n") and "compat/chat/completions" in text and "keys:" in text
    assert run(home).exit_code == 0 and path.read_text() == text
    store.save_users_document(home, {"carol": {"key": TOKEN}})
    assert run(home, "--update").exit_code == 0
    assert "expect:\n  refused: unknown_token\n" in path.read_text()


def test_a_configuration_without_secrets(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = home.path.parent / "policy"
    policy.mkdir()
    for name, words in (("vault.json", ["vault", "show", "--json"]), ("users.json", ["users", "list", "--json"])):
        shown = CliRunner().invoke(cli, words).stdout
        assert KEY not in shown and TOKEN not in shown and "gsk-made-up" not in shown
        (policy / name).write_text(shown)
    monkeypatch.delenv("AI_JSON_CRYPTOKEN")
    monkeypatch.setenv("MITMVAULT_HOME", "/nonexistent")
    assert run(home, "--config", str(policy)).exit_code == 0
    users = json.loads((policy / "users.json").read_text())
    (policy / "users.json").write_text(json.dumps(users | {"alice": {"providers": ["openai"]}}))
    found = run(home, "--config", str(policy))
    assert found.exit_code == 1 and "provider_not_allowed" in found.stdout


def test_the_environment_decides_as_it_does_for_the_proxy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = GROQ | {"gatewayEndpoint": "https://gateway.ai.cloudflare.com/v1/{account}/main/compat"}
    store.save_vault_document(home, {"version": 1, "providers": {"groq": moved}}, Secret(PASSWORD))
    assert run(home).exit_code == 0  # no gateway without a token for it
    monkeypatch.setenv("CLOUDFLARE_AIG_TOKEN", "made-up-token")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acct")
    found = run(home)
    assert found.exit_code == 1 and "https://gateway.ai.cloudflare.com/v1/acct/main/compat" in found.stdout


def test_nothing_to_test(home: Home) -> None:
    (home.path.parent / "cases" / "chat.yaml").unlink()
    assert run(home).exit_code == 1


def test_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["test"]).exit_code == 2
    assert CliRunner().invoke(cli, ["test", "--config", "/nonexistent", "x"]).exit_code == 2
