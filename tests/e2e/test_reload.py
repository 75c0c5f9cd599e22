"""Files change on disk: the next request uses them, streams under way do not notice, garbage changes nothing."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client import BEARER, CHAT, connection, send
from tests.provider import FakeProvider
from tests.proxy import KEY, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"


def openai(provider: FakeProvider, *keys: dict[str, str]) -> dict[str, object]:
    return {"openai": {"endpoint": f"{provider.url}/v1", "keys": list(keys)}}


def bearer(provider: FakeProvider, number: int) -> str | None:
    return provider.wait_for(number)[number - 1].header("authorization")


def test_a_new_vault_is_used_by_the_next_request(proxy: RunningProxy, provider: FakeProvider) -> None:
    assert send(proxy, PATH, CHAT).status == 200
    proxy.write_vault(openai(provider, key("sk-second-key-0000000001")))
    assert send(proxy, PATH, CHAT).status == 200
    assert [bearer(provider, 1), bearer(provider, 2)] == [f"Bearer {KEY}", "Bearer sk-second-key-0000000001"]


def test_a_stream_under_way_goes_on(proxy: RunningProxy, provider: FakeProvider) -> None:
    stream = provider.stream()
    with connection(proxy) as conn:
        conn.request("POST", PATH, json.dumps(CHAT), {**BEARER, "Content-Type": "application/json"})
        answer = conn.getresponse()
        stream.send(b"data: 1\n\n")
        assert answer.read(9) == b"data: 1\n\n"
        proxy.write_vault({})
        proxy.write_users({"bob": {"key": "mv-bob-token-1234567890"}})
        assert send(proxy, PATH, CHAT).reason == "unknown_token"
        stream.send(b"data: 2\n\n")
        stream.finish()
        assert answer.read() == b"data: 2\n\n"
    proxy.write_users({"alice": {"key": TOKEN}})
    assert send(proxy, PATH, CHAT).reason == "no_usable_key"


@pytest.mark.parametrize("garbage", [b"", b"not base64 !", b"U2FsdGVkX18AAAA="])
@pytest.mark.parametrize("name", ["vault", "users", "settings", "catalogue"])
def test_garbage_is_refused_and_the_old_file_stays_in_force(
    proxy: RunningProxy, provider: FakeProvider, name: str, garbage: bytes
) -> None:
    proxy.write_vault(openai(provider, key()))
    assert send(proxy, PATH, CHAT).status == 200
    path = getattr(proxy.home, name)
    before = path.read_bytes() if path.exists() else b""
    if name in ("settings", "catalogue"):
        garbage = b"no_such_setting: 1\n" + garbage
    path.write_bytes(garbage)
    try:
        assert send(proxy, PATH, CHAT).status == 200
        assert "ERROR mitmvault.addons.keeper a changed file is not used" in proxy.recorder.log_text()
    finally:
        path.write_bytes(before)
    assert send(proxy, PATH, CHAT).status == 200


def test_the_event_loop_goes_on_while_a_vault_is_opened(
    proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PBKDF2 runs in a thread: a tick of the loop comes through while the reload is held up there."""
    from mitmvault.home import store

    entered, release = threading.Event(), threading.Event()
    stock = store.load_vault

    def held(*args: object) -> object:
        entered.set()
        assert release.wait(10)
        return stock(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "load_vault", held)
    proxy.write_vault(openai(provider, key()))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, proxy, PATH, CHAT)
        assert entered.wait(10)
        assert proxy.call(lambda: "ticked") == "ticked"
        release.set()
        assert waiting.result(10).status == 200


def test_round_robin_is_strict_and_never_uses_expired_keys(proxy: RunningProxy, provider: FakeProvider) -> None:
    usable = [f"sk-key-number-{n}-0000000" for n in range(3)]
    keys = [key(usable[0]), key("sk-expired-0000000000", type="expired"), key(usable[1]), key(usable[2])]
    proxy.write_vault(openai(provider, *keys))
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send(proxy, PATH, CHAT).status, range(60)))
    assert replies == [200] * 60
    used = Counter(arrived.header("authorization") for arrived in provider.wait_for(60))
    assert used == {f"Bearer {text}": 20 for text in usable}
    for _ in range(6):
        send(proxy, PATH, CHAT)
    order = [arrived.header("authorization") for arrived in provider.wait_for(66)[60:]]
    assert order[:3] == order[3:] and len(set(order)) == 3
