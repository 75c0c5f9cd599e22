"""Keys that are none: right in shape, stable, recognised, and nothing of a token in them."""

from __future__ import annotations

import re

import pytest

from mitmvault.core.configuration.dummy_keys import USUAL_SHAPE, dummy, is_dummy, is_shape, looks_like
from tests.worlds import CATALOGUE


@pytest.mark.parametrize(
    ("shape", "pattern"),
    [
        ("sk-{48}", r"sk-[0-9a-f]{48}"),
        ("AIza{35}", r"AIza[0-9A-Za-z_-]{35}"),
        ("{32}.{16}", r"[0-9a-f]{32}\.[0-9a-f]{16}"),
        ("sk-or-v1-{64}", r"sk-or-v1-[0-9a-f]{64}"),
        ("x{128}", r"x[0-9a-f]{128}"),
    ],
)
def test_the_shape(shape, pattern):
    assert re.fullmatch(pattern, dummy(shape, "alice"))


def test_the_same_for_the_same_user_alone():
    assert dummy("sk-{48}", "alice") == dummy("sk-{48}", "alice") != dummy("sk-{48}", "bob")


@pytest.mark.parametrize("spec", [spec for spec in CATALOGUE.specs if spec.env], ids=lambda spec: spec.id)
def test_every_providers_dummy_is_recognised(spec):
    assert is_dummy(dummy(spec.key_shape or USUAL_SHAPE, "alice"))


@pytest.mark.parametrize("text", ["", "sk-" + "0123456789abcdef" * 3, "facade"])
def test_others_are_not(text):
    assert not is_dummy(text)


@pytest.mark.parametrize(
    ("shape", "text", "does"),
    [
        ("sk-{48}", "sk-proj-0123456789abcdefghij_-", True),
        ("AIza{35}", "AIzaSy0123456789abcdefghijklmnopqrstuv", True),
        ("sk-{48}", "sk-learn", False),
        ("sk-{48}", "sk-0123456789abcdefghij and more", False),
        ("sk-{48}", "a sk-0123456789abcdefghij", False),
        ("{32}", "0123456789abcdef0123456789abcdef", False),  # no prefix: it could be anything
    ],
)
def test_what_looks_like_a_key(shape, text, does):
    assert looks_like(shape, text) is does


@pytest.mark.parametrize("text", ["sk-{48}", "{32}", "{32}.{16}", "sk-ant-api03-{95}"])
def test_shapes(text):
    assert is_shape(text)


@pytest.mark.parametrize("text", ["", "sk-", "{}", "{8}", "{1000}", "sk {48}", "{48}\n", "a{11}", "{-48}"])
def test_what_is_no_shape(text):
    assert not is_shape(text)
