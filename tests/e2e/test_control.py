"""The running proxy asked by its owner: what is under way, what ended, why a request went where it went."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.home import control_client
from tests.client import BEARER, CHAT, connection, send
from tests.provider import FakeProvider
from tests.proxy import RunningProxy
from tests.serving import eventually

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"


def command(proxy: RunningProxy, *words: str):
    return CliRunner().invoke(cli, [*words[:1], "--home", str(proxy.home.path), *words[1:]])


def test_under_way_then_ended(proxy: RunningProxy, provider: FakeProvider) -> None:
    stream = provider.stream()
    with connection(proxy) as conn:
        conn.request("POST", PATH, json.dumps(CHAT | {"stream": True}), BEARER | {"Content-Type": "application/json"})
        answer = conn.getresponse()
        piece = b'data: {"choices":[{"delta":{"content":"some words of a model"}}]}\n\n'
        stream.send(piece)
        assert answer.read(len(piece)) == piece
        (row,) = control_client.ask(proxy.home, "status")["under_way"]
        assert (row["user"], row["provider"], row["model"], row["phase"]) == ("alice", "openai", "m-1", "streaming")
        assert row["bytes_out"] == len(piece) and row["bytes_in"] > 20
        assert row["tokens_out"] == 6 and row["tokens_per_second"] > 0
        shown = command(proxy, "top", "--once")
        assert shown.exit_code == 0 and "1 under way" in shown.stdout and row["flow"][:8] in shown.stdout
        told = command(proxy, "explain", row["flow"][:8])
        assert told.exit_code == 0 and "provider\topenai, by path prefix /openai/" in told.stdout
        assert "under way\t" in told.stdout
        stream.finish()
        answer.read()
    assert eventually(lambda: control_client.ask(proxy.home, "status")["under_way"] == [])
    told = json.loads(command(proxy, "explain", "--json", row["flow"]).stdout)
    assert (told["record"]["status"], told["record"]["flow"], told["facts"]["user"]) == (200, row["flow"], "alice")
    assert control_client.ask(proxy.home, "status")["minute"]["requests"] >= 1


def test_a_refusal(proxy: RunningProxy) -> None:
    assert send(proxy, PATH, CHAT, headers={}).reason == "missing_token"
    error = control_client.ask(proxy.home, "status")["errors"][0]
    assert (error["status"], error["reason"], error["user"]) == (401, "missing_token", None)
    told = command(proxy, "explain", error["flow"])
    assert told.exit_code == 1 and "refused\t401 missing_token" in told.stdout


def test_what_is_not_known(proxy: RunningProxy) -> None:
    told = command(proxy, "explain", "00000000-0000-4000-8000-000000000000")
    assert told.exit_code == 1 and "no such flow" in told.stderr and "Traceback" not in told.stderr
