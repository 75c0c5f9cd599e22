"""The decision in words: the same decision, nothing sent, nothing secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.explain import explain
from mitmvault.core.records.record import Record
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from mitmvault.home.sqlite_ledger import SqliteLedger
from mitmvault.local.pages import PAGES
from tests.proxy import KEY, PASSWORD, TOKEN, key
from tests.worlds import AIG_TOKEN, JSON, PROVIDERS, TOKENS, arrival, bearer, chat, intercepted, through_gateway, world

CHAT = "/groq/v1/chat/completions"


def test_a_permit_step_by_step() -> None:
    came = arrival(CHAT + "?key=x&a=1", bearer(), JSON, ("Cookie", "s=1"), ("X-Host-Final", "api.groq.com"))
    found = explain(through_gateway(), came, chat("m"))
    steps = dict(found.steps)
    assert list(steps) == [
        "way in",
        "user",
        "provider",
        "target",
        "request",
        "model",
        "prefix",
        "key",
        "gateway",
        "removed",
        "set",
    ]
    assert (steps["user"], steps["provider"]) == ("alice", "groq, by X-Host-Final")
    assert steps["target"].startswith("mode compat: ") and "serves chat completions" in steps["target"]
    assert steps["request"] == "POST https://gateway.ai.cloudflare.com/v1/acct/main/compat/chat/completions?a=1"
    assert steps["model"] == "m → groq/m"
    assert steps["prefix"] == "groq/ in front, as gatewayModelPrefix in the vault says"
    assert steps["key"] == "authorization: Bearer [groq #1 …0001], one of 2 that take turns"
    assert steps["removed"] == "authorization, cookie, credentials in the query, x-host-final"
    assert found.facts["keys"] == ["#1 …0001", "#3 …0003"] and found.facts["model"] == {"asked": "m", "sent": "groq/m"}
    told = repr(found)
    assert not any(secret in told for secret in (AIG_TOKEN, TOKENS["alice"], "gsk-made-up-groq-0001"))


def test_an_unchanged_model_and_a_single_key() -> None:
    steps = dict(explain(world(), arrival("/openai/v1/chat/completions", bearer(), JSON), chat("m")).steps)
    assert (steps["model"], steps["key"]) == ("m, unchanged", "authorization: Bearer [openai #1 …0001]")
    assert steps["target"] == "mode direct: the vault sets no gatewayEndpoint"


def test_keys_in_the_body_and_further_steps() -> None:
    steps = [{"provider": name, "query": {"model": "m"}} for name in ("groq", "openai")]
    came, body = arrival("/", bearer(), JSON, ("cf-aig-metadata", "x")), json.dumps(steps).encode()
    found = explain(through_gateway(), came, body)
    assert [text for name, text in found.steps if name == "key"] == [
        "in the body: Bearer [groq #1 …0001]", "in the body: Bearer [openai #1 …0001]"]  # fmt: skip
    assert found.facts["keys"] == ["groq #1 …0001", "openai #1 …0001"]
    assert dict(found.steps)["removed"] == "authorization"
    found = explain(world(), came, body)
    assert dict(found.steps)["else"] == "openai, by step 1: api.openai.com/v1/chat/completions"
    assert dict(found.steps)["removed"] == "authorization, cf-aig-metadata"


def test_no_key_at_all() -> None:
    rest = {"groq": {"gatewayEndpoint": "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1"}}
    steps = dict(explain(world(rest, gateway=True), arrival(CHAT, bearer(), JSON), chat("m")).steps)
    assert steps["gateway"] == "authorization: Bearer [gateway …0001]" and "key" not in steps
    assert steps["target"].startswith("mode rest: ")


def test_a_refusal() -> None:
    found = explain(world(), arrival("/mistral/v1/chat/completions", bearer(), JSON), chat())
    assert (found.reason, found.status, found.facts["reason"]) == ("no_usable_key", 503, "no_usable_key")
    assert dict(found.steps)["refused"] == "503 no_usable_key"


def connect(host: str, *headers: tuple[str, str]) -> Any:
    return arrival("", *headers, method="CONNECT", host=host, port=443, scheme="https", authority=f"{host}:443")


def test_tunnels() -> None:
    inner = intercepted("api.openai.com", "/v1/models", ("Authorization", "Bearer sk-dummy"), method="GET")
    basic = ("Proxy-Authorization", "Basic eDptdi1hbGljZS10b2tlbi1tYWRlLXVw")
    assert dict(explain(world(), inner, b"", connect("api.openai.com", basic)).steps)["user"] == "alice"
    assert explain(world(), inner, b"", connect("api.openai.com")).reason == "unknown_token"
    assert explain(world(), inner, b"", connect("10.0.0.1")).reason == "destination_refused"
    foreign = explain(world(), inner, b"", connect("example.org"))
    assert foreign.reason is None and foreign.facts == {"tunnel": "unread"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("AI_JSON_CRYPTOKEN", PASSWORD)
    monkeypatch.setenv("MITMVAULT_HOME", str(tmp_path))
    made = Home(tmp_path)
    document = {"version": 1, "providers": PROVIDERS | {"openai": {"keys": [key()]}}}
    store.save_vault_document(made, document, Secret(PASSWORD))
    store.save_users_document(made, {"alice": {"key": TOKEN}})
    return made


def run(*words: str, **more: Any) -> Any:
    found = CliRunner().invoke(cli, ["explain", *words], **more)
    assert KEY not in found.output and TOKEN not in found.output and PASSWORD not in found.output
    return found


AUTH = ("-H", f"Authorization: Bearer {TOKEN}")


def test_a_curl_command(home: Home) -> None:
    found = run("curl", "-s", "http://127.0.0.1:8080/openai/v1/chat/completions", *AUTH, "-d", '{"model":"gpt-x"}')
    lines = dict(line.split("\t") for line in found.output.splitlines())
    assert found.exit_code == 0, found.output
    assert lines["request"] == "POST https://api.openai.com/v1/chat/completions" and lines["user"] == "alice"


def test_a_provider_host_through_the_proxy(home: Home) -> None:
    found = run("--json", "https://api.openai.com/v1/models", "-x", f"http://x:{TOKEN}@127.0.0.1:8080")
    facts = json.loads(found.output)
    assert (facts["ok"], facts["rule"], facts["user"]) == (True, "intercepted host api.openai.com", "alice")


def test_as_somebody(home: Home) -> None:
    url = "http://127.0.0.1:8080/v1/chat/completions"
    found = run("--json", "--user", "alice", "--body-file", "-", "-X", "POST", url, input='{"model":"groq/llama"}')
    facts = json.loads(found.output)
    assert (facts["provider"], facts["model"]) == ("groq", {"asked": "groq/llama", "sent": "llama"})
    assert run("--user", "nobody", url).exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["http://127.0.0.1:8080/openai/v1/models"], 1, "missing_token"),
        (["https://10.0.0.1/x"], 1, "destination_refused"),
        (["https://example.org/x"], 0, "unread"),
        (["--user", "alice", "http://127.0.0.1:8080/v1/models"], 0, "itself"),
        (["-X", "DELETE", "http://127.0.0.1:8080/v1/models"], 1, "method_not_allowed"),
        (["--user", "alice", "http://127.0.0.1:8080/key/0/openai/v1/files"], 0, "https://api.openai.com/v1/files"),
        (["--user", "alice", "http://127.0.0.1:8080/key/9/openai/v1/files"], 1, "no_such_key"),
        (["curl"], 2, "no URL"),
        (["ftp://x/"], 2, "http"),
        ([], 2, "Missing argument"),
    ],
)
def test_refusals_and_wrong_usage(home: Home, words: list[str], code: int, text: str) -> None:
    found = run(*words)
    assert found.exit_code == code and text in found.output, found.output


def test_a_flow(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running proxy is asked; tests/e2e/test_control.py asks a real one."""
    asked = []

    def ask(where: Home, name: str, **words: str) -> Any:
        asked.append((where.path, name, words))
        return {"flow": "4f1c2a9b-1", "reason": None, "steps": [["user", "al\tice"]], "facts": {}, "record": None}

    monkeypatch.setattr("mitmvault.cli.explain.control_client.ask", ask)
    assert run("4F1C2A9B").output == "STEP\tWHAT\nuser\tal?ice\n"
    assert json.loads(run("--json", "4f1c2a9b-0000-4000-8000-000000000000").output)["flow"] == "4f1c2a9b-1"
    assert [words["flow"] for _, _, words in asked] == ["4f1c2a9b", "4f1c2a9b-0000-4000-8000-000000000000"]
    run("4f1c2a9b", "-X", "GET")  # a strange host, but a curl command
    run("4f1c2a9b.example")
    assert len(asked) == 2


