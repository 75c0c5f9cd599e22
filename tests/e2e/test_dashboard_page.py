"""P25: the dashboard as people see it, in a real Chromium: signing in, charts, the live tail, explanations, both themes.

The pictures go to the folder that $MITMVAULT_SCREENSHOTS names, for people who want to look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import busy_ledger
from tests.books import rows, wait_for
from tests.browser import is_picture, needs_chromium, pages
from tests.client import CHAT, send
from tests.conftest import standard_providers
from tests.provider import FakeProvider
from tests.proxy import TOKEN, RunningProxy
from tests.serving import eventually

pytestmark = [pytest.mark.e2e, needs_chromium]
BOB = "mv-bob-token-for-tests-only"
EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SIZES = {"laptop": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    busy_ledger.write(home / "ledger.sqlite3", busy_ledger.week(time.time()))
    users = {"alice": {"key": TOKEN, "admin": True}, "bob": {"key": BOB}}
    with RunningProxy(home, standard_providers(provider_of_module.url), users=users) as running:
        send(running, "/openai/v1/chat/completions", CHAT | {"model": EVIL}, headers={"x-api-key": BOB})
        yield running
        running.assert_nothing_leaked(BOB)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("MITMVAULT_SCREENSHOTS")
    return Path(named) if named else tmp_path_factory.mktemp("shots")


def watched(page: Any, proxy: RunningProxy) -> list[str]:
    """What went wrong in a page, and whom else it has asked: nothing and nobody."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(f"{proxy.url}/ui/") else found.append(asked.url))
    return found


def sign_in(page: Any, proxy: RunningProxy, token: str = TOKEN) -> None:
    page.goto(f"{proxy.url}/ui/")
    page.fill("#token", token)
    page.click("#door-form button")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures(proxy: RunningProxy, shots: Path, size: str, theme: str) -> None:
    width, height = SIZES[size]
    with pages(width, height, color_scheme=theme) as page:
        wrong = watched(page, proxy)
        sign_in(page, proxy)
        page.wait_for_selector("#tail li")
        page.click("#ranges >> text=7d")
        page.wait_for_selector("#chart-requests rect.column >> nth=20")
        assert page.evaluate("document.documentElement.scrollWidth") == width, "it can be scrolled sideways"
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        path = shots / f"dashboard-{size}-{theme}.png"
        page.screenshot(path=path, full_page=True)
        assert is_picture(path, width)
        # The page draws its charts anew every few seconds: what is looked for may just not be there.
        assert eventually(lambda: page.locator("#chart-requests rect.column").count() > 60)
        for chart, kind in (("tokens", ".column.two"), ("cost", ".column.three"), ("latency", "path.line")):
            assert eventually(lambda drawn=f"#chart-{chart} {kind}": page.locator(drawn).count() >= 3), chart
        assert (
            "+ ?" in page.inner_text("#cards") and page.inner_text("#by-provider tr:has-text('mine')").count("?") == 2
        )
        assert contrast(page, "#cards .note") >= 4.5 and contrast(page, "#tail .part") >= 4.5
        assert wrong == []


def contrast(page: Any, selector: str) -> float:
    """The contrast of a text with the panel it stands on (WCAG 2.2, relative luminance)."""
    return float(
        page.evaluate(
            """(selector) => {
        const light = (text) => {
            const parts = text.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
                .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        };
        const element = document.querySelector(selector);
        const [a, b] = [getComputedStyle(element).color, getComputedStyle(element.closest(".panel")).backgroundColor].map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }""",
            selector,
        )
    )


def test_a_day_in_the_life(proxy: RunningProxy, provider: FakeProvider) -> None:
    """One browser through everything: the door, the live tail, filters, an explanation, the theme, the way out."""
    with pages(*SIZES["laptop"]) as page:
        wrong = watched(page, proxy)
        sign_in(page, proxy, BOB)
        page.wait_for_selector("#door-error:has-text('for admins')")
        wrong.clear()  # Chromium tells of the 403
        sign_in(page, proxy)
        page.wait_for_selector("#tail li")

        evil = page.locator("#tail li", has_text="<script>")
        assert EVIL in evil.inner_text() and page.title() == "mitmvault" and page.locator("main img").count() == 0

        before = len(rows(proxy.home.ledger))
        provider.next(429, {"Retry-After": "30"}, b"{}")
        send(proxy, "/groq/v1/chat/completions", CHAT | {"model": "just-now"})
        wait_for(proxy.home.ledger, before + 1)
        page.wait_for_selector("#tail li:has-text('just-now') .pill:has-text('429')")
        page.wait_for_selector("#keys .pill.limited")

        page.click("#tail li:has-text('just-now') >> text=explain")
        page.wait_for_selector("#explain dt")
        told = page.inner_text("#explain")
        assert "groq, by path prefix /groq/" in told and "429 to the client" in told
        page.keyboard.press("Escape")
        assert eventually(lambda: not page.is_visible("#explain") and page.url == f"{proxy.url}/ui/")

        page.click("#by-user >> text=ci-pipeline")
        page.wait_for_selector("#filters >> text=user: ci-pipeline")
        users, stories = page.locator("#by-user tbody tr"), page.locator("#tail .story")
        assert eventually(lambda: users.count() == 1)
        assert eventually(lambda: all(text.startswith("ci-pipeline") for text in stories.all_inner_texts()))
        page.click("#filters button")
        assert eventually(lambda: users.count() > 3)

        page.focus("#chart-requests svg")
        page.keyboard.press("ArrowLeft")
        assert page.is_visible("#chart-requests .tip")
        theme = page.evaluate("document.documentElement.dataset.theme")
        page.click("#theme")
        page.reload()
        page.wait_for_selector("#tail li")
        assert page.evaluate("document.documentElement.dataset.theme") != theme, "the choice is kept"

        assert page.evaluate("document.cookie") == "" and TOKEN not in page.content()
        assert TOKEN not in page.evaluate("JSON.stringify(localStorage)")
        assert wrong == []
        page.click("#sign-out")
        page.wait_for_selector("#token")
        page.reload()
        page.wait_for_selector("#token")
        assert not page.is_visible("#board")


def test_an_explanation_by_its_address(proxy: RunningProxy) -> None:
    (row,) = [row for row in rows(proxy.home.ledger) if row.model_asked == EVIL[:255] or row.model_asked == EVIL]
    with pages(*SIZES["phone"]) as page:
        sign_in(page, proxy)
        page.wait_for_selector("#tail li")
        page.goto(f"{proxy.url}/ui/#explain={row.flow}")
        page.wait_for_selector("#explain dt")
        assert EVIL in page.inner_text("#explain") and page.title() == "mitmvault"
