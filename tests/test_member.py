"""Taking a member out of a JSON object: its bytes and one comma, proved by the parser."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.formats.member import taken
from mitmvault.core.refusal import Refusal


@pytest.mark.parametrize(
    ("body", "left", "text"),
    [
        ('{"provider":"x","model":"m"}', '{"model":"m"}', "x"),
        ('{"model":"m","provider":"x"}', '{"model":"m"}', "x"),
        ('{"a":1,"provider":"x","model":"m"}', '{"a":1,"model":"m"}', "x"),
        ('{"provider":"x"}', "{}", "x"),
        (' {\n "provider" : "x" ,\n "a" : 1 }', ' {\n "a" : 1 }', "x"),
        ('{\n "a" : 1 ,\n "provider" : "x"\n}', '{\n "a" : 1 \n}', "x"),
        ('{"a":"provider","b":{"provider":"y","c":["provider"]},"provider":"x"}',
         '{"a":"provider","b":{"provider":"y","c":["provider"]}}', "x"),
        ('{"a":"\\"provider\\":\\"y\\",","provider":"\\u0078, \\"é"}', '{"a":"\\"provider\\":\\"y\\","}', 'x, "é'),
        ('{"Provider":"y","provider":"x"}', '{"Provider":"y"}', "x"),
    ],
)  # fmt: skip
def test_taken(body: str, left: str, text: str) -> None:
    assert taken(body.encode(), "provider") == (left.encode(), text)


@pytest.mark.parametrize(
    "body",
    ['{"model":"m"}', "{}", '{"provider":{"order":["x"]}}', '{"provider":null}', '{"provider":1}',
     '{"a":{"provider":"x"}}', '{"a":"provider"}'],
)  # fmt: skip
def test_left_alone(body: str) -> None:
    assert taken(body.encode(), "provider") is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"provider":"x","provider":"y"}', "duplicate_field"),
        ('{"provider":{},"provider":"y"}', "duplicate_field"),
        ('{"provider":"x","prov\\u0069der":"y"}', "duplicate_field"),
        ('{"prov\\u0069der":"y"}', "bad_json"),
        ('{"provider":"x"', "bad_json"),
        ('["provider"]', "bad_json"),
        ('{"provider":"\\ud800"}', "bad_json"),
    ],
)
def test_refused(body: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        taken(body.encode(), "provider")
    assert caught.value.reason == reason


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just('"provider":"'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("provider"), inner),
    max_leaves=6,
)


@given(
    before=st.dictionaries(st.text(max_size=4), _VALUES, max_size=3),
    after=st.dictionaries(st.text(max_size=4), _VALUES, max_size=3),
    text=st.text(max_size=9),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
)
def test_everything_else_stays(before: dict, after: dict, text: str, indent: int | None, ascii_only: bool) -> None:
    rest = before | after
    whole = before | {"provider": text} | {name: value for name, value in after.items() if name not in before}
    body = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode()
    found = taken(body, "provider")
    assert found and found[1] == text
    assert msgspec.json.decode(found[0]) == {name: whole[name] for name in rest}
    assert len(found[0]) < len(body)
