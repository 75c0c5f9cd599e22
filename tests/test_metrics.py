"""The page /metrics: two forms, both read by Prometheus' own parsers; and who may see it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow
from prometheus_client.openmetrics import parser as openmetrics

from mitmvault.addons import metrics as addon
from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.endings import Endings
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.pages import Pages
from mitmvault.core.pages.page import Asked, find
from mitmvault.core.records.measures import MEASURES
from mitmvault.core.records.standing import Standing
from mitmvault.core.records.tally import Tally
from mitmvault.core.refusal import Refusal
from mitmvault.local.metrics import OPENMETRICS, TEXT, Metrics, metrics
from mitmvault.local.pages import PAGES
from tests.scraped import scraped
from tests.test_tally import DONE
from tests.worlds import TOKENS, USERS, arrival, bearer, world

ADMINS = USERS | {"alice": {"key": TOKENS["alice"], "admin": True}}
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


@pytest.fixture
def page():
    tally = Tally()
    tally.count(DONE)
    tally.count(DONE._replace(provider=None, reason="missing_token", status=401))
    return Metrics(tally, Standing, world).page


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/plain;version=1.0.0;escaping=allow-utf-8"])
def test_text(page, accept):
    kind, body = page(accept)
    found = scraped(body)
    assert kind == TEXT and found["mitmvault_requests_total", "groq", "compat", "2xx"] == 1
    assert found["mitmvault_refusals_total", "missing_token"] == 1
    assert found["mitmvault_request_duration_seconds_bucket", "groq", "2.5"] == 1
    assert found["mitmvault_request_duration_seconds_bucket", "groq", "1.0"] == 0
    assert found["mitmvault_request_duration_seconds_count", "groq"] == 1
    assert found["mitmvault_cost_dollars_total", "groq"] == 0.25
    assert found["mitmvault_keys", "groq", "usable"] == 2
    assert ("process_cpu_seconds_total",) in found


@pytest.mark.parametrize(
    "accept", [PROMETHEUS, "application/openmetrics-text; version=0.0.1", "Application/OpenMetrics-Text"]
)
def test_openmetrics(page, accept):
    kind, body = page(accept)
    found = scraped(body, openmetrics.text_string_to_metric_families)
    assert kind == OPENMETRICS and found["mitmvault_requests_total", "groq", "compat", "2xx"] == 1
    assert found["mitmvault_time_to_first_byte_seconds_sum", "groq"] == 0.3 and body.endswith(b"# EOF\n")


def test_every_row_of_the_table_is_on_the_page(page):
    text = page("")[1].decode()
    assert [row.name for row in MEASURES.values() if f"# HELP {row.name} {row.help}\n" not in text] == []


def test_before_there_is_a_world(page):
    assert b"mitmvault_keys{" not in Metrics(Tally(), Standing, lambda: None).page("")[1]


def test_what_accept_says_is_not_said_back(page):
    kind, _ = page("application/openmetrics-text; version=1.0.0\r\nset-cookie: x; escaping=made-up")
    assert kind == OPENMETRICS


# -- who may


def asked(*headers, settings: str = "", **fields):
    found = find(
        PAGES, world(people=ADMINS, configured=settings), arrival("/metrics", *headers, method="GET", **fields), 0
    )
    assert found
    return found.asked


@pytest.mark.parametrize("settings", ["", "metrics: loopback", "metrics: off", "metrics: 'off'"])
@pytest.mark.parametrize(("headers", "reason"), [((), "missing_token"), ((bearer("bob"),), "admin_only")])
def test_not_without_an_admins_token(settings, headers, reason):
    with pytest.raises(Refusal) as caught:
        asked(*headers, settings=settings)
    assert caught.value.reason == reason
    if "loopback" not in settings:
        with pytest.raises(Refusal):
            asked(*headers, settings=settings, local=True)


@pytest.mark.parametrize("settings", ["", "metrics: loopback"])
def test_with_an_admins_token(settings):
    assert asked(bearer(), settings=settings).who.name == "alice"


def test_from_this_machine():
    assert asked(settings="metrics: loopback", local=True).user is None
    for name in ("Origin", "X-Forwarded-For", "Forwarded", "Via"):
        with pytest.raises(Refusal, match="missing_token"):
            asked((name, "https://a.example"), settings="metrics: loopback\nallow_origins: ['*']", local=True)


def test_off():
    with pytest.raises(Refusal, match="not_found"):
        metrics(asked(bearer(), settings="metrics: off"))


def test_the_answer(page):
    found = metrics(Asked(world(), arrival("/metrics", ("Accept", PROMETHEUS)), metrics=page))
    assert found.status == 200 and dict(found.headers)["content-type"] == OPENMETRICS
    assert dict(found.headers)["content-length"] == str(len(found.body))
    with pytest.raises(Refusal, match="not_found"):
        metrics(Asked(world(), arrival("/metrics")))


# -- the addon


def test_what_the_bookkeeper_tells_is_counted_and_how_things_stand_is_looked_up(monkeypatch):
    keeper, pages = Keeper(), Pages()
    bookkeeper = Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))
    endings = Endings(books=bookkeeper.ended)
    counting = addon.Metrics(keeper, bookkeeper, endings, pages)
    (reader,) = endings.readers
    reader(tflow.tflow(), DONE)
    assert counting.tally.sums["mitmvault_attempts_total"] == {("groq",): 2}
    assert counting.standing() == Standing(load_ok=False)
    flow = tflow.tflow()
    endings.requestheaders(flow)
    bookkeeper._writer = SimpleNamespace(waiting=3, dropped=4, failing=True)
    keeper.loads.loaded()
    keeper.loads.broke()
    found = counting.standing()
    assert (found.in_flight, found.rows_waiting, found.rows_dropped, found.ledger_ok) == (1, 3, 4, False)
    assert (found.loads, found.failed_loads, found.load_ok) == (1, 1, False) and found.loaded > 0
    assert pages.metrics and b"mitmvault_attempts_total" in pages.metrics("")[1]
