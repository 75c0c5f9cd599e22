"""Well formed or refused."""

from __future__ import annotations

import pytest

from mitmvault.core.message.form import check
from mitmvault.core.refusal import Refusal
from tests.worlds import arrival


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "get", "M-SEARCH", "CONNECT"])
def test_methods(method):
    check(arrival("/x", method=method))


@pytest.mark.parametrize("method", ["TRACE", "trace", "TRACK", "", "GE T", "GET\r\n", "G(", "\u00c4"])
def test_methods_that_are_not_served(method):
    with pytest.raises(Refusal) as caught:
        check(arrival("/x", method=method))
    assert caught.value.reason == "bad_request"


@pytest.mark.parametrize("target", ["/", "/a?b=c&d=%0d%0a", "*", "/\u00e4?\udce9", ""])
def test_targets(target):
    check(arrival(target))


@pytest.mark.parametrize("char", ["\r", "\n", "\x00", "\t", " ", "\x1f", "\x7f"])
@pytest.mark.parametrize("target", ["/a{}b", "/a?b={}c", "{}/a"])
def test_targets_with_blanks_or_control_characters(target, char):
    with pytest.raises(Refusal) as caught:
        check(arrival(target.format(char)))
    assert caught.value.reason == "bad_path"


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", ""), ("x_a~", "a\tb"), ("X", "\u00e4\udce9"), ("!#$%&'*+.^_`|~-", "x")]
)
def test_headers(name, value):
    check(arrival("/x", (name, value)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("X A", "x"), ("X-A ", "x"), (" X-A", "x"), ("X:A", "x"), ("X\u00e4", "x"), ("X-A\r\nY", "x"),
     ("X-A", "a\r\nB: c"), ("X-A", "a\nb"), ("X-A", "a\x00b"), ("X-A", "\x7f"), (":path", "/x")],
)  # fmt: skip
def test_headers_that_are_none(name, value):
    with pytest.raises(Refusal) as caught:
        check(arrival("/x", (name, value)))
    assert caught.value.reason == "bad_request" and "a\x00b" not in caught.value.text


@pytest.mark.parametrize("name", ["content-type", "Content-Encoding", "CONTENT-LENGTH", "transfer-encoding"])
def test_fields_that_are_there_once(name):
    check(arrival("/x", (name, "a")))
    with pytest.raises(Refusal):
        check(arrival("/x", (name, "a"), (name.lower(), "a")))


def test_other_fields_may_repeat():
    check(arrival("/x", ("X-A", "1"), ("x-a", "2"), ("Accept", "a"), ("Accept", "b")))
