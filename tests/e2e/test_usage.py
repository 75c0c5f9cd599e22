"""Tokens and cost in the ledger after real requests: what the provider states, however it is sent; what came, if cut."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner
from wsproto import events

from mitmvault.cli.main import cli
from mitmvault.core.records.record import Record
from tests.answers_with_usage import CODINGS, CORPUS, Recorded
from tests.books import rows, wait_for
from tests.client import BEARER, CHAT, connection, raw, send
from tests.e2e.test_websocket import Socket
from tests.provider import FakeProvider
from tests.proxy import TIMEOUT, RunningProxy, key

pytestmark = pytest.mark.e2e
NAMED = {answer.name: answer for answer in CORPUS}
CHATS = "/openai/v1/chat/completions"
HEAD = {**BEARER, "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def proxy(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = provider_of_module.url
    providers = {
        "openai": {"endpoint": f"{url}/v1", "keys": [key(), key("sk-canary-provider-key-0002")]},
        "anthropic": {"endpoint": f"{url}/v1", "keys": [key()]},
        "gemini": {"endpoint": f"{url}/v1beta", "keys": [key()]},
        "cohere": {"endpoint": url, "keys": [key()]},
        "aws-bedrock": {"endpoint": url, "keys": [key()]},
        "workers-ai": {"endpoint": f"{url}/client/v4/accounts/acct/ai", "keys": [key()]},
        "openrouter": {"endpoint": f"{url}/api/v1", "keys": [key()]},
        "groq": {"gatewayEndpoint": f"{url}/v1/acct/main/compat", "gatewayMode": "universal",
                 "keys": [key("gsk-canary-groq-0001"), key("gsk-canary-groq-0002")]},
    }  # fmt: skip
    environ = {"CLOUDFLARE_AIG_TOKEN": "cf-aig-canary-token-0001"}
    with RunningProxy(tmp_path_factory.mktemp("home"), providers, settings="retry: 1\n", environ=environ) as running:
        yield running
        running.assert_nothing_leaked()


@pytest.fixture
def told(proxy: RunningProxy) -> Callable[[], Record]:
    """The one row of what happens in the test."""
    before = len(rows(proxy.home.ledger))
    return lambda: wait_for(proxy.home.ledger, before + 1)[before]


def script(provider: FakeProvider, answer: Recorded, coding: str = "", **more: str) -> bytes:
    """Let the provider answer so, in chunks of odd sizes; returns the body on the wire."""
    body = CODINGS[coding](answer.body)
    headers = answer.headers | more | ({"content-encoding": coding} if coding else {})
    provider.next(200, headers, chunks=[body[at : at + 997] for at in range(0, len(body), 997)])
    return body


def tokens(row: Record) -> dict[str, int | None]:
    return {
        "input": row.tokens_in,
        "output": row.tokens_out,
        "cached_read": row.tokens_cached_read,
        "cached_write": row.tokens_cached_write,
        "reasoning": row.tokens_reasoning,
    }


@pytest.mark.parametrize(
    ("name", "path", "coding"),
    [
        ("openai-chat-cached", CHATS, ""),
        ("openai-chat-stream-cached", CHATS, "gzip"),
        ("openai-responses-stream-cached", "/openai/v1/responses", "br"),
        ("anthropic-stream-cached", "/anthropic/v1/messages", "zstd"),
        ("gemini-stream-cached", "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent", "gzip"),
        ("cohere-stream-cached", "/cohere/v2/chat", ""),
        ("bedrock-converse-stream-cached", "/aws-bedrock/model/anthropic.claude-sonnet-4-5/converse-stream", ""),
        ("workers-ai-cached", "/workers-ai/run/@cf/meta/llama-3.1-8b-instruct", ""),
    ],
)
def test_what_the_provider_states(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record], name: str, path: str, coding: str
) -> None:
    answer = NAMED[name]
    sent = script(provider, answer, coding)
    reply = send(proxy, path, CHAT)
    row = told()
    assert reply.body == sent and reply.status == 200
    assert tokens(row) == answer.expect and row.tokens_source == "stated"


def test_cost(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    script(provider, NAMED["anthropic-stream-cached"])
    send(proxy, "/anthropic/v1/messages", CHAT)
    # Claude Sonnet 4.5, in dollars for a million: 10682 of input at 3, 18000 read at 0.30, 150 written at 3.75, 510 at 15.
    assert told().cost == pytest.approx((10682 * 3 + 18000 * 0.3 + 150 * 3.75 + 510 * 15) / 1e6)


def test_the_providers_own_word_on_cost(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    script(provider, NAMED["openrouter-chat-stream-cached"])
    send(proxy, "/openrouter/api/v1/chat/completions", CHAT)
    assert told().cost == 0.00014


def test_an_unknown_price_is_unknown(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    provider.next(200, {"content-type": "application/json"}, b'{"usage":{"prompt_tokens":5,"completion_tokens":6}}')
    send(proxy, CHATS, CHAT)
    row = told()
    assert (row.tokens_in, row.tokens_out, row.cost) == (5, 6, None)


def test_the_attempt_that_counts(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    """A failed answer that states usage is not the one that the client gets."""
    failed = b'{"error":{},"usage":{"prompt_tokens":999,"completion_tokens":999}}'
    provider.next(429, {"content-type": "application/json"}, failed)
    script(provider, NAMED["openai-chat"])
    assert send(proxy, CHATS, CHAT).status == 200
    row = told()
    assert row.attempts == 2 and tokens(row) == NAMED["openai-chat"].expect


def test_keys_in_the_body_at_the_gateway(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    script(provider, NAMED["groq-chat-stream"], **{"cf-aig-step": "1"})
    assert send(proxy, "/groq/openai/v1/chat/completions", CHAT).status == 200
    assert len(provider.wait_for(1)[0].json) == 2
    row = told()
    assert tokens(row) == NAMED["groq-chat-stream"].expect and row.cost and row.cost > 0


def test_an_error_spends_nothing(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    provider.next(404, {"content-type": "application/json"}, b'{"usage":{"prompt_tokens":5,"completion_tokens":6}}')
    assert send(proxy, CHATS, CHAT).status == 404
    assert told().tokens_in is None


def test_looking_up_an_old_answer_spends_nothing(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    script(provider, NAMED["openai-responses"])
    assert send(proxy, "/openai/v1/responses/resp_1").status == 200
    assert told().tokens_in is None


def test_a_client_that_leaves(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    """Anthropic states the input at once; of the output, what came is estimated."""
    body = NAMED["anthropic-stream-cached"].body
    begun = body[: body.index(b"event: content_block_stop")]
    stream = provider.stream(chunks=[begun])
    with connection(proxy) as conn:
        conn.request("POST", "/anthropic/v1/messages", json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        assert answer.read(len(begun)) == begun
        answer.close()
    assert stream.disconnected.wait(TIMEOUT)
    row = told()
    assert (row.aborted, row.tokens_source) == (True, "estimated")
    assert (row.tokens_in, row.tokens_cached_read, row.tokens_cached_write, row.tokens_out) == (18153, 18000, 150, 4)
    assert row.cost


def test_a_provider_that_leaves(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    body = NAMED["openai-chat-stream"].body
    stream = provider.stream(chunks=[body[: body.index(b'"finish_reason":"stop"')]])
    stream.abort()
    with connection(proxy) as conn:
        conn.request("POST", CHATS, json.dumps(CHAT | {"stream": True}), HEAD)
        with pytest.raises(http.client.HTTPException):
            conn.getresponse().read()
    row = told()
    assert row.tokens_source == "estimated" and row.tokens_in and row.tokens_out and row.tokens_out > 3


def test_a_stream_without_usage_is_estimated(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    chunk = {"choices": [{"delta": {"content": "word " * 100}}], "model": "gpt-4o"}
    provider.next(200, {"content-type": "text/event-stream"}, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
    send(proxy, CHATS, CHAT | {"model": "gpt-4o", "stream": True})
    row = told()
    assert (row.tokens_source, row.tokens_out) == ("estimated", 125)
    assert row.cost == pytest.approx((row.tokens_in or 0) * 2.5e-6 + 125 * 10e-6)


def test_a_websocket(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    """The provider says what it is told: two answers, each with its usage. The client's own messages do not count."""
    with raw(proxy) as client:
        socket = Socket(client, f"127.0.0.1:{proxy.port}", "/openai/v1/realtime?model=gpt-realtime",
                        extra_headers=[(b"Authorization", BEARER["Authorization"].encode())])  # fmt: skip
        assert isinstance(socket.next(), events.AcceptConnection) and socket.next().data
        for given, answered in ((100, 20), (150, 30)):
            usage = {"input_tokens": given, "output_tokens": answered, "input_token_details": {"cached_tokens": 4}}
            socket.say(events.TextMessage(json.dumps({"type": "response.done", "response": {"usage": usage}})))
            assert str(given) in socket.next().data
        socket.say(events.CloseConnection(1000))
        row = told()
    assert (row.tokens_in, row.tokens_out, row.tokens_cached_read, row.tokens_source) == (250, 50, 8, "stated")
    assert row.cost is None