def test_a_flow_without_a_proxy(home: Home) -> None:
    found = run("4f1c2a9b")
    assert found.exit_code == 1 and "mitmvault serve" in found.stderr


def test_a_list_of_models_is_ours_where_the_vault_names_some_and_the_providers_where_not() -> None:
    made = world({"openai": PROVIDERS["openai"] | {"models": [{"id": "gpt-4o"}]}, "groq": PROVIDERS["groq"]})
    ours, theirs, nobodys = (
        explain(made, arrival(f"/{name}/v1/models", bearer(), method="GET"), pages=PAGES)
        for name in ("openai", "groq", "nobody")
    )
    assert dict(ours.steps)["page"] == "mitmvault answers /{provider}/v1/models itself"
    assert dict(theirs.steps)["request"] == "GET https://api.groq.com/openai/v1/models"
    assert (nobodys.status, nobodys.reason) == (404, "not_found")


@pytest.mark.parametrize("target", ["/ai.json", "/ai.json.enc?x=1"])
def test_the_vault_is_no_provider_and_takes_no_user_token(target: str) -> None:
    (_, page) = explain(world(), arrival(target, bearer(), method="GET"), pages=PAGES).steps
    assert page == ("page", f"mitmvault answers {target.partition('?')[0]} itself, to the crypto token")


def test_a_flow_that_only_the_ledger_remembers(home: Home) -> None:
    ledger = SqliteLedger(home.ledger)
    ledger.write([Record(1.0, "alice", provider="groq", key="#1 …a1f3", status=200, flow="4f1c2a9b-0000-4000-8000-1")])
    ledger.close()
    found = run("4f1c2a9b")
    assert found.exit_code == 0 and "story\talice → groq · key #1 …a1f3\n" in found.output
    assert "not remembered" in found.output and "200 to the client" in found.output
    assert run("4f1c2a9c").exit_code == 1


def test_the_dashboard_is_no_provider() -> None:
    (_, page) = explain(world(), arrival("/ui/api/now", bearer(), method="GET"), pages=PAGES).steps
    assert page == ("page", "mitmvault answers it itself, to admins: the dashboard")
    final = explain(world(), arrival("/ui/x", bearer(), ("X-Host-Final", "api.openai.com"), method="GET"), pages=PAGES)
    assert final.facts["provider"] == "openai"
