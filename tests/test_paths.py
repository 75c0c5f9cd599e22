"""Joining paths, as DESIGN section 6 says; and no dot segment in any spelling."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mitmvault.core.configuration import paths
from mitmvault.core.refusal import Refusal
from tests.worlds import CATALOGUE

SPECS = CATALOGUE.by_name
GROQ, OPENAI, GEMINI = "https://api.groq.com/openai/v1", "https://api.openai.com/v1", "https://g.example/v1beta"


def joined(name: str, endpoint: str, path: str, *, lenient: bool = True) -> str:
    """The way of a request from the client's path, prefix removed, to the provider's."""
    spec = SPECS.get(name) or paths.custom_spec(name, endpoint)
    native = paths.native(spec, path, lenient=lenient)
    return paths.join(spec, endpoint, paths.openai_door(spec, native) if lenient else native)


@pytest.mark.parametrize(
    ("name", "endpoint", "path", "expected"),
    [
        # /groq/v1/…, /groq/openai/v1/… and /groq/… reach {endpoint}/…, once
        ("groq", GROQ, "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", GROQ, "/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", GROQ, "/chat/completions", "/openai/v1/chat/completions"),
        ("groq", GROQ, "/v1", "/openai/v1"),
        ("groq", GROQ, "/v1beta/x", "/openai/v1/v1beta/x"),
        ("groq", GROQ, "/v10/x", "/openai/v1/v10/x"),
        ("groq", GROQ, "/openai/v1x", "/openai/v1/openai/v1x"),
        # the vault's endpoint has a base path of its own
        ("groq", "https://corp.example/llm", "/openai/v1/chat/completions", "/llm/chat/completions"),
        ("groq", "https://corp.example/llm/", "/v1/models", "/llm/models"),
        ("groq", "https://corp.example/llm/openai/v1", "/v1/models", "/llm/openai/v1/models"),
        ("groq", "https://corp.example", "/v1/models", "/openai/v1/models"),
        ("groq", "https://corp.example/", "/models", "/openai/v1/models"),
        ("openai", "https://corp.example/xv1", "/v1/models", "/xv1/models"),
        # … or names an operation already
        ("groq", GROQ + "/chat/completions", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", GROQ + "/chat/completions/", "/v1/models", "/openai/v1/models"),
        ("openai", OPENAI + "/embeddings", "/v1/embeddings", "/v1/embeddings"),
        ("mine", "https://corp.example/v9/chat/completions", "/chat/completions", "/v9/chat/completions"),
        # raw bytes are kept
        ("openai", OPENAI, "/v1/models/a%2Fb%3Ac", "/v1/models/a%2Fb%3Ac"),
        ("openai", OPENAI, "/v1//ws", "/v1//ws"),
        ("openai", OPENAI, "//ws", "/v1//ws"),
        ("openai", OPENAI, "/v1/models/", "/v1/models/"),
        ("openai", OPENAI, "/v1/\xe4 b", "/v1/\xe4 b"),
        # base paths between which the client chooses
        ("gemini", GEMINI, "/v1beta/models/x:y", "/v1beta/models/x:y"),
        ("gemini", GEMINI, "/v1/models/x:y", "/v1/models/x:y"),
        ("gemini", GEMINI, "/v1alpha/models/x:y", "/v1alpha/models/x:y"),
        ("gemini", GEMINI, "/models/x:y", "/v1beta/models/x:y"),
        ("gemini", "https://g.example", "/v1/models/x:y", "/v1/models/x:y"),
        ("gemini", "https://g.example/deep/v1beta", "/v1/models/x:y", "/deep/v1/models/x:y"),
        ("gemini", GEMINI, "/v1/chat/completions", "/v1beta/openai/chat/completions"),
        ("gemini", GEMINI, "/chat/completions", "/v1beta/openai/chat/completions"),
        ("gemini", GEMINI, "/v1beta/openai/chat/completions", "/v1beta/openai/chat/completions"),
        ("gemini", GEMINI + "/openai", "/v1/chat/completions", "/v1beta/openai/chat/completions"),
        ("gemini", GEMINI + "/openai", "/v1beta/models/x:y", "/v1beta/models/x:y"),
        # a provider that only the vault knows
        ("mine", "https://corp.example/api/v9", "/v9/x", "/api/v9/x"),
        ("mine", "https://corp.example/api/v9", "/api/v9/x", "/api/v9/x"),
        ("mine", "https://corp.example/api/v9", "/v1/x", "/api/v9/x"),
        ("mine", "https://corp.example/api/v9", "/x", "/api/v9/x"),
        ("mine", "https://corp.example", "/v1/x", "/v1/x"),
        ("mine", "https://corp.example/v1", "/v1/x", "/v1/x"),
    ],
)
def test_join(name, endpoint, path, expected):
    assert joined(name, endpoint, path) == expected


@pytest.mark.parametrize(
    ("name", "endpoint", "path", "expected"),
    [
        ("groq", GROQ, "/openai/v1/chat/completions", "/openai/v1/chat/completions"),
        ("groq", GROQ, "/v1/chat/completions", "/v1/chat/completions"),
        ("groq", "https://corp.example/llm", "/openai/v1/models", "/llm/models"),
        ("openai", "https://corp.example/llm/v1", "/dashboard", "/llm/dashboard"),
        ("openai", OPENAI, "/", "/"),
        ("gemini", GEMINI, "/v1/chat/completions", "/v1/chat/completions"),
    ],
)
def test_an_intercepted_path_is_taken_literally(name, endpoint, path, expected):
    assert joined(name, endpoint, path, lenient=False) == expected


@pytest.mark.parametrize(
    ("path", "segment"),
    [("/groq/v1", "groq"), ("/groq/", "groq"), ("/groq", ""), ("/", ""), ("//groq/x", ""), ("/gr%6fq/x", "gr%6fq")],
)
def test_first_segment(path, segment):
    assert paths.first_segment(path) == segment


GOOD = [
    "/",
    "/v1/models/a%2Fb",
    "//ws",
    "/a/.../b",
    "/a/.hidden",
    "/a/x..",
    "/a/%2e%2ehidden",
    "/a%20b",
    "/\xe4",
    "/a/%",
]
DOTS = [
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%2e",
    "..%2f",
    "x%2f..",
    "..\\x",
    "%5c..%5c",
    "%252f%252e%252e",
]


@pytest.mark.parametrize("path", GOOD)
def test_accepted_as_it_is(path):
    assert paths.checked(path) == path


@pytest.mark.parametrize("path", [form.format(dot) for dot in DOTS for form in ("/{}", "/a/{}", "/a/{}/b", "/{}/b")])
def test_dot_segments_are_refused(path):
    with pytest.raises(Refusal) as caught:
        paths.checked(path)
    assert caught.value.reason == "bad_path"


@pytest.mark.parametrize("path", ["", "*", "v1", "http://x/", "?", "/a\r\nb", "/a%0d%0ab", "/a%00", "/a\x7f", "/%250a"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(Refusal) as caught:
        paths.checked(path)
    assert caught.value.reason == "bad_path"


TRICKY = st.lists(
    st.sampled_from(["%25", "%2", "5", "%", "2", "e", "E", ".", "/", "%2f", "\\", "%5c", "a", "..", "%2e"])
)


@settings(max_examples=500, deadline=None)
@given(TRICKY.map(lambda parts: "/" + "".join(parts)))
@example("/a/%252e%252e/b")
def test_no_accepted_path_holds_a_dot_segment_after_two_decodings(path):
    assert_no_dots(path, 2)


@given(TRICKY.map(lambda parts: "/" + "".join(parts)))
@example("/a/%25252e%25252e/b")
def test_nor_after_three(path):
    assert_no_dots(path, 3)


def assert_no_dots(path: str, rounds: int) -> None:
    try:
        accepted = paths.checked(path)
    except Refusal:
        return
    assert accepted == path
    for _ in range(rounds + 1):
        assert not {".", ".."} & set(path.replace("\\", "/").split("/"))
        path = unquote(path, errors="replace")


@settings(deadline=None)
@given(st.text(st.characters(codec="latin-1"), max_size=20), st.sampled_from(["groq", "openai", "mine", "anthropic"]))
def test_the_raw_bytes_of_the_tail_are_kept(tail, name):
    endpoint = {"groq": GROQ, "openai": OPENAI, "mine": "https://c.example/v9", "anthropic": "https://c.example/x"}[
        name
    ]
    assert joined(name, endpoint, f"/v1/t{tail}") == paths.endpoint_path(endpoint) + f"/t{tail}"


@pytest.mark.parametrize("path", ["/a/..;/b", "/a/..;x=1/b", "/a/%2e%2e%3b/b"])
def test_dot_segments_with_parameters(path):
    with pytest.raises(Refusal):
        paths.checked(path)


def test_the_base_path_is_matched_decoded():
    assert joined("groq", GROQ, "/openai/%76%31/models") in ("/openai/%76%31/models", "/openai/v1/models")
