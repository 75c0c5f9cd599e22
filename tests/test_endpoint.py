"""Endpoints: the vault's vectors hold the refusals; here are the corners of the rules."""

import pytest

from mitmvault.core.configuration.endpoint import problem


@pytest.mark.parametrize(
    "url, plain_http, fine",
    [
        ("https://api.groq.com/openai/v1", False, True),
        ("https://xn--bcher-kva.example/%2F%3A", False, True),
        ("http://localhost", False, True),
        ("http://LOCALHOST:11434/v1", False, True),
        ("http://127.0.0.1:8000", False, True),
        ("http://[::1]:8000", False, True),
        ("http://128.0.0.1", False, False),
        ("http://[::2]", False, False),
        ("http://localhost.", False, True),
        ("http://api.groq.com", True, True),
        ("ws://api.groq.com", True, False),
        ("http://user@api.groq.com", True, False),
        ("http://api.groq.com?x", True, False),
        ("", True, False),
        ("https://a\x7f", True, False),
        ("https://a.example/\u2028", True, False),
        ("https://a.example/<b>", True, False),
    ],
)
def test_problem(url, plain_http, fine):
    found = problem(url, plain_http)
    assert (found is None) is fine
    assert not found or not url or url not in found
