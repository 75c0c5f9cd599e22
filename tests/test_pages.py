"""The table of routes: what it must hold, whatever is added to it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from mitmvault.addons.pages import Pages
from mitmvault.core.pages.page import MODEL, Asked, Found, Page
from mitmvault.core.refusal import Answer, json_answer
from mitmvault.core.route.unified import PATHS
from mitmvault.local.pages import PAGES, answer
from tests.test_gate import flow_of
from tests.worlds import arrival, intercepted, world

OPEN = {"/", "/health"}


def test_nothing_but_health_is_open_to_anybody() -> None:
    assert {page.path for page in PAGES if not page.token} == OPEN


def test_every_row_is_there_once_and_the_rest_of_a_path_stands_last() -> None:
    rows = [(method, page.path) for page in PAGES for method in page.methods.split(", ")]
    assert len(rows) == len(set(rows))
    assert all(page.path.endswith(MODEL) for page in PAGES if MODEL in page.path)


def test_the_unified_paths_are_the_rows_that_are_sent_on() -> None:
    assert {page.path for page in PAGES if page.answer is None} == PATHS | {"/"}


def test_a_page_may_take_its_time_and_read_the_body() -> None:
    async def slow(asked: Asked) -> Answer:
        await asyncio.sleep(0)
        return json_answer(asked.body.decode())

    found = Found(Page("POST", "/x", slow, body=True), Asked(world(), arrival("/x")))
    made = asyncio.run(answer(found, b"hi"))
    assert made and msgspec.json.decode(made.body) == "hi"


@pytest.mark.parametrize(("local", "name"), [(True, "alice"), (False, None)])
def test_our_own_requests_come_from_this_machine(local: bool, name: str | None) -> None:
    pages, flow = Pages(), flow_of("/x", method="GET")
    nonce = ("x-mitmvault-inquiry", pages._inquiries._issue("alice", "/x", 60))
    assert pages.asker(flow, intercepted("api.openai.com", "/x", nonce, method="GET"), world()) is None
    assert pages.asker(flow, arrival("/x", method="GET", local=local), world()) is None
    found = pages.asker(flow, arrival("/x", nonce, method="GET", local=local), world())
    assert (found.name if found else None) == name
    assert flow.metadata.get("mitmvault_inquiry", False) is (name is not None)
