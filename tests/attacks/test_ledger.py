"""P10, P16: no key, no token and no word of a prompt in the ledger, and nothing in it that could forge a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core.records.record import MAX_TEXT, Record
from tests.attacks.conftest import Attacked
from tests.attacks.tools import BOB, CHAT_TARGET, DECOY, SECRETS, resolver
from tests.books import rows, wait_for
from tests.client import BEARER, CHAT, send
from tests.leaks import leaks
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
PROMPT, ANSWER = "the-secret-plan-of-the-prompt", "the-secret-plan-of-the-answer"
FORGED = "2026-11-21 alice 9999 requests"


def ledger_files(proxy: RunningProxy) -> Iterator[Path]:
    ledger = proxy.home.ledger
    return ledger.parent.glob(f"{ledger.name}*")


def last_row(proxy: RunningProxy, before: int) -> Record:
    return wait_for(proxy.home.ledger, before + 1)[-1]


class TestLedger(Attacked):
    settings = "retry: 1\n"

    def test_nothing_secret_is_kept(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        before = len(rows(proxy.home.ledger))
        body = {"model": "m-1", "messages": [{"role": "user", "content": PROMPT}]}
        provider.text = ANSWER
        asked = 0
        for headers in (BEARER, {"x-api-key": TOKEN}, {"Authorization": f"Bearer {DECOY}"}, BEARER | {"Cookie": TOKEN}):  # fmt: skip
            for target in (CHAT_TARGET, f"{CHAT_TARGET}?key={TOKEN}&q={PROMPT}", f"/gemini/v1beta/x?key={TOKEN}"):
                send(proxy, target, body, headers=headers)
                asked += 1
        provider.next(500, body=f"{KEY} {ANSWER}")  # an attempt that failed, and repeats the key
        send(proxy, CHAT_TARGET, body)
        send(proxy, "/v1/chat/completions", body | {"stream": True}, via="api.openai.com")
        provider.next(302, {"Location": f"https://evil.example/{KEY}"})
        send(proxy, CHAT_TARGET, body)
        found = wait_for(proxy.home.ledger, before + asked + 3)
        assert {row.status for row in found} >= {200, 403, 502}
        kept = [row.reason for row in found]
        assert "upstream_redirect" in kept and "unknown_token" in kept
        for path in ledger_files(proxy):
            wanted = {text: text for text in (*SECRETS, PASSWORD, PROMPT, ANSWER)}
            assert leaks(wanted, path.read_bytes()) == []

    @pytest.mark.parametrize(
        "text", [f"x{end}{FORGED}" for end in ("\r\n", "\0", "\x1b[2K", "\u2028", "\x85", "\u202e")]
    )
    def test_a_name_forges_nothing(self, proxy: RunningProxy, provider: FakeProvider, text: str) -> None:
        before = len(rows(proxy.home.ledger))
        assert send(proxy, CHAT_TARGET, CHAT | {"model": text}).status == 200
        row = last_row(proxy, before)
        assert row.model_asked and row.model_asked.isprintable() and row.model_asked.startswith("x\\x")
        shown = CliRunner().invoke(cli, ["usage", "--home", str(proxy.home.path), "--by", "model"])
        assert shown.exit_code == 0 and not [line for line in shown.stdout.split("\n") if line.startswith(FORGED)]
        assert all(char.isprintable() or char in "\t\n" for char in shown.stdout)

    @pytest.mark.parametrize("text", ["x" * 100_000, "\ud800", "'; DROP TABLE requests; --", "\\x00"])
    def test_a_name_breaks_nothing(self, proxy: RunningProxy, provider: FakeProvider, text: str) -> None:
        before = len(rows(proxy.home.ledger))
        send(proxy, CHAT_TARGET, CHAT | {"model": text})
        assert send(proxy, CHAT_TARGET, CHAT | {"model": "after"}).status == 200
        found = wait_for(proxy.home.ledger, before + 2)
        assert found[-1].model_asked == "after" and len(found[-2].model_asked or "") <= MAX_TEXT

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
    def test_a_name_is_no_formula(self, proxy: RunningProxy, provider: FakeProvider, text: str) -> None:
        before = len(rows(proxy.home.ledger))
        assert send(proxy, CHAT_TARGET, CHAT | {"model": text}).status == 200
        last_row(proxy, before)
        shown = CliRunner().invoke(cli, ["usage", "--home", str(proxy.home.path), "--by", "model", "--csv"])
        names = [line[0] for line in csv.reader(io.StringIO(shown.stdout))]
        assert f"'{text}" in names and text not in names

    def test_only_the_owner_may_read_it(self, proxy: RunningProxy) -> None:
        assert {path.stat().st_mode & 0o777 for path in ledger_files(proxy)} == {0o600}

    def test_nobody_reaches_it_through_the_proxy(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        with resolver(proxy):
            for target in ("/ledger.sqlite3", "/../ledger.sqlite3", "/openai/../../ledger.sqlite3"):
                assert b"SQLite format" not in send(proxy, target).body


class TestSessions(Attacked):
    leaks = True  # the header is no carrier of tokens, and shows in the flow until it is stripped

    def test_a_token_is_no_session(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        assert send(proxy, CHAT_TARGET, CHAT, headers=BEARER | {"X-Session-ID": BOB}).status == 200
        assert last_row(proxy, 0).session is None
