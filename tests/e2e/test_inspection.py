"""What people see of a request in mitmweb: the story line, the mark, the view "Rewrite"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mitmproxy.utils.emoji import emoji

from mitmvault.cli.main import cli
from mitmvault.core.secret import Secret
from mitmvault.core.story import MARKS
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.browser import is_picture, needs_chromium, pages
from tests.client import CHAT, send
from tests.leaks import canary, leaks
from tests.mitmweb import Mitmweb
from tests.provider import FakeProvider
from tests.proxy import key
from tests.serving import Serving, free_port

pytestmark = pytest.mark.e2e

TOKEN, KEY, GATEWAY, PASSWORD = canary("mv-"), canary("gsk_"), canary("cf-aig-"), canary("pw-")
AT_GROQ, AT_OPENAI = "/groq/openai/v1/chat/completions", "/openai/v1/chat/completions"


@dataclass
class Scene:
    proxy: Any
    web: Mitmweb
    provider: FakeProvider

    def shown(self, target: str, body: Any = CHAT, part: str = "request", **headers: str) -> tuple[dict[str, Any], str]:
        """Send a request; what mitmweb then has of it, and the text of its view."""
        send(self.proxy, target, body, headers={"Authorization": f"Bearer {TOKEN}"} | headers)
        self.web.look()
        flow = self.web.flows[-1]
        return flow, self.web.view(flow["id"], "Rewrite", part)


@pytest.fixture(scope="module")
def scene(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = Home(tmp_path_factory.mktemp("inspection") / "home")
    home.path.mkdir(mode=0o700)
    url = provider_of_module.url
    vault = {
        # The planted mistake: a prefix that the gateway does not know.
        "groq": {"gatewayEndpoint": f"{url}/v1/acct/main/compat", "gatewayModelPrefix": "gorq", "keys": [key(KEY)]},
        "openai": {"endpoint": f"{url}/v1", "keys": [key(KEY)]},
        "anthropic": {"endpoint": f"{url}/v1", "keys": [key(KEY)]},
        "gemini": {"endpoint": f"{url}/v1beta", "keys": [key(KEY)]},
    }
    store.save_vault_document(home, {"providers": vault}, Secret(PASSWORD))
    store.save_users_document(home, {"alice": {"key": TOKEN}})
    home.settings.write_text("store_bodies: 64kb\n")
    environ = {"AI_JSON_CRYPTOKEN": PASSWORD, "CLOUDFLARE_AIG_TOKEN": GATEWAY}
    with Serving(home.path, "--web", f"--web-port={free_port()}", environ=environ) as proxy:
        with Mitmweb(proxy.ready().fact("mitmweb")) as web:
            yield Scene(proxy, web, provider_of_module)


def step(text: str, name: str) -> str:
    """What the view says about one thing."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name:<9} ")]
    return line.removeprefix(name).strip()


def test_a_wrong_prefix_is_found_where_people_look(scene: Scene) -> None:
    flow, text = scene.shown(AT_GROQ, CHAT | {"model": "llama-3.3"})
    assert flow["comment"].startswith("alice → groq via compat gateway · model llama-3.3 → gorq/llama-3.3 · key #1 …")
    assert step(text, "prefix") == "gorq/ in front, as gatewayModelPrefix in the vault says"
    (row,) = [line for line in text.splitlines() if '"model"' in line]
    assert row.split() == ["~", "…", '"model":', '"llama-3.3"', "…", "│", "…", '"model":', '"gorq/llama-3.3"', "…"]


def test_before_and_after(scene: Scene) -> None:
    flow, text = scene.shown(AT_GROQ, **{"X-Odd": "1", "Cookie": "a=b"})
    assert flow["marked"] == emoji[MARKS["answered"]]
    rows = [line for line in text.splitlines() if "│" in line or line.startswith("- ")]
    first = next(row for row in rows if AT_GROQ in row)
    assert first.startswith(f"~ POST {AT_GROQ}") and "│ POST /v1/acct/main/compat/chat/completions" in first
    assert "- Cookie: [removed]" in rows
    assert any(row.startswith("~ Authorization: [user token]") and "Bearer [groq #1 …" in row for row in rows)
    assert any(row.startswith("+") and "cf-aig-authorization: Bearer [gateway …" in row for row in rows)
    assert any(row.startswith("  X-Odd: 1") and row.endswith("│ X-Odd: 1") for row in rows)
    assert step(text, "user") == "alice" and step(text, "provider") == "groq, by path prefix /groq/"
    assert step(text, "target").startswith("mode compat: ") and "answer's head" in step(text, "timings")
    arrived = dict(scene.provider.arrivals[-1].headers)
    assert "Cookie" not in arrived and arrived["X-Odd"] == "1"
    assert leaks({"token": TOKEN, "key": KEY, "gateway": GATEWAY}, text.encode()) == []


