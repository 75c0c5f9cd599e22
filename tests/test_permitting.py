"""From a route to a permit; the whole of it is tested in test_decide.py."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.paths import native
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.permitting import destined, usable_keys
from mitmvault.core.route.routing import Route
from tests.worlds import arrival, through_gateway, world


def test_expired_keys_are_not_usable():
    keys = usable_keys(world().providers["groq"])
    assert [key.number for key in keys] == [1, 3]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mistral", "its only key is expired"),
        ("cerebras", "no key for it: add one there, or set CEREBRAS_API_KEY for mitmvault"),
        ("google-vertex-ai", "no key for it: add one there\\."),
    ],
)
def test_without_a_usable_key(name, words):
    with pytest.raises(Refusal, match=words):
        usable_keys(world().providers[name])


@pytest.mark.parametrize("mode", [None, "native", "universal"])
def test_a_mode_that_is_asked_for(mode):
    made = through_gateway()
    known = made.providers["groq"]
    route = Route(known, "test", native(known.spec, "/v1/chat/completions", lenient=True))
    admission = destined(made, arrival(), made.users.named("alice"), route, mode)
    assert admission.target.mode == (mode or "compat")
