"""P13, P14: strangers, revoked and expired users look alike; a broken file never replaces a good one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks.conftest import Attacked
from tests.attacks.tools import BOB, CHAT_TARGET, DECOY, assert_unreached, refused
from tests.client import CHAT, Reply, send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
EXPIRED, REVOKED, DIGESTED = "mv-expired-token-0001", "mv-revoked-token-0001", "mv-digested-token-01"
SHA256 = "e4" * 32


def ask(proxy: RunningProxy, token: str) -> Reply:
    return send(proxy, CHAT_TARGET, CHAT, headers={"Authorization": f"Bearer {token}"})


class TestUsers(Attacked):
    def test_strangers_are_alike(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        proxy.write_users({"alice": {"key": TOKEN}, "gone": {"key": REVOKED}})
        assert ask(proxy, REVOKED).status == 200
        provider.clear()
        before = provider.connections
        proxy.write_users({"alice": {"key": TOKEN}, "old": {"key": EXPIRED, "type": "expired"}})
        replies = [ask(proxy, token) for token in (EXPIRED, REVOKED, DECOY, "x", "old", "alice", SHA256)]
        for reply in replies:
            refused(reply, 403, "unknown_token")
        assert len({reply.body for reply in replies}) == 1
        assert len({tuple(sorted(reply.headers.items())) for reply in replies}) == 1
        assert_unreached(provider, before)

    def test_a_digest_is_no_token(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        import hashlib

        stored = hashlib.sha256(DIGESTED.encode()).hexdigest()
        proxy.write_users({"alice": {"key": TOKEN}, "digested": {"sha256": stored}})
        assert ask(proxy, DIGESTED).status == 200
        provider.clear()
        for token in (stored, stored.upper(), f"sha256:{stored}"):
            refused(ask(proxy, token), 403, "unknown_token")
        assert_unreached(provider)

    def test_revoked_in_the_middle_of_a_tunnel(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        from tests.client import connection

        proxy.write_users({"alice": {"key": TOKEN}, "bob": {"key": BOB}})
        with connection(proxy, "api.openai.com", {"Proxy-Authorization": f"Bearer {BOB}"}) as conn:
            conn.request("GET", "/v1/models")
            assert conn.getresponse().read() and len(provider.wait_for(1)) == 1
            proxy.write_users({"alice": {"key": TOKEN}})
            provider.clear()
            conn.request("GET", "/v1/models")
            answered = conn.getresponse()
            assert (answered.status, answered.headers["x-mitmvault-reason"]) == (401, "missing_token")
        assert_unreached(provider)

    def test_nobody_left(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """No users is nobody, not everybody."""
        proxy.home.users.write_text("{}")
        refused(ask(proxy, TOKEN), 403, "unknown_token")
        refused(send(proxy, CHAT_TARGET, CHAT, headers={}), 401, "missing_token")
        proxy.write_users({"alice": {"key": TOKEN}})
        assert_unreached(provider)


def everybody(proxy: RunningProxy) -> str:
    return '{"mallory": {"key": "' + DECOY + '"}'


BROKEN: list[tuple[str, Callable[[RunningProxy], bytes | str]]] = [
    ("users", everybody),
    ("users", lambda proxy: ""),
    ("users", lambda proxy: "[]"),
    ("users", lambda proxy: "null"),
    ("users", lambda proxy: '{"a": {"key": "' + DECOY + '"}, "a": {"key": "other-token-0001"}}'),
    ("users", lambda proxy: '{"a": {"key": 12345678}}'),
    ("users", lambda proxy: '{"a": {"key": ""}}'),
    ("users", lambda proxy: '{"a": {}}'),
    ("users", lambda proxy: b"\xff\xfe"),
    ("users", lambda proxy: "{" * 100_000),
    ("vault", lambda proxy: b""),
    ("vault", lambda proxy: b"garbage"),
    ("vault", lambda proxy: proxy.home.vault.read_bytes()[:-30]),
    ("vault", lambda proxy: proxy.home.vault.read_bytes().replace(b"U2FsdGVk", b"AAAAAAAA")),
    ("vault", lambda proxy: b'{"providers": {}}'),
    ("vault", lambda proxy: b"\0" * 1000),
    ("settings", lambda proxy: "unmatched: open"),
    ("settings", lambda proxy: "no_such: 1"),
    ("settings", lambda proxy: "["),
    ("settings", lambda proxy: "body_limit: -1"),
    ("settings", lambda proxy: "a: &a [*a]"),
    ("settings", lambda proxy: "!!python/object/apply:os.system ['true']"),
    ("catalogue", lambda proxy: "["),
    ("catalogue", lambda proxy: "x: {no_such: 1}"),
    ("catalogue", lambda proxy: "openai: {hosts: [api.groq.com]}"),
    ("settings", lambda proxy: b"\xff\xfe"),
    ("catalogue", lambda proxy: "x: {hosts: 1}"),
    ("settings", lambda proxy: "1: a"),
]
# Wrong in a way that raises something else than the loaders' own errors.
CRASHING: list[tuple[str, Callable[[RunningProxy], bytes | str]]] = [
    ("catalogue", lambda proxy: "x: {errors: [{when: a}]}"),
    ("catalogue", lambda proxy: "x: {auth: [{when: a}]}"),
    ("catalogue", lambda proxy: "x: {gateway: {keep_base: true}}"),
    ("catalogue", lambda proxy: "x: {base_path: 1}"),
]


ODD = [("settings", lambda proxy, text=text: text) for text in ("? [a]\n: b", "[" * 5000)]


class TestBrokenFiles(Attacked):
    @pytest.mark.parametrize(("name", "content"), [*BROKEN, *CRASHING, *ODD])
    def test_the_old_world_stays(
        self, proxy: RunningProxy, provider: FakeProvider, name: str, content: Callable
    ) -> None:
        path = getattr(proxy.home, name)
        before, broken = path.read_bytes() if path.exists() else None, content(proxy)
        lines = len(proxy.recorder.handler.lines)
        path.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
        try:
            replies = [ask(proxy, TOKEN), ask(proxy, TOKEN), ask(proxy, DECOY)]
        finally:
            path.unlink() if before is None else path.write_bytes(before)
        assert [reply.status for reply in replies] == [200, 200, 403]
        assert len(provider.arrivals) == 2
        told = [line for line in proxy.recorder.handler.lines[lines:] if line.startswith("ERROR")]
        assert len(told) == 1 and "previous one stays in force" in told[0]
        assert ask(proxy, TOKEN).status == 200

    @pytest.mark.parametrize("name", ["users", "vault", "cryptoken"])
    def test_deleted(self, proxy: RunningProxy, name: str) -> None:
        path = getattr(proxy.home, name)
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        try:
            assert [ask(proxy, TOKEN).status, ask(proxy, DECOY).status] == [200, 403]
        finally:
            path.write_bytes(before) if before is not None else None
