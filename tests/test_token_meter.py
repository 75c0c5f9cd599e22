"""What answers state is counted, however they are encoded and cut; what cannot be counted does no harm."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitmvault.core.answer import answer_readers
from mitmvault.core.answer.token_meter import TokenMeter
from mitmvault.core.answer.usage import STATED, UNKNOWN, Usage
from mitmvault.core.formats.usage_shapes import SHAPES
from tests.answers_with_usage import CODINGS, CORPUS, counted, frame, pieces

NAMED = {answer.name: answer for answer in CORPUS}
SSE = {"content-type": "text/event-stream"}


def count(answer, chunks, headers=None):
    made = TokenMeter(SHAPES[answer.shape], headers or answer.headers)
    for chunk in chunks:
        made.feed(chunk)
    return made.count()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("answer", CORPUS, ids=lambda answer: answer.name)
def test_the_providers_own_figures(answer, coding):
    """Whole; byte by byte; and, where bytes are events, with the other line ends."""
    bodies = [answer.body]
    if answer.is_sse and b"\r\n" not in answer.body and not coding:  # the coding knows nothing of it
        bodies += [answer.body.replace(b"\n", end) for end in (b"\r\n", b"\r")]
        bodies += [answer.body.removesuffix(b"\n\n"), b": comment\n\n" + answer.body.replace(b"data: ", b"data:")]
    headers = answer.headers | ({"content-encoding": coding} if coding else {})
    for body in bodies:
        sent = CODINGS[coding](body)
        for chunks in ([sent], [sent[at : at + 1] for at in range(len(sent))]):
            found = count(answer, chunks, headers)
            assert found.usage.source == STATED and counted(found.usage) == answer.expect
            assert found.text == ""


@pytest.mark.parametrize("answer", CORPUS, ids=lambda answer: answer.name)
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=30), coding=st.sampled_from(sorted(CODINGS)))
def test_every_way_to_cut(answer, cuts, coding):
    headers = answer.headers | {"content-encoding": coding}
    assert counted(count(answer, pieces(CODINGS[coding](answer.body), cuts), headers).usage) == answer.expect


def test_the_corpus_covers_what_it_must():
    names = set(NAMED)
    for protocol in ("openai-chat", "openai-responses", "anthropic", "gemini", "cohere", "bedrock-converse",
                     "bedrock-invoke"):  # fmt: skip
        assert {protocol, f"{protocol}-cached", f"{protocol}-stream", f"{protocol}-stream-cached"} <= names
    assert {"openai-embeddings", "gemini-array", "gemini-array-cached", "workers-ai", "workers-ai-stream"} <= names
    assert {answer.shape for answer in CORPUS} == set(SHAPES)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("openai-chat", "gpt-4o-2024-08-06"), ("openai-responses-stream", "gpt-5-2025-08-07"),
        ("anthropic-stream", "claude-sonnet-4-5-20250929"), ("anthropic", "claude-sonnet-4-5-20250929"),
        ("gemini-array", "gemini-2.5-flash"), ("bedrock-converse", None), ("ollama-chat-stream", "llama3.2"),
    ],
)  # fmt: skip
def test_the_model_as_the_answer_calls_it(name, model):
    assert count(NAMED[name], [NAMED[name].body]).model == model


def test_a_cost_that_the_provider_states():
    assert count(NAMED["openrouter-chat-stream-cached"], [NAMED["openrouter-chat-stream-cached"].body]).cost == 0.00014
    assert count(NAMED["perplexity-chat-stream"], [NAMED["perplexity-chat-stream"].body]).cost == 0.00503
    assert count(NAMED["openai-chat"], [NAMED["openai-chat"].body]).cost is None


# --- cut off ---


def cut_after(name, mark):
    answer = NAMED[name]
    return count(answer, [answer.body[: answer.body.index(mark) + len(mark)]])


def test_anthropics_input_is_known_from_the_beginning():
    found = cut_after("anthropic-stream-cached", b'usage\\":{"')
    assert (found.usage.input, found.usage.cached_read, found.usage.source) == (18153, 18000, STATED)
    assert (found.text, found.said) == ('Hello "usage":{', 4)


def test_geminis_numbers_grow():
    found = cut_after("gemini-stream-cached", b"role")
    assert found.usage == Usage() and found.text.startswith("Hel")
    found = cut_after("gemini-stream-cached", b'"text":"!"')
    assert counted(found.usage) == {"input": 4096, "output": 129, "cached_read": 0, "cached_write": 0, "reasoning": 120}
    assert found.text == ""


def test_openai_states_nothing_before_the_end():
    found = cut_after("openai-chat-stream", b'"finish_reason":"stop"')
    assert found.usage == Usage() and found.text == 'Hello "usage": {"prompt_tokens":7} 世界'


def test_what_was_heard_while_it_is_said():
    """Asking changes nothing: the count at the end is the same."""
    answer = NAMED["openai-chat-stream"]
    made, heard = TokenMeter(SHAPES[answer.shape], answer.headers), []
    for chunk in pieces(answer.body, list(range(0, len(answer.body), 40))):
        made.feed(chunk)
        heard.append(made.heard())
    assert heard[0] is None and heard == sorted(heard, key=lambda count: count or 0) and heard[-1] > 5
    assert counted(made.count().usage) == answer.expect
    whole = TokenMeter(SHAPES["openai"], {"content-type": "application/json"})
    whole.feed(b'{"choices":[{"message":{"content":"words"}}]}')
    assert whole.heard() is None
    assert TokenMeter(SHAPES["openai"], {"content-type": "image/png"}).heard() is None


def test_responses_say_their_text_twice_and_are_heard_once():
    found = cut_after("openai-responses-stream", b"response.output_text.done")
    whole = cut_after("openai-responses-stream", b'"sequence_number":7,')
    assert found.usage.source == UNKNOWN and found.text == whole.text == 'Hi {"usage":{}}'


def test_a_bedrock_stream_cut_off():
    answer = NAMED["bedrock-converse-stream"]
    assert count(answer, [answer.body[:-300]]).text.startswith("Hi")
    wrapped = NAMED["bedrock-invoke-stream-cached"]
    end = wrapped.body.index(b"chunk", wrapped.body.index(b"chunk", 400) + 5)
    assert count(wrapped, [wrapped.body[:end]]).usage.input == 1036


# --- nothing to count, and nothing that harms ---


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""), ({"content-type": "application/json"}, b""), ({"content-type": "application/json"}, b"{"),
        ({"content-type": "application/json"}, b'{"usage":null}'), ({"content-type": "application/json"}, b'{"usage":[]}'),
        ({"content-type": "application/json"}, b'{"usage":{"prompt_tokens":"5","completion_tokens":-1}}'),
        ({"content-type": "application/json"}, b'{"usage":{"prompt_tokens":true,"completion_tokens":null}}'),
        ({"content-type": "application/json"}, b'{"usage":{"prompt_tokens":1e400}}'),
        ({"content-type": "application/json"}, b'{"usage":{broken}}'),
        ({"content-type": "application/json"}, b'{"choices":[{"usage":{"prompt_tokens":5}}]}'),
        ({"content-type": "application/json"}, b'"usage":{"prompt_tokens":5}'),
        ({"content-type": "application/json"}, b"]}]},,::" * 9), ({"content-type": "audio/mpeg"}, b'{"usage":{"prompt_tokens":5}}'),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b'{"usage":{"prompt_tokens":5}}'),
        ({"content-type": "application/json", "content-encoding": "gzip, br"}, b'{"usage":{"prompt_tokens":5}}'),
        (SSE, b"data: {\n\n"), (SSE, b"data: [DONE]\n\n"), (SSE, b"event: usage\n\n"), (SSE, b'data: {"usage":{\n\n'),
        ({"content-type": "application/vnd.amazon.eventstream"}, b"\0" * 99),
        ({"content-type": "application/x-ndjson"}, b"\n\n{\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", SHAPES)
def test_unknown(shape, headers, body):
    made = TokenMeter(SHAPES[shape], headers)
    for chunk in (body, b"", body[:3], b"\xff\x00"):
        made.feed(chunk)
    assert made.count().usage == Usage()


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=400) | st.text('{}[]",:\\ \n', max_size=80).map(str.encode),
    kind=st.sampled_from(["text/event-stream", "application/json", "application/vnd.amazon.eventstream", "x/ndjson"]),
    coding=st.sampled_from(sorted(CODINGS)),
    cuts=st.lists(st.integers(0, 400), max_size=5),
)
def test_anything_at_all(body, kind, coding, cuts):
    made = TokenMeter(SHAPES["bedrock"], {"content-type": kind, "content-encoding": coding})
    for chunk in pieces(body, cuts):
        made.feed(chunk)
    made.count()


@pytest.mark.parametrize("part", ["feed", "end", "said"])
def test_what_fails_inside_stays_inside(monkeypatch, part):
    def fail(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(answer_readers.Sse, part, fail)
    found = count(NAMED["openai-chat-stream"], [NAMED["openai-chat-stream"].body[:700]] * 2)
    assert found.text == ""


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [
        ("text/event-stream", b'data: {"choices":[{"delta":{"content":"' + b"x" * 4000 + b'"}}]}\n\n'),
        ("text/event-stream", b"x" * 65536),  # an event without an end
        ("application/x-ndjson", b"x" * 65536),
        ("application/json", b'[{"usage":"' + b"x" * 65536),
        ("application/json", b'[{"' + b"x" * 65536),
        ("application/vnd.amazon.eventstream", frame("chunk", b"x" * 60_000)),
    ],
)
def test_memory_is_bounded(kind, chunk):
    made = TokenMeter(SHAPES["openai"], {"content-type": kind})
    tracemalloc.start()
    try:
        for _ in range(64 * 2**20 // len(chunk)):
            made.feed(chunk)
        assert tracemalloc.get_traced_memory()[1] < 4 * answer_readers.EVENT_LIMIT
    finally:
        tracemalloc.stop()


def test_after_an_event_that_was_too_long(monkeypatch):
    """It is passed over, and what follows it is counted."""
    monkeypatch.setattr(answer_readers, "EVENT_LIMIT", 1000)
    answer = NAMED["openai-chat-stream"]
    long = b'data: {"choices":[{"delta":{"content":"' + b"x" * 5000 + b'"}}]}\n\n'
    body = long + answer.body
    for size in (1, 7, 900, 100_000):
        found = count(answer, [body[at : at + size] for at in range(0, len(body), size)])
        assert counted(found.usage) == answer.expect


def test_a_large_last_event():
    """Responses repeat the whole answer in it."""
    big = json.dumps({"type": "response.completed", "response": {"output": ["x" * 2**20], "usage": {
        "input_tokens": 7, "output_tokens": 9}}}).encode()  # fmt: skip
    body = b"event: response.completed\ndata: " + big + b"\n\n"
    made = TokenMeter(SHAPES["openai"], SSE)
    for at in range(0, len(body), 16384):
        made.feed(body[at : at + 16384])
    assert (made.count().usage.input, made.count().usage.output) == (7, 9)


@pytest.mark.parametrize("kept", [0, 300, 10**6])
def test_text_is_found_early_or_late(monkeypatch, kept):
    monkeypatch.setattr(answer_readers, "UNHEARD", kept)
    found = cut_after("openai-chat-stream", b'"finish_reason":"stop"')
    assert found.text == 'Hello "usage": {"prompt_tokens":7} 世界'
