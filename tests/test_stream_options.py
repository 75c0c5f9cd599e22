"""The wish for usage goes into a body and changes nothing else; its chunk goes out of the answer, and nothing else."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.decide import decide
from mitmvault.core.message.stream_options import Leaving, asking, is_offered
from tests.answers_with_usage import CORPUS, pieces
from tests.worlds import CATALOGUE, JSON, TOKENS, arrival, bearer, world

NAMED = {answer.name: answer for answer in CORPUS}
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": 'say "stream_options"'}], "stream": True}
WISH = b'"include_usage":true'
MEMBER = b'"stream_options":{"include_usage":true},'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        (b'{"stream":true}', b"{" + MEMBER + b'"stream":true}'),
        (b' {\n "stream" : true}\n', b" {" + MEMBER + b'\n "stream" : true}\n'),
        (b'{"stream":true,"stream_options":{}}', b'{"stream":true,"stream_options":{' + WISH + b"}}"),
        (
            b'{"x":{"stream_options":{}},"stream_options" : { "a":1},"stream":true}',
            b'{"x":{"stream_options":{}},"stream_options" : {' + WISH + b', "a":1},"stream":true}',
        ),
        (b'{"stream":true,"x":"stream_options"}', b"{" + MEMBER + b'"stream":true,"x":"stream_options"}'),
    ],
)
def test_the_wish_is_put_in(body: bytes, edited: bytes) -> None:
    assert asking(body) == edited


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"{", b"\xff", b'{"stream":false}', b'{"stream":"true"}', b'{"stream":null}',
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":true,"stream_options":{"include_usage":false}}',
        b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":[]}',
        b'{"stream":true,"stream_options":{},"stream_options":{}}',
        b'{"stream":true,"stream\\u005foptions":{}}',
        b'{"stream":true,"stream_options":{},"stream\\u005foptions":{}}', b'[{"stream":true}]', b'{"stream":true} x',
    ],
)  # fmt: skip
def test_what_stays_as_it_is(body: bytes) -> None:
    assert asking(body) is None


@given(
    st.dictionaries(st.sampled_from(["a", "stream_options", "stream", "é", '"', "model"]),
                    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4),
                                 lambda inner: st.dictionaries(st.sampled_from(["stream_options", "stream", "b"]), inner)))
)  # fmt: skip
def test_every_other_member_stays(body: dict[str, Any]) -> None:
    raw = json.dumps(body | {"stream": True}, ensure_ascii=False).encode()
    edited = asking(raw)
    options = body.get("stream_options", {})
    assert (edited is None) == (not isinstance(options, dict))
    if edited:
        assert json.loads(edited) == json.loads(raw) | {"stream_options": options | {"include_usage": True}}
        assert edited.replace(MEMBER, b"", 1) == raw or edited.replace(WISH + b",", b"", 1) == raw or options == {}


@pytest.mark.parametrize(
    ("provider", "path", "offered"),
    [
        ("openai", "/v1/chat/completions", True), ("groq", "/openai/v1/chat/completions", True),
        ("azure-openai", "/openai/deployments/d/chat/completions", True), ("anthropic", "/v1/chat/completions", True),
        ("openai", "/v1/responses", False), ("anthropic", "/v1/messages", False), ("openai", "/v1/embeddings", False),
        ("mistral", "/v1/chat/completions", False), ("perplexity", "/chat/completions", False),
        ("openrouter", "/api/v1/chat/completions", False), ("ollama", "/api/chat", False),
        ("gemini", "/v1beta/models/g:streamGenerateContent", False), ("gemini", "/v1beta/openai/chat/completions", True),
    ],
)  # fmt: skip
def test_who_states_usage_on_demand(provider: str, path: str, offered: bool) -> None:
    assert is_offered(CATALOGUE.by_name[provider], path) == offered


# --- the decision ---


def permit(
    path: str = "/openai/v1/chat/completions", body: Any = CHAT, said: str = "include_usage: true", **headers: str
):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decide(world(configured=said), arrival(path, bearer(), JSON, *headers.items()), raw)


def test_the_permit() -> None:
    made = permit()
    assert json.loads(made.body) == CHAT | {"stream_options": {"include_usage": True}}
    assert made.counting.added and ("accept-encoding", "identity") in made.headers
    assert dict(made.headers)["content-length"] == str(len(made.body))


@pytest.mark.parametrize(
    "fields",
    [{"said": ""}, {"body": CHAT | {"stream": False}}, {"path": "/openai/v1/responses"},
     {"body": CHAT | {"stream_options": {"include_usage": False}}}, {"path": "/anthropic/v1/messages"}],
)  # fmt: skip
def test_no_wish(fields: dict[str, Any]) -> None:
    made = permit(**fields)
    assert made.body is None and not made.counting.added
    assert "accept-encoding" not in dict(made.headers)


def test_an_encoded_body_and_another_model() -> None:
    made = permit(body=gzip.compress(json.dumps(CHAT).encode()), **{"Content-Encoding": "gzip"})
    assert json.loads(gzip.decompress(made.body))["stream_options"] == {"include_usage": True}
    made = permit("/v1/chat/completions", CHAT | {"model": "openai/gpt-4o"})
    found = json.loads(made.body)
    assert (found["model"], found["stream_options"]) == ("gpt-4o", {"include_usage": True})


def test_a_body_without_a_model() -> None:
    made = permit(body={"stream": True})
    assert json.loads(made.body) == {"stream": True, "stream_options": {"include_usage": True}}


def test_each_of_several_steps() -> None:
    body = [{"provider": "openai", "endpoint": "v1/chat/completions", "query": CHAT},
            {"provider": "anthropic", "endpoint": "v1/messages", "query": CHAT}]  # fmt: skip
    made = permit("/", body)
    assert made.counting.added and not made.others[0].counting.added
    assert b"include_usage" in made.body and b"include_usage" not in made.others[0].body
    assert TOKENS["alice"] not in repr(made.headers)


# --- the answer ---


def through(body: bytes, cuts: list[int]) -> bytes:
    leaving = Leaving()
    return b"".join([*map(leaving.feed, pieces(body, cuts)), leaving.feed(b"")])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_our_chunk_alone_is_left_out(end: bytes, cuts: list[int]) -> None:
    chunks = [b'data: {"choices":[{"delta":{"content":"\\"choices\\":[]"}}],"usage":null}\n\n', b": comment\n\n",
              b'data: {"choices":[],"prompt_filter_results":[{}],"usage":null}\n\n', USAGE, b"data: [DONE]\n\n"]  # fmt: skip
    body = b"".join(chunks).replace(b"\n", end)
    assert through(body, cuts) == body.replace(USAGE.replace(b"\n", end), b"")


def test_the_recorded_stream_as_if_nobody_had_asked() -> None:
    body = NAMED["openai-chat-stream"].body
    left = through(body, [100, 2000])
    gone = [event for event in body.split(b"\n\n") if event not in left.split(b"\n\n")]
    assert len(gone) == 1 and b'"choices":[]' in gone[0] and left.endswith(b"data: [DONE]\n\n")


def test_an_event_passes_when_it_is_whole() -> None:
    leaving = Leaving()
    assert leaving.feed(b"data: {}\n\n") == b"data: {}\n\n"
    assert leaving.feed(b"data: {") == b""
    assert leaving.feed(b"}\n\n" + USAGE + b"da") == b"data: {}\n\n"
    assert leaving.feed(b"ta: [DONE]") == b"" and leaving.feed(b"") == b"data: [DONE]"


@given(
    st.lists(st.binary(max_size=20) | st.sampled_from([b'"choices":[]', b"data: ", b"\n\n", b"{", b"}"]), max_size=9)
)
def test_anything_else_passes(chunks: list[bytes]) -> None:
    leaving = Leaving()
    passed = b"".join([*(leaving.feed(chunk) for chunk in chunks if chunk), leaving.feed(b"")])
    assert passed == b"".join(chunks)
