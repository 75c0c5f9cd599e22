"""A Secret is never shown by accident."""

import copy
import json
import pickle

import msgspec
import pytest

from mitmvault.core.secret import Secret

VALUE = "sk-made-up-0123456789a1f3"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s" % secret,  # noqa: UP031
        lambda secret: repr([secret]),
        lambda secret: repr(ValueError(secret)),
        lambda secret: f"{secret:>40}",
    ],
)
def test_no_text_shows_it(show):
    try:
        shown = show(Secret(VALUE))
    except TypeError:  # a format that Secret does not know is as good
        return
    assert "a1f3" in shown and "made-up" not in shown


@pytest.mark.parametrize("keep", [pickle.dumps, json.dumps, msgspec.json.encode, copy.copy, copy.deepcopy])
def test_no_file_holds_it(keep):
    try:
        kept = keep(Secret(VALUE))
    except TypeError:
        return
    assert isinstance(kept, Secret)


def test_there_is_no_dict_to_look_into():
    with pytest.raises(TypeError):
        vars(Secret(VALUE))


@pytest.mark.parametrize(
    "value, fingerprint", [("", "…"), ("short", "…"), ("x" * 15, "…"), ("x" * 12 + "abcd", "…abcd"), (VALUE, "…a1f3")]
)
def test_fingerprint(value, fingerprint):
    assert Secret(value).fingerprint == fingerprint


@pytest.mark.parametrize(
    "other, equal",
    [(Secret(VALUE), True), (Secret(VALUE + "x"), False), (Secret(""), False), (VALUE, False), (None, False)],
)
def test_equality(other, equal):
    assert (Secret(VALUE) == other) is equal
    assert not equal or hash(Secret(VALUE)) == hash(other)


def test_reveal_and_truth():
    assert Secret(VALUE).reveal() == VALUE and Secret(VALUE) and not Secret("")


def test_a_password_that_is_no_utf8_can_be_compared():
    assert Secret("a\udcff") == Secret("a\udcff") and Secret("a\udcff") != Secret("a\udcfe")
