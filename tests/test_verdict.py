"""What a permit tells: to the wire, to the provider, to people."""

from __future__ import annotations

import dataclasses

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Credential, Target
from tests.worlds import JSON, PROVIDERS, arrival, bearer, chat, through_gateway, world


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("https", "api.groq.com", 443, "api.groq.com"),
        ("https", "api.groq.com", 80, "api.groq.com:80"),
        ("http", "localhost", 80, "localhost"),
        ("http", "localhost", 443, "localhost:443"),
        ("http", "::1", 8000, "[::1]:8000"),
        ("https", "::1", 443, "[::1]"),
    ],
)
def test_authority(scheme, host, port, authority):
    assert Target("direct", scheme, host, port, "/", "/", False, None, "").authority == authority


def permit(path: str = "/groq/v1/chat/completions", made=None):
    return decide(made or world(), arrival(path, bearer(), JSON), chat())


def test_a_credential_shows_its_label_and_not_its_value():
    secret = "made-up-{}-secret-0001"
    credential = Credential("authorization", "Bearer {}", Secret(secret), "groq #1 …0001")
    assert credential.shown == "Bearer [groq #1 …0001]"
    assert credential.value() == f"Bearer {secret}"
    assert secret not in repr(credential)


@pytest.mark.parametrize(("turn", "key"), [(0, 0), (1, 2)])
def test_the_first_key_is_the_one_that_is_written(turn, key):
    made = permit()
    (credential,) = dataclasses.replace(made, keys=made.keys[turn:] + made.keys[:turn]).credentials()
    assert credential.secret == Secret(PROVIDERS["groq"]["keys"][key]["key"])
    assert credential.label == f"groq #{key + 1} …000{key + 1}"


@pytest.mark.parametrize(
    ("path", "made", "story"),
    [
        ("/groq/v1/chat/completions", world(), "alice → groq · model cheap · key #1 …0001"),
        ("/groq/v1/chat/completions", through_gateway(),
         "alice → groq via compat gateway · model cheap → groq/cheap · key #1 …0001"),
        ("/anthropic/v1/messages", through_gateway(),
         "alice → anthropic via native gateway · model cheap · key #1 …0001"),
    ],
)  # fmt: skip
def test_story(path, made, story):
    assert permit(path, made).story == story


def test_a_story_without_a_model():
    assert dataclasses.replace(permit(), model=None).story == "alice → groq · key #1 …0001"