def test_a_refusal_says_why(scene: Scene) -> None:
    flow, text = scene.shown("/nobody/v1/chat/completions", part="response")  # its body was not read
    assert flow["marked"] == emoji[MARKS["refused"]] and flow["comment"].startswith("refused · no_provider · ")
    assert step(text, "refused") == "400 no_provider" and "AFTER" not in text and "[user token]" in text


def test_an_error_of_the_provider_has_a_mark_of_its_own(scene: Scene) -> None:
    scene.provider.next(status=429, body=b"{}")
    flow, text = scene.shown(AT_OPENAI)
    assert flow["response"]["status_code"] == 429
    assert flow["marked"] == emoji[MARKS["failed"]] and "429 to the client" in step(text, "ended")


STREAMS = {
    "/openai/v1/chat/completions": ([{"choices": [{"index": 0, "delta": {"content": "Hel"}}]}, {"choices": [
        {"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]}], "stop"),
    "/anthropic/v1/messages": ([{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
                                for text in ("Hel", "lo")], "no word"),
    "/gemini/v1beta/models/g:streamGenerateContent": ([{"candidates": [{"content": {"parts": [{"text": text}]},
                                                       "finishReason": "STOP"}]} for text in ("Hel", "lo")], "STOP"),
}  # fmt: skip


@pytest.mark.parametrize("target", STREAMS)
def test_what_the_model_said_is_put_together(scene: Scene, target: str) -> None:
    documents, ended = STREAMS[target]
    body = b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents)
    scene.provider.next(status=200, body=body, headers={"Content-Type": "text/event-stream"})
    got = send(scene.proxy, target, CHAT | {"stream": True}, headers={"Authorization": f"Bearer {TOKEN}"})
    assert got.body == body  # as it came: only a copy is kept
    scene.web.look()
    text = scene.web.view(scene.web.flows[-1]["id"], "Auto", "response")
    assert step(text, "ended").startswith(ended) and "\nHello" in text


def test_a_request_is_saved_as_a_test_that_finds_the_mistake(scene: Scene, tmp_path: Path) -> None:
    flow, _ = scene.shown(AT_GROQ, CHAT | {"model": "llama-3.3"})
    path = tmp_path / "groq.yaml"
    assert scene.web.run("mitmvault.test.save", f"@{flow['id']}", str(path)) == {"value": f"saved: {path}"}
    assert "already" in scene.web.run("mitmvault.test.save", f"@{flow['id']}", str(path))["error"]
    assert leaks({"token": TOKEN, "key": KEY, "gateway": GATEWAY}, path.read_bytes()) == []
    environ = {"MITMVAULT_HOME": str(scene.proxy.home), "AI_JSON_CRYPTOKEN": PASSWORD, "CLOUDFLARE_AIG_TOKEN": GATEWAY}
    assert CliRunner().invoke(cli, ["test", str(path)], env=environ).exit_code == 0
    path.write_text(path.read_text().replace("gorq/", "groq/"))  # what it should have been
    found = CliRunner().invoke(cli, ["test", str(path)], env=environ)
    assert found.exit_code == 1 and "model gorq/llama-3.3" in found.stdout


def test_commands_of_mitmweb(scene: Scene) -> None:
    flow, text = scene.shown(AT_GROQ, CHAT | {"model": "llama-3.3"})
    told = scene.web.run("mitmvault.explain", f"@{flow['id']}")["value"]
    assert any(step(text, "prefix") in line for line in told)
    reports = scene.web.heard(b"reloaded: ")
    assert "read again" in scene.web.run("mitmvault.reload")["value"]
    send(scene.proxy, AT_OPENAI, CHAT, headers={"Authorization": f"Bearer {TOKEN}"})  # waits for it
    scene.web.look()
    assert scene.web.heard(b"reloaded: ") > reports
    for name in ("keys", "usage"):
        told = scene.web.run(f"mitmvault.{name}")
        assert len(told["value"]) > 1, told
        assert leaks({"token": TOKEN, "key": KEY, "gateway": GATEWAY}, json.dumps(told).encode()) == []


@needs_chromium
def test_a_person_reads_it_in_mitmweb(scene: Scene, tmp_path: Path) -> None:
    _, text = scene.shown(AT_GROQ, CHAT | {"model": "llama-3.3"})
    with pages() as page:
        page.goto(scene.proxy.fact("mitmweb"))
        page.locator("td.col-path").last.click()
        page.get_by_text("View: auto").click()
        page.get_by_text("rewrite", exact=True).click()
        shown = page.get_by_text("gorq/ in front, as gatewayModelPrefix in the vault says")
        shown.wait_for()
        picture = tmp_path / "rewrite.png"
        page.screenshot(path=picture)
        body = page.locator("body").inner_text()
    assert is_picture(picture, 1600)
    assert [line for line in text.splitlines() if line.strip() and line.strip() not in body.replace("\xa0", " ")] == []
    assert "BEFORE  as the client sent it" in body.replace("\xa0", " ")
