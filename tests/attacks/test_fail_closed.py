"""P9: whatever breaks, a client gets an error in JSON, and nothing leaves: no request, no tunnel."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import ctx

from mitmvault.addons import gate as gate_module
from mitmvault.addons import tunnels as tunnels_module
from mitmvault.wire import key as wire_key
from tests.attacks.conftest import USERS, providers
from tests.attacks.tools import CHAT_TARGET, OPENAI, SECRETS, Evil, assert_unreached, refused, resolver
from tests.client import CHAT, Reply, over_tls, send, tunnel
from tests.provider import FakeProvider
from tests.proxy import ENTRY, KEY, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
V1 = "/v1/chat/completions"
DEADLINE = 15
ALLOW = "allow_networks: [127.0.0.3/32]\n"


class Boom(Exception):
    """Its text holds what must not be shown."""

    def __init__(self) -> None:
        super().__init__(f"boom {TOKEN} {KEY}")


def boom(*args: Any, **kwargs: Any) -> Any:
    raise Boom


async def boom_async(*args: Any, **kwargs: Any) -> Any:
    raise Boom


def assert_closed(proxy: RunningProxy, provider: FakeProvider, evil: Evil, reasons: set[str] | None = None) -> None:
    """Every way in ends in a JSON error; nothing reaches the provider or anybody else."""
    for target, via in ((CHAT_TARGET, None), (V1, OPENAI)):
        try:
            reply = send(proxy, target, CHAT, via=via)
        except OSError as error:  # the CONNECT was refused already
            assert "Tunnel connection failed: 50" in str(error), error
            continue
        assert reply.status in (500, 502, 503), reply.body
        assert reasons is None or reply.reason in reasons
        refused(reply, reply.status, reply.reason)
    assert_unreached(provider)
    assert_no_relay(proxy, evil)


def assert_no_relay(proxy: RunningProxy, evil: Evil) -> None:
    before = evil.connections
    with resolver(proxy, {"evil.example": ["127.0.0.3"]}), tunnel(proxy, f"evil.example:{evil.port}") as client:
        if b" 200 " in client.received.partition(b"\r\n")[0]:
            client.sock.settimeout(1)
            try:
                with over_tls(client, proxy.tls(), "evil.example"):
                    pass
            except OSError:
                pass
    assert evil.connections == before


def assert_works(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.clear()
    assert send(proxy, CHAT_TARGET, CHAT).status == 200
    assert len(provider.wait_for(1)) == 1
    provider.clear()


@pytest.fixture(scope="class")
def proxy(
    provider_of_module: FakeProvider, wire_of_module: Evil, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """Tunnels to the attacker's host would work here. (No look at leaks at the end: what hides is broken, too.)"""
    vault, entry = providers(provider_of_module, wire_of_module), tmp_path_factory.mktemp("script") / "entry.py"
    shutil.copy(ENTRY, entry)
    with RunningProxy(tmp_path_factory.mktemp("home"), vault, users=USERS, settings=ALLOW, entry=entry) as running:
        yield running


@pytest.fixture(autouse=True)
def works_before_and_after(
    request: pytest.FixtureRequest, proxy: RunningProxy, provider: FakeProvider
) -> Iterator[None]:
    assert_works(proxy, provider)
    yield
    if "Script" not in request.node.nodeid:
        assert_works(proxy, provider)


