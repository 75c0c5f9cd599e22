"""P10: clients cannot make /metrics grow, find their own words on it, or read it."""

from __future__ import annotations

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.records import record
from mitmvault.core.records.record import Record
from mitmvault.core.records.standing import Standing
from mitmvault.core.records.tally import Tally
from mitmvault.core.verdict import Permit
from mitmvault.local.metrics import Metrics
from tests.attacks.conftest import Attacked
from tests.attacks.tools import BOB, SECRETS
from tests.books import rows, wait_for
from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy
from tests.scraped import scraped
from tests.worlds import JSON, arrival, bearer, chat, world

ODD = ('groq/{}"}} 1\\nforged_total', "{}\\n# HELP forged x", "☃{}", "x" * 300 + "{}", "{},model=forged")


def series(text: bytes) -> set[tuple[str, ...]]:
    """Every series of the page: name and labels."""
    return set(scraped(text))


def test_10_000_odd_names_do_not_grow_the_page() -> None:
    tally, moment, provider_names = Tally(), world(), 0
    page = Metrics(tally, Standing, lambda: moment).page
    after_first = set()
    for number in range(10_000):
        name = ODD[number % len(ODD)].format(number)
        path = ("/openai/v1/chat/completions", f"/odd-{number}/v1/x", f"/mine/x{number}")[number % 3]
        verdict = decide(moment, arrival(path, bearer(), JSON), chat(name))
        permit = verdict if isinstance(verdict, Permit) else None
        reason = None if permit else verdict.reason  # type: ignore[union-attr]
        provider_names += permit is not None
        user, session = record.text(name), record.text(name[::-1])
        tally.count(
            Record(
                1.0, user, session, "listener", "POST", **record.permitted(permit)._asdict(), reason=reason, status=200
            )
        )
        if number == 2 * len(ODD) * 3:
            after_first = series(page("")[1])
    found = series(page("")[1])
    assert found == after_first and 5000 < provider_names < 10_000
    assert not [line for line in page("")[1].splitlines() if b"forged" in line or b"odd-" in line or b"xxxx" in line]


class TestMetrics(Attacked):
    settings = "metrics: loopback\n"

    def test_what_clients_send_is_not_on_the_page(self, proxy: RunningProxy, provider: FakeProvider) -> None:
        before, found = len(rows(proxy.home.ledger)), set()
        for number in range(60):
            name = ODD[number % len(ODD)].format(f"-forged-{number}")
            path = ("/openai/v1/chat/completions", f"/forged-{number}/v1/x")[number % 2]
            headers = BEARER | {"X-Session-ID": f"forged{number}", "User-Agent": f"forged/{number}"}
            send(
                proxy,
                path,
                CHAT | {"model": name},
                headers=headers,
                method=("POST", f"FORGED{number}")[number % 7 == 0],
            )
            if number == 29:
                wait_for(proxy.home.ledger, before + 30)
                found = series(send(proxy, "/metrics", headers={}).body)
        wait_for(proxy.home.ledger, before + 60)
        page = send(proxy, "/metrics", headers={}).body
        assert series(page) == found
        assert not [word for word in ("forged", "FORGED", "alice", *SECRETS) if word.encode() in page]

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"X-Forwarded-For": "203.0.113.9"}, {"Host": "evil.example"}]
    )
    def test_web_pages_and_strangers_behind_a_proxy_do_not_read_it(
        self, proxy: RunningProxy, headers: dict[str, str]
    ) -> None:
        reply = send(proxy, "/metrics", headers=headers)
        assert reply.status in (400, 401, 403) and b"mitmvault_requests" not in reply.body


class TestClosed(Attacked):
    def test_users_do_not_read_what_everybody_does(self, proxy: RunningProxy) -> None:
        for token, status in ((TOKEN, 403), (BOB, 403), (None, 401)):
            reply = send(proxy, "/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
            assert reply.status == status and b"mitmvault_requests" not in reply.body
        proxy.write_users({"alice": {"key": TOKEN, "admin": True}, "bob": {"key": BOB}})
        assert b"mitmvault_requests" in send(proxy, "/metrics").body
        assert send(proxy, "/metrics", headers={"Authorization": f"Bearer {BOB}"}).reason == "admin_only"
        assert send(proxy, "/metrics", method="POST").status == 405
