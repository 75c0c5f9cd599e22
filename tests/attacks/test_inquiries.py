"""P22: what mitmvault asks itself for a user is asked once, from this machine, and opens nothing else."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from tests.attacks.conftest import Attacked, providers
from tests.attacks.tools import DECOY, OPENAI, Evil, answer, assert_unreached, head, refused
from tests.client import BEARER, CHAT, connection, over_tls, send, tunnel
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import TIMEOUT, TOKEN, RunningProxy, key

pytestmark = pytest.mark.e2e
HEADER = "X-Mitmvault-Inquiry"
TARGET = "/mine/models"


def issue(proxy: RunningProxy, target: str = TARGET, user: str = "alice") -> str:
    """A nonce as mitmvault makes it for itself: somebody has stolen it."""
    return str(proxy.call(lambda: proxy.addon("gate").pages._inquiries._issue(user, target, TIMEOUT)))


class TestNonces(Attacked):
    @pytest.mark.parametrize("nonce", ["alice", "x" * 43, "[removed]", "", "null", DECOY, TOKEN])
    def test_made_up(self, proxy: RunningProxy, provider: FakeProvider, nonce: str) -> None:
        refused(send(proxy, TARGET, headers={HEADER: nonce}), 401, "missing_token")
        assert_unreached(provider)

    @pytest.mark.parametrize("name", [HEADER, HEADER.lower(), HEADER.upper()])
    def test_beside_a_token_it_is_nothing_and_does_not_leave(
        self, proxy: RunningProxy, provider: FakeProvider, name: str
    ) -> None:
        headers = [*BEARER.items(), (name, issue(proxy, "/openai/v1/chat/completions")), (name, DECOY)]
        assert send(proxy, "/openai/v1/chat/completions", CHAT, headers=headers).status == 200
        (arrived,) = provider.wait_for(1)
        assert HEADER.lower() not in {name.lower() for name, _ in arrived.headers}
        assert DECOY not in str(arrived.headers)

    def test_stolen_it_is_good_once(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        nonce = issue(proxy)
        assert send(proxy, TARGET, headers={HEADER: nonce}).status == 200
        refused(send(proxy, TARGET, headers={HEADER: nonce}), 401, "missing_token")
        assert len(provider.wait_for(1)) == 1
        assert nonce.encode() not in proxy.observed()

    @pytest.mark.parametrize(
        ("method", "target"),
        [("GET", "/openai/models"), ("GET", TARGET + "?a"), ("HEAD", TARGET), ("POST", TARGET), ("DELETE", TARGET)],
    )
    def test_stolen_it_is_good_for_its_request_alone(
        self, proxy: RunningProxy, provider: FakeProvider, method: str, target: str
    ) -> None:
        nonce = issue(proxy)
        assert send(proxy, target, method=method, headers={HEADER: nonce}).status == 401
        refused(send(proxy, TARGET, headers={HEADER: nonce}), 401, "missing_token")
        assert_unreached(provider)

    def test_of_nobody(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        refused(send(proxy, TARGET, headers={HEADER: issue(proxy, user="mallory")}), 401, "missing_token")
        assert_unreached(provider)

    def test_not_inside_a_tunnel(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        nonce = issue(proxy, "/v1/models")
        with over_tls(tunnel(proxy, f"{OPENAI}:443"), proxy.tls(), OPENAI) as client:
            client.send(head("GET /v1/models HTTP/1.1", f"{HEADER}: {nonce}", host=OPENAI, token=None))
            refused(answer(client, "GET"), 401, "missing_token")
        assert_unreached(provider)

    def test_it_names_no_other_place(self, proxy: RunningProxy, provider: FakeProvider, evil: Evil) -> None:
        with connection(proxy) as conn:
            conn.putrequest("GET", TARGET, skip_host=True)
            conn.putheader("Host", f"{evil.address}:{evil.port}")
            conn.putheader(HEADER, issue(proxy))
            conn.endheaders()
            reply = conn.getresponse()
            assert reply.status == 403 and b"destination_refused" in reply.read()
        assert_unreached(provider)
        assert evil.connections == 0

    def test_a_limited_user_is_limited_there_as_well(
        self, proxy: RunningProxy, provider: FakeProvider, wire: Evil
    ) -> None:
        proxy.write_users({"alice": {"key": TOKEN, "providers": ["mine"]}})
        refused(send(proxy, "/openai/models", headers={HEADER: issue(proxy, "/openai/models")}), 403,
                "provider_not_allowed")  # fmt: skip
        assert_unreached(provider)
        provider.next(200, {}, b'{"data": [{"id": "x"}]}')
        assert [model["id"] for model in send(proxy, "/v1/models").json["data"]] == ["mine/x"]
        assert len(provider.wait_for(1)) == 1 and not wire.received

    def test_a_provider_that_is_ourselves_does_not_go_round_for_ever(
        self, proxy: RunningProxy, provider: FakeProvider, wire: Evil
    ) -> None:
        proxy.home.settings.write_text("models_timeout: 1\n")
        proxy.write_users({"alice": {"key": TOKEN}})
        loop: dict[str, Any] = {"endpoint": f"{proxy.url}/v1", "allowPlainHttp": True, "keys": [key(TOKEN)]}
        proxy.write_vault({"loop": loop, "mine": standard_providers(provider.url)["mine"]})
        provider.next(200, {}, b'{"data": [{"id": "x"}]}', times=None)
        reply = send(proxy, "/v1/models")
        assert [model["id"] for model in reply.json["data"]] == ["mine/x"], reply.body
        assert reply.headers["x-mitmvault-incomplete"] == "loop"
        assert len(provider.wait_for(1)) <= 2
        proxy.write_vault(providers(provider, wire))


class OnAddress(Attacked):
    settings = "models_timeout: 30\n"
    address = "127.0.0.1"

    def test_the_listener_finds_itself(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        """... at the address that the client reached, and nowhere else."""
        provider.next(200, {}, b'{"data": [{"id": "x"}]}')
        conn = http.client.HTTPConnection(self.address, proxy.port, timeout=TIMEOUT)
        conn.request("GET", "/v1/models/mine/x", headers=BEARER)
        assert json.loads(conn.getresponse().read())["id"] == "mine/x"
        conn.close()
        assert len(provider.wait_for(1)) == 1


class TestOpenBind(OnAddress):
    mode = "regular@0.0.0.0:0"


class TestIPv6(OnAddress):
    mode = "regular@::1:0"
    address = "::1"


class TestAnyIPv6(OnAddress):
    mode = "regular@:::0"
    address = "::1"


class TestRateLimited(Attacked):
    settings = "rate_limit: 2/60s\n"

    def test_our_own_requests_do_not_count_and_others_do_whatever_they_carry(
        self, proxy: RunningProxy, provider: FakeProvider
    ) -> None:
        for status in (200, 200, 429):
            assert send(proxy, TARGET, headers=BEARER | {HEADER: DECOY}).status == status
        provider.next(200, {}, b'{"data": [{"id": "x"}]}')
        assert send(proxy, "/v1/models/mine/x").status == 200
