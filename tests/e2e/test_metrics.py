"""/metrics over the wire: one request, and everything that is said about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from tests.books import rows, wait_for
from tests.client import BEARER, CHAT, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy
from tests.scraped import scraped

pytestmark = pytest.mark.e2e
PATH = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    users = {"alice": {"key": TOKEN, "admin": True}}
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, standard_providers(provider_of_module.url), users=users, settings="retry: 1") as running:
        yield running
        running.assert_nothing_leaked()


def samples(proxy: RunningProxy, accept: str = "*/*", **parser):
    reply = send(proxy, "/metrics", headers=BEARER | {"Accept": accept})
    assert reply.status == 200, reply.body
    return scraped(reply.body, **parser)


@pytest.mark.parametrize("ledger", [True, False])  # what is counted does not hang on a ledger being kept
def test_what_happened_is_counted(proxy: RunningProxy, provider: FakeProvider, ledger: bool) -> None:
    proxy.home.settings.write_text("retry: 1\n" if ledger else "retry: 1\nledger_days: 0\n")
    before, kept = samples(proxy), len(rows(proxy.home.ledger))
    provider.next(503, (), b"")
    reply = send(proxy, PATH, CHAT)
    assert reply.status == 200
    assert send(proxy, PATH, CHAT, headers={}).status == 401
    assert send(proxy, "/v1/models").status == 200
    after = samples(proxy)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert grown["mitmvault_requests_total", "openai", "direct", "2xx"] == 1
    assert grown["mitmvault_requests_total", "none", "none", "refused"] == 1
    assert grown["mitmvault_refusals_total", "missing_token"] == 1
    assert grown["mitmvault_attempts_total", "openai"] == 2
    assert grown["mitmvault_response_bytes_total", "openai"] == len(reply.body)
    assert grown["mitmvault_request_duration_seconds_count", "openai"] == 1
    assert any(name == "mitmvault_inquiries_total" for name, *_ in grown)
    assert after["mitmvault_requests_in_flight",] == 0
    assert after["mitmvault_ready",] == after["mitmvault_ledger_ok",] == 1
    assert after["mitmvault_keys", "openai", "usable"] == 1
    if ledger:
        wait_for(proxy.home.ledger, kept + 2)
    else:
        assert len(rows(proxy.home.ledger)) == kept


def test_openmetrics_and_a_file_that_does_not_load(proxy: RunningProxy) -> None:
    proxy.home.settings.write_text("bogus: 1")
    found = samples(proxy, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", parse=openmetrics)
    assert found["mitmvault_reload_ok",] == 0 and found["mitmvault_reloads_total", "failed"] == 1
    proxy.home.settings.write_text("")
    assert samples(proxy)["mitmvault_reload_ok",] == 1


def test_answers_say_which_row_of_the_ledger_is_theirs(proxy: RunningProxy, provider: FakeProvider) -> None:
    proxy.home.settings.write_text("response_headers: true\n")
    try:
        for body, headers in ((CHAT, BEARER), (CHAT | {"stream": True}, BEARER), (CHAT, {})):
            before = len(rows(proxy.home.ledger))
            reply = send(proxy, PATH, body, headers=headers)
            row = wait_for(proxy.home.ledger, before + 1)[-1]
            assert reply.headers["x-mitmvault-request-id"] == row.flow
            told = float(reply.headers["x-mitmvault-overhead-ms"])
            assert 0 < row.overhead_ms <= told <= row.duration_ms + told, (
                "a refusal's row is made before its head leaves"
            )
        assert "x-mitmvault-request-id" in send(proxy, "/health", headers={}).headers
    finally:
        proxy.home.settings.write_text("")
    assert "x-mitmvault-request-id" not in send(proxy, PATH, CHAT).headers
