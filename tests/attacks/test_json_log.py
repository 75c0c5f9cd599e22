"""P10: `log_format: json` writes one object a line, whatever clients send, and no secret is in it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.attacks.tools import SECRETS, head
from tests.client import BEARER, CHAT, raw, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TOKEN
from tests.serving import Serving

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"
PROMPT = "the-secret-plan-of-the-prompt"
FORGED = 'x"}\n{"event": "request", "user": "forged"}'


@pytest.fixture
def serving(tmp_path: Path, provider: FakeProvider) -> Iterator[Serving]:
    home = Home(tmp_path / "home")
    home.path.mkdir(0o700)
    vault = {"version": 1, "providers": standard_providers(provider.url)}
    store.save_vault_document(home, vault, Secret(PASSWORD))
    store.save_users_document(home, {"alice": {"key": TOKEN}})
    home.settings.write_text("log_format: json\nledger_days: 0\nretry: 1\n")
    with Serving(home.path, environ={"AI_JSON_CRYPTOKEN": PASSWORD}) as running:
        running.wait_for(r'"event": "ready"')
        yield running


def lines(serving: Serving) -> list[dict[str, Any]]:
    return [json.loads(line) for line in serving.stdout.splitlines()]


def test_one_object_a_line_and_no_secret(serving: Serving, provider: FakeProvider) -> None:
    provider.next(429, (), KEY.encode())
    body = CHAT | {"model": FORGED, "messages": [{"role": "user", "content": PROMPT}]}
    good = send(serving, PATH, body, headers=BEARER | {"X-Session-ID": "s-1"})  # type: ignore[arg-type]
    assert good.status == 200
    for headers in ({}, {"Authorization": f"Bearer {SECRETS[2]}"}, BEARER | {"Cookie": f"a={TOKEN}"}):
        send(serving, f"/openai/v1/x?key={TOKEN}", CHAT, headers=headers)  # type: ignore[arg-type]
        send(serving, "/openai/v1/%0a%22%7d", CHAT, headers=headers)  # type: ignore[arg-type]
    for bad in (f"GET /{TOKEN}\x01 HTTP/1.1", f"GET {PATH} HTTP/9.9", f"{KEY} / HTTP/1.1"):
        with raw(serving) as client:  # type: ignore[arg-type]
            client.send(head(bad, f"X-Odd\t: {KEY}", host="127.0.0.1")).to_end()
    (serving.home / "users.json").write_text(
        '{"alice": {"key": "' + TOKEN
    )  # does not load; who asks next is told of it
    send(serving, PATH, CHAT)  # type: ignore[arg-type]
    serving.wait_for(r"is not used")
    assert serving.end(signal.SIGTERM) == 0
    found = lines(serving)
    requests = [one for one in found if one.get("event") == "request"]
    assert len(requests) >= 8 and not [one for one in found if one.get("user") == "forged"]
    first = requests[0]
    assert (first["user"], first["session"], first["provider"], first["status"]) == ("alice", "s-1", "openai", 200)
    assert first["attempts"] == 2 and first["path"] == "/v1/chat/completions" and len(first["id"]) == 36
    assert [one for one in found if one["level"] == "error" and "is not used" in one["message"]]
    said = serving.stdout + serving.stderr
    assert not [secret for secret in (*SECRETS, KEY, PASSWORD, PROMPT) if secret in said]