class TestExceptions:
    """Parts made to raise, from the outside in."""

    @pytest.mark.parametrize(
        ("addon", "hook"),
        [("gate", "requestheaders"), ("gate", "request"), ("keeper", "world"), ("gate", "_identified"),
         ("gate", "_expect_body"), ("gate", "_settle"), ("gate", "pages"), ("tunnels", "has"), ("tunnels", "owner")],
    )  # fmt: skip
    def test_methods(
        self,
        proxy: RunningProxy,
        provider: FakeProvider,
        evil: Evil,
        monkeypatch: pytest.MonkeyPatch,
        addon: str,
        hook: str,
    ) -> None:
        broken = boom_async if hook in ("world", "requestheaders") else boom
        proxy.call(lambda: monkeypatch.setattr(proxy.addon(addon), hook, broken))
        for target, via in ((CHAT_TARGET, None), (V1, OPENAI)):
            try:
                reply = send(proxy, target, CHAT, via=via)
            except OSError as error:
                assert "Tunnel connection failed: 500" in str(error)
                continue
            refused(reply, reply.status, reply.reason)
            assert reply.reason in ("internal_error", "not_permitted", "upstream_unreachable")
        assert_unreached(provider)

    @pytest.mark.parametrize("name", ["admit", "settle", "is_own", "grant", "hide", "remember", "arrival_of"])
    def test_the_gates_helpers(
        self, proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        if name == "is_own":
            monkeypatch.setattr(gate_module.vault_api, "covers", lambda target: True)  # it is asked of these alone
        monkeypatch.setattr(gate_module, name, boom)
        refused(send(proxy, CHAT_TARGET, CHAT), 500, "internal_error")
        assert_unreached(provider)

    @pytest.mark.parametrize("name", ["tunnel", "arrival_of", "hide", "_check_addresses"])
    def test_the_tunnels_helpers(
        self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(tunnels_module, name, boom)
        with resolver(proxy, {"evil.example": ["127.0.0.3"]}):
            with tunnel(proxy, f"evil.example:{evil.port}") as client:
                assert client.received.split()[1] == b"500"
                assert b"x-mitmvault-reason: internal_error" in client.received
        assert evil.connections == 0

    @pytest.mark.parametrize("hook", ["http_connect", "tls_clienthello", "_is_foreign", "_approve"])
    def test_tunnels_hooks(
        self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, monkeypatch: pytest.MonkeyPatch, hook: str
    ) -> None:
        broken = boom_async if hook == "http_connect" else boom
        proxy.call(lambda: monkeypatch.setattr(proxy.addon("tunnels"), hook, broken))
        assert_no_relay(proxy, evil)

    def test_dialling(
        self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mitmvault.wire import dial

        async def no(*args: Any) -> str:
            return "no"

        monkeypatch.setattr(dial, "judge", no)
        assert_closed(proxy, provider, evil, {"upstream_unreachable"})

    @pytest.mark.parametrize("name", ["write", "_check"])
    def test_writing_the_key(
        self, proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(wire_key, name, boom)
        before = len(proxy.recorder.log_text())
        for target, via in ((CHAT_TARGET, None), (V1, OPENAI)):
            reply = send(proxy, target, CHAT, via=via)
            refused(reply, reply.status, "internal_error")
        assert_unreached(provider)
        assert "boom" not in proxy.recorder.log_text()[before:]

    @pytest.mark.parametrize("hook", ["responseheaders", "response"])
    def test_answers(
        self, proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, hook: str
    ) -> None:
        """The request has left; what comes back must still arrive, or be an error, and hold no key."""
        proxy.call(lambda: monkeypatch.setattr(proxy.addon("answers"), hook, boom))
        reply = send(proxy, CHAT_TARGET, CHAT)
        assert reply.status in (200, 500, 502)
        assert KEY.encode() not in reply.body

    def test_no_world(
        self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy.call(lambda: monkeypatch.setattr(proxy.addon("keeper"), "_world", None))
        assert_closed(proxy, provider, evil, {"not_ready"})

    def test_switched_off(self, proxy: RunningProxy, provider: FakeProvider, evil: Evil) -> None:
        from mitmvault.wire import switch

        switch.off()
        try:
            assert_closed(proxy, provider, evil)
        finally:
            switch.on()

    def test_the_token_is_hidden_even_then(
        self, proxy: RunningProxy, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gate_module, "arrival_of", boom)
        before = len(proxy.recorder.states)
        refused(send(proxy, CHAT_TARGET, CHAT), 500, "internal_error")
        assert all(TOKEN not in str(flow.request.headers) for flow in proxy.recorder.states[before:])


def replaced(text: str, old: str, new: str) -> str:
    assert old in text  # or nothing would be broken
    return text.replace(old, new)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda path: path.write_text("def ("),
        lambda path: path.write_text("import no_such_module"),
        lambda path: path.write_text("addons = [1 / 0]"),
        lambda path: path.write_text(""),
        lambda path: path.write_text("addons = []"),
        lambda path: path.write_text(replaced(path.read_text(), "Gate(_keeper, _tunnels)", "BrokenOnPurpose()")),
        lambda path: path.unlink(),  # the last: mitmproxy looks no longer
    ],
    ids=["syntax", "import", "runtime", "empty", "no addons", "typo", "deleted"],
)
class TestScript:
    """The entry script is broken while the proxy runs. mitmproxy looks at it every second."""

    def test_broken_then_mended(
        self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, break_it: Callable[[Path], None]
    ) -> None:
        break_it(proxy.entry)
        wait(lambda: send(proxy, CHAT_TARGET, CHAT).status != 200)
        provider.clear()
        assert_closed(proxy, provider, evil)
        if not proxy.entry.exists():
            return
        shutil.copy(ENTRY, proxy.entry)
        wait(lambda: send(proxy, CHAT_TARGET, CHAT).status == 200)
        assert_works(proxy, provider)


class TestRemoval:
    """Addons taken out while the proxy runs."""

    @pytest.mark.parametrize("name", ["switchboard", "gate", "tunnels", "keeper", "posture", "answers"])
    def test_of_one(self, proxy: RunningProxy, provider: FakeProvider, evil: Evil, name: str) -> None:
        """mitmproxy knows no removal of a script's addons: `done` is called, and they stay."""
        addon = proxy.addon(name)
        proxy.call(lambda: ctx.master.addons.remove(addon))
        try:
            reply: Reply = send(proxy, CHAT_TARGET, CHAT)
            assert reply.status == 200 or reply.json["error"]
            for arrived in provider.arrivals:
                assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]
            assert_no_relay(proxy, evil) if name == "switchboard" else None
            assert not [s for s in SECRETS if s.encode() in reply.body]
        finally:
            proxy.call(lambda: ctx.master.addons.register(addon))
            from mitmvault.wire import switch

            switch.on()

    def test_of_the_script(self, proxy: RunningProxy, provider: FakeProvider, evil: Evil) -> None:
        proxy.call(lambda: ctx.options.update(scripts=[]))
        try:
            assert_closed(proxy, provider, evil)
        finally:
            proxy.call(lambda: ctx.options.update(scripts=[str(proxy.entry)]))
            wait(lambda: send(proxy, CHAT_TARGET, CHAT).status == 200)


def wait(condition: Callable[[], bool]) -> None:
    """Ask again and again, each time with a whole request, until it is true."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "nothing changed in time"
