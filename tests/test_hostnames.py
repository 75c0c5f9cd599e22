"""Names of hosts in one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitmvault.core.configuration.hostnames import normal, of_url_or_host, split_authority


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.groq.com", "api.groq.com"),
        ("API.Groq.COM.", "api.groq.com"),
        (" api.groq.com ", "api.groq.com"),
        ("my_host", "my_host"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("FE80::1%eth0", "fe80::1"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("\uff41pi.groq.com", "api.groq.com"),
        ("api\u3002groq\u3002com", "api.groq.com"),
        ("\u212a.example", "k.example"),
        # impossible names match nothing
        ("", ""),
        (".", ""),
        ("a..b", ""),
        ("api.groq.com..", ""),
        ("-a.example", ""),
        ("a-.example", ""),
        ("a b", ""),
        ("a/b", ""),
        ("a@b", ""),
        ("a\\b", ""),
        ("a\x00b", ""),
        ("a%2eb", ""),
        ("*.example", ""),
        ("\u00e4" * 70, ""),
    ],
)
def test_normal(host, expected):
    assert normal(host) == expected


@given(st.text(max_size=20))
def test_normal_is_ascii_or_an_address_and_stays(host):
    once = normal(host)
    assert normal(once) == once and (once.isascii() or ":" in once)


@pytest.mark.parametrize(
    ("authority", "scheme", "expected"),
    [
        ("api.groq.com", "https", ("api.groq.com", 443)),
        ("API.groq.com.:443", "http", ("api.groq.com", 443)),
        ("localhost", "http", ("localhost", 80)),
        ("localhost:8080", "http", ("localhost", 8080)),
        ("[::1]:8080", "http", ("::1", 8080)),
        ("[::1]", "wss", ("::1", 443)),
        ("127.0.0.1:0", "http", ("127.0.0.1", 0)),
        ("", "http", None),
        (":80", "http", None),
        ("a:b", "http", None),
        ("a:99999", "http", None),
        ("a:-1", "http", None),
        ("a:+80", "http", None),
        ("a:\u0661", "http", None),
        ("::1", "http", None),
        ("::1:8080", "http", None),
        ("[::1", "http", None),
        ("u@a", "http", None),
        ("a/b", "http", None),
        ("a?b", "http", None),
        ("a#b", "http", None),
        ("a b", "http", None),
        ("a,b", "http", None),
        ("a", "ftp", None),
        ("a", "", None),
    ],
)
def test_split_authority(authority, scheme, expected):
    assert split_authority(authority, scheme) == expected


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("api.groq.com", "api.groq.com"),
        ("API.GROQ.COM", "api.groq.com"),
        ("api.groq.com:443", "api.groq.com"),
        ("https://api.groq.com", "api.groq.com"),
        ("https://api.groq.com:443/", "api.groq.com"),
        ("https://api.groq.com/openai/v1", "api.groq.com"),
        (" api.groq.com. ", "api.groq.com"),
        ("http://[::1]:8080", "::1"),
        ("", ""),
        ("https://", ""),
        ("//api.groq.com", ""),
        ("api.groq.com:x", ""),
        ("https://api.groq.com@evil.example", ""),
        ("evil.example\\@api.groq.com", ""),
        ("evil.example#api.groq.com", "evil.example"),
        ("api.groq.com.evil.example", "api.groq.com.evil.example"),
        ("api.groq.com, evil.example", ""),
    ],
)
def test_of_url_or_host(text, host):
    assert of_url_or_host(text) == host


@pytest.mark.parametrize("authority", ["evil.example[::1]:8080", "[::1]evil.example:8080"])
def test_brackets_in_the_middle(authority):
    assert split_authority(authority, "http") is None


@pytest.mark.parametrize("host", ["a.example:443", "https://a.example", ":", "a:b/c", "::1::"])
def test_a_colon_does_not_make_an_address(host):
    assert normal(host) == ""