@pytest.fixture
def asking(proxy: RunningProxy) -> Iterator[None]:
    """With the setting include_usage."""
    before = proxy.home.settings.read_text()
    proxy.home.settings.write_text(before + "include_usage: true\n")
    yield
    proxy.home.settings.write_text(before)


@pytest.mark.usefixtures("asking")
def test_a_stream_that_states_usage_on_demand(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    """The provider is asked, the client does not see it, the ledger has it."""
    answer = NAMED["openai-chat-stream-cached"]
    script(provider, answer)
    asked = json.dumps(CHAT | {"stream": True}).encode()
    reply = send(proxy, CHATS, asked, headers=HEAD | {"Accept-Encoding": "gzip"})
    (arrived,) = provider.wait_for(1)
    assert arrived.body.replace(b'"stream_options":{"include_usage":true},', b"") == asked != arrived.body
    assert arrived.header("accept-encoding") == "identity"
    usage = next(event for event in answer.body.split(b"\n\n") if b'"choices":[]' in event)
    assert reply.body == answer.body.replace(usage + b"\n\n", b"")
    assert tokens(told()) == answer.expect and told().tokens_source == "stated"


@pytest.mark.usefixtures("asking")
def test_each_event_passes_when_it_is_whole(
    proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]
) -> None:
    stream = provider.stream()
    with connection(proxy) as conn:
        conn.request("POST", CHATS, json.dumps(CHAT | {"stream": True}), HEAD)
        answer = conn.getresponse()
        for chunk in (b'data: {"choices":[{}]}\n\n', b"data: x\r\n\r\n"):
            stream.send(chunk)
            assert answer.read(len(chunk)) == chunk
        stream.send(b'data: {"choices":[],"usage":{}}\n\n')
        stream.send(b"data: [DONE]")
        stream.finish()
        assert answer.read() == b"data: [DONE]"
    assert told().status == 200


@pytest.mark.usefixtures("asking")
def test_who_asks_for_usage_gets_it(proxy: RunningProxy, provider: FakeProvider, told: Callable[[], Record]) -> None:
    answer = NAMED["openai-chat-stream"]
    sent = script(provider, answer, "gzip")
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    reply = send(proxy, CHATS, body)
    assert reply.body == sent
    assert provider.wait_for(1)[0].json == body and tokens(told()) == answer.expect


def test_the_report_adds_them_up(proxy: RunningProxy) -> None:
    """The last test of the file."""
    spent = [row for row in rows(proxy.home.ledger) if row.tokens_in]
    done = CliRunner().invoke(cli, ["usage", "--json", "--home", str(proxy.home.path)])
    total = json.loads(done.stdout)["total"]
    assert total["tokens_in"] == sum(row.tokens_in or 0 for row in spent) > 18153
    assert total["tokens_out"] == sum(row.tokens_out or 0 for row in spent)
    assert total["cost"] == pytest.approx(sum(row.cost or 0 for row in spent))
