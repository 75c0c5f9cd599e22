"""The model's span in JSON: only its bytes change, and what two parsers could read differently is refused."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitmvault.core.formats.span import find, insert, replace
from mitmvault.core.refusal import Refusal

DEEP = 200_000


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model":"a"}', "a"),
        (b' \r\n\t{ "x" : [ ] , "model"\n:\t"a" } \n', "a"),
        (b'{"model":""}', ""),
        (b'{"model":"\\u00e4\\"\xc3\xa4"}', 'ä"ä'),
        (b'{"model":"model","x":"model"}', "model"),
        (b'{"model":"stream","stream":true}', "stream"),
        (b'{"a":{"model":"inner"},"model":"outer","b":[{"model":"inner"}]}', "outer"),
        (b'{"a":"\\"model\\":\\"text\\"","model":"a"}', "a"),
        (b'{"a":"\\\\","model":"a"}', "a"),
        (b'{"\\"model":"no","model":"a"}', "a"),
        (b'{"model ":"no"," model":"no","model":"a"}', "a"),
        (b'{"n":1e999,"m":-0.0,"model":"a"}', "a"),
    ],
)
def test_find(body, model):
    span = find(body)
    assert span is not None and span.value == model == json.loads(body[span.start : span.end])
    edited = replace(body, span, 'n"\u20ac')
    assert edited[: span.start] + edited[-(len(body) - span.end) :] == body[: span.start] + body[span.end :]
    assert json.loads(edited)["model"] == 'n"\u20ac'


@pytest.mark.parametrize("value", ["5", "null", "true", "[1]", '{"model":"x"}', "1.50"])
def test_a_model_that_is_no_string_has_a_span_and_no_value(value):
    body = f'{{"model": {value} }}'.encode()
    span = find(body)
    assert span is not None and span.value is None and body[span.start : span.end] == value.encode()


@pytest.mark.parametrize(
    "body", [b"{}", b'{"x":{"model":"a"}}', b'{"x":"model"}', b"[]", b'[{"model":"a"}]', b'"x"', b"5"]
)
def test_no_model(body):
    assert find(body) is None


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("model", "model"),
        ("model", "mod\\u0065l"),
        ("model", "\\u006d\\u006f\\u0064\\u0065\\u006C"),
        ("stream", "stream"),
        ("stream", "str\\u0065am"),
    ],
)
def test_a_second_one_in_any_spelling(name, other):
    assert json.loads(f'"{other}"') == name
    for body in (f'{{"{name}":1,"x":2,"{other}":3}}', f'{{"{other}":3,"{name}":1}}'):
        with pytest.raises(Refusal) as caught:
            find(body.encode())
        assert caught.value.reason == "duplicate_field"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"model":"a"',
        b'{"model":"a",}',
        b'{"model":"a"}x',
        b'{"model":"a"}{"model":"b"}',
        b"{'model':'a'}",
        b'{"model":NaN}',
        b'{"model":a}',
        b'{"x":"\n"}',
        b'{"x":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"mod\\u0065l":"a"}',
        b'{"str\\u0065am":true}',
        '{"model":"a"}'.encode("utf-16"),
        b"[" * DEEP + b"]" * DEEP,
        b'{"model":"a","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"model":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    ],
    ids=range(19),
)
def test_invalid(body):
    with pytest.raises(Refusal) as caught:
        find(body)
    assert caught.value.reason == "bad_json"


KEYS = st.text(max_size=6) | st.sampled_from(["model", "stream", "mode", "models", "Model ", '"model"'])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("model"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@st.composite
def bodies(draw):
    """A JSON object with a model, somewhere between other members, in some layout."""
    members = draw(
        st.lists(st.tuples(KEYS.filter(lambda key: key.lower() not in ("model", "stream")), VALUES), max_size=5)
    )
    members.insert(draw(st.integers(0, len(members))), ("model", draw(st.text())))
    dump = {"ensure_ascii": draw(st.booleans())}
    gap = draw(st.sampled_from(["", " ", "\n\t", "  \r\n"]))
    parts = [f"{gap}{json.dumps(k, **dump)}{gap}:{gap}{json.dumps(v, **dump)}{gap}" for k, v in members]
    return f"{gap}{{{','.join(parts)}}}{gap}".encode("utf-8", "replace")


@settings(max_examples=300, deadline=None)
@given(bodies(), st.text(st.characters(codec="utf-8")))
def test_only_the_span_changes(body, model):
    span = find(body)
    assert span is not None
    assert json.loads(body[span.start : span.end]) == span.value == json.loads(body)["model"]
    edited = replace(body, span, model)
    tail = len(body) - span.end
    assert edited[: span.start] == body[: span.start] and edited[len(edited) - tail :] == body[span.end :]
    assert json.loads(edited) == json.loads(body) | {"model": model}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: f'{{"model":{text}'.encode("utf-8", "replace")))
def test_whatever_comes_is_read_or_refused(body):
    try:
        span = find(body)
    except Refusal:
        return
    whole = json.loads(body)
    assert span is None or json.loads(body[span.start : span.end]) == whole["model"]


def test_ten_megabytes_around_the_model_keep_their_bytes():
    text = json.dumps("lorem \"model\" 'stream' \u20ac " * 200_000).encode()
    body = b'{"messages":[' + text + b'], "model" : "a" ,"more":[' + text + b"]}"
    assert len(body) > 10_000_000
    span = find(body)
    assert span is not None
    edited = replace(body, span, "groq/a")
    digest = [hashlib.sha256(part).hexdigest() for part in (body[: span.start], body[span.end :])]
    end = span.start + len(b'"groq/a"')
    assert [hashlib.sha256(part).hexdigest() for part in (edited[: span.start], edited[end:])] == digest


def test_a_span_that_is_not_the_models_is_not_written():
    body = b'{"x":"a","model":"a"}'
    wrong = find(b'{"model":"a"}')
    assert wrong is not None
    with pytest.raises(Refusal) as caught:
        replace(body, wrong, "b")
    assert caught.value.reason == "bad_json"


# --- what was wrong once ---


def test_a_forged_alias_does_not_raise_an_inner_model():
    body = b'{"x":{"model":"cheap"},"\\u007e0000":"aaaaa"}'
    with suppress(Refusal):
        assert find(body) is None


def test_a_forged_alias_is_no_crash():
    with suppress(Refusal):
        span = find(b'{"model":"cheap","\\u007e0000":1}')
        assert span is not None and span.value == "cheap"


def test_a_long_conversation_about_code():
    text = 'package.json "^1.0" "~2.1" "@scope/x" sh "$HOME" "%s" "!" "&" "; "  "|" "`"'
    body = json.dumps({"model": "a", "messages": [{"role": "user", "content": text}]}).encode()
    span = find(body)
    assert span is not None and span.value == "a"


@pytest.mark.parametrize("other", ["Model", "MODEL", "Stream"])
def test_a_second_one_in_another_case_is_ambiguous(other):
    with pytest.raises(Refusal):
        find(f'{{"model":"a","stream":true,"{other}":"b"}}'.encode())


# --- what is wrong now ---


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 5000])
def test_a_model_that_is_a_number_too_large_is_no_crash(value):
    with suppress(Refusal):
        span = find(f'{{"model":{value}}}'.encode())
        assert span is not None and span.value is None


def test_a_second_one_in_a_folded_spelling_is_ambiguous():
    with pytest.raises(Refusal):
        find('{"stream":false,"\u017ftream":true}'.encode())


# --- a model that is added ---


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        (b"{}", b'{"model":"m"}'),
        (b" \n{ } \n", b' \n{"model":"m" } \n'),
        (b'{"a":1.0}', b'{"model":"m","a":1.0}'),
        (b'\t{\n  "a" : {"model":"inner"} }', b'\t{"model":"m",\n  "a" : {"model":"inner"} }'),
        (b'{"stream":true}', b'{"model":"m","stream":true}'),
    ],
)
def test_insert(body, edited):
    assert find(body) is None and insert(body, "m") == edited
    assert json.loads(edited) == json.loads(body) | {"model": "m"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Model":"x"}', "duplicate_field"),
        (b'{"model":"x"}', "duplicate_field"),
        (b'{"mod\\u0065l":"x"}', "duplicate_field"),
        (b'{"stream":1,"stream":2}', "duplicate_field"),
        (b'{"a":1', "bad_json"),
        (b"[{}]", "bad_json"),
    ],
)
def test_no_second_model_is_inserted(body, reason):
    with pytest.raises(Refusal) as caught:
        insert(body, "m")
    assert caught.value.reason == reason


@settings(max_examples=200, deadline=None)
@given(bodies(), st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_other_byte_stays(body, model):
    span = find(body)
    without = body[: span.start] + b"0" + body[span.end :]
    without = without.replace(b'"model"', b'"model_"', 1)
    if find(without) is not None or "model" in json.loads(without):  # that was another one
        return
    edited = insert(without, model)
    at = without.index(b"{") + 1
    assert edited[:at] == without[:at] and edited.endswith(without[at:])
    assert json.loads(edited) == json.loads(without) | {"model": model}
