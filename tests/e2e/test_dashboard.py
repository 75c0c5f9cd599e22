"""The dashboard over HTTP: its files, signing in and out, its data, and what programs get."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests import busy_ledger
from tests.books import wait_for
from tests.client import BEARER, CHAT, Reply, connection, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
BOB = "mv-bob-token-for-tests-only"
USERS = {"alice": {"key": TOKEN, "admin": True}, "bob": {"key": BOB}}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    busy_ledger.write(home / "ledger.sqlite3", busy_ledger.week(time.time(), 2.0, 100))
    with RunningProxy(home, standard_providers(provider_of_module.url), users=USERS) as running:
        yield running
        running.assert_nothing_leaked(BOB)


def get(proxy: RunningProxy, path: str, **headers: str) -> Reply:
    return send(proxy, path, method="GET", headers={name.replace("_", "-"): value for name, value in headers.items()})


def sign_in(proxy: RunningProxy, token: str = TOKEN) -> tuple[Reply, dict[str, str]]:
    """The answer, and the headers that the page's script sends from then on."""
    headers = {"Authorization": f"Bearer {token}", "Content-Length": "0"}
    reply = send(proxy, "/ui/session", method="POST", headers=headers)
    cookie = reply.headers.get("set-cookie", "").partition(";")[0]
    return reply, {"Cookie": cookie, "X-Mitmvault-Page": reply.json.get("page", "")}


def test_files(proxy: RunningProxy) -> None:
    page = get(proxy, "/ui/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html") and b"app.js" in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("app.js", "app.css", "icon.svg"):
        assert get(proxy, f"/ui/{name}").status == 200
    assert get(proxy, "/ui").headers["location"] == "/ui/"
    assert get(proxy, "/ui/nothing").reason == "not_found"
    assert send(proxy, "/ui/", method="POST", headers={"Content-Length": "0"}).reason == "method_not_allowed"


def test_a_session(proxy: RunningProxy) -> None:
    reply, headers = sign_in(proxy)
    assert reply.status == 200 and reply.json["user"] == "alice"
    assert "HttpOnly" in reply.headers["set-cookie"] and "SameSite=Strict" in reply.headers["set-cookie"]
    session = send(proxy, "/ui/api/session", headers=headers)
    assert session.status == 200 and session.json["user"] == "alice" and session.headers["cache-control"] == "no-store"
    gone = send(proxy, "/ui/session", method="DELETE", headers=headers)
    assert gone.status == 200 and "Max-Age=0" in gone.headers["set-cookie"]
    assert send(proxy, "/ui/api/session", headers=headers).reason == "missing_token"


def test_data(proxy: RunningProxy, provider: FakeProvider) -> None:
    before = send(proxy, "/ui/api/tail", headers=BEARER).json["requests"][0]["id"]
    rows = len(wait_for(proxy.home.ledger, 1))
    send(proxy, "/groq/v1/chat/completions", CHAT)
    wait_for(proxy.home.ledger, rows + 1)
    (row,) = send(proxy, f"/ui/api/tail?after={before}", headers=BEARER).json["requests"]
    assert row["story"].startswith("alice → groq · model m-1 · key #1") and row["status"] == 200
    told = send(proxy, f"/ui/api/explain?flow={row['flow']}", headers=BEARER).json
    assert ["provider", "groq, by path prefix /groq/"] in told["steps"]
    now = send(proxy, "/ui/api/now", headers=BEARER).json
    assert now["minute"]["requests"] >= 1 and "groq" in {key["provider"] for key in now["keys"]}
    summary = send(proxy, "/ui/api/summary?range=7d", headers=BEARER).json
    assert summary["total"]["requests"] > 150 and len(summary["series"]) == 84
    mine = send(proxy, "/ui/api/summary?range=7d&provider=mine", headers=BEARER).json
    assert 0 < mine["total"]["requests"] < summary["total"]["requests"] and mine["total"]["cost"] is None


def test_what_is_forgotten_is_told_from_the_ledger(proxy: RunningProxy) -> None:
    row = send(proxy, "/ui/api/tail", headers=BEARER).json["requests"][-1]
    told = send(proxy, f"/ui/api/explain?flow={row['flow']}", headers=BEARER).json
    assert told["steps"][0] == ["story", row["story"]] and "not remembered" in told["steps"][1][1]
    assert send(proxy, "/ui/api/explain?flow=00000000-0000", headers=BEARER).reason == "not_found"


@pytest.mark.parametrize("query", ["summary?range=1y", "tail?after=x", "tail?after=-1", "tail?after=1&after=2"])
def test_wrong_questions(proxy: RunningProxy, query: str) -> None:
    assert send(proxy, f"/ui/api/{query}", headers=BEARER).reason in ("bad_request", "duplicate_field")


def test_a_connection_that_is_used_already(proxy: RunningProxy) -> None:
    """Browsers keep connections: there they are told to come again, and the new connection serves them."""
    with connection(proxy) as conn:
        conn.request("GET", "/health")
        assert conn.getresponse().read()
        conn.request("GET", "/ui/api/session", headers=BEARER)
        answer = conn.getresponse()
        answer.read()
        assert answer.status == 307 and answer.headers["connection"] == "close"
    assert send(proxy, answer.headers["location"], headers=BEARER).json["user"] == "alice"


def test_no_ledger(proxy: RunningProxy) -> None:
    kept = proxy.home.ledger.rename(proxy.home.ledger.with_name("kept"))
    try:
        assert "no ledger" in send(proxy, "/ui/api/summary?range=30d&user=new", headers=BEARER).json["problem"]
    finally:
        kept.rename(proxy.home.ledger)


def test_it_is_no_flow(proxy: RunningProxy) -> None:
    _, headers = sign_in(proxy)
    send(proxy, "/ui/api/now", headers=headers)
    seen = proxy.observed()
    assert b"alice signed in" in seen and b"/ui/api/now" not in seen
    assert headers["Cookie"].encode() not in seen and headers["X-Mitmvault-Page"].encode() not in seen
    json.dumps(headers)
