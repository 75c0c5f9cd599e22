"""What variables of the environment mean, in every form that the reference systems read."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.environment import Environment, Token, VariableError, read, values
from mitmvault.core.configuration.users import VISIBLE, digest
from mitmvault.core.configuration.vault import HEADER_SAFE
from mitmvault.core.secret import Secret


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("  ", ()),
        (",", ()),
        ("[]", ()),
        ("one", ("one",)),
        ("  one ", ("one",)),
        ("one,two", ("one", "two")),
        (" one , two ,", ("one", "two")),
        ("one,two,one", ("one", "two")),
        ('["one", " two "]', ("one", "two")),
        (' ["one"] ', ("one",)),
        ('["with,comma"]', ("with,comma",)),
        ('["one", ""]', ("one",)),
        ("123456", ("123456",)),
        ("1,2", ("1", "2")),
        ("1.5e3", ("1.5e3",)),
        ("true", ("true",)),
        ("null", ("null",)),
        ('"one"', ('"one"',)),
        ("{}", ("{}",)),
    ],
)
def test_values(text, found):
    assert values("X", text, VISIBLE) == found


@pytest.mark.parametrize(
    "text",
    ["[1]", '["one", 2]', "[", "[one]", "[" * 100_000, '["one"]x', "[null]", "a b", "a,b c", "se\ncret", "gr\u00fcn",
     "\udcff", '["\udcff"]', '["a\\u0000b"]'],
)  # fmt: skip
def test_what_cannot_be_used_is_an_error_that_does_not_show_it(text):
    with pytest.raises(VariableError) as caught:
        values("PROXY_API_KEY", text, VISIBLE)
    assert str(caught.value).startswith("PROXY_API_KEY: ") and caught.value.__context__ is None
    assert text not in str(caught.value) or text == "["


def test_a_key_may_hold_blanks_and_a_token_may_not():
    assert values("X", "a b", HEADER_SAFE) == ("a b",)


def test_tokens():
    found = read({"PROXY_API_KEY": "one-long-token, two-long-token", "AUTH_TOKEN": "of-auth-token", "X": "other"})
    assert found.tokens == (
        Token("proxy-api-key", digest("one-long-token"), "PROXY_API_KEY"),
        Token("proxy-api-key-2", digest("two-long-token"), "PROXY_API_KEY"),
        Token("auth-token", digest("of-auth-token"), "AUTH_TOKEN"),
    )
    assert found.warnings == () and "long-token" not in repr(found)
    assert read({"WORKER_ACCESS_KEY": "of-a-worker"}).tokens == (
        Token("worker-access-key", digest("of-a-worker"), "WORKER_ACCESS_KEY"),
    )


@pytest.mark.parametrize("text", ["1", "1234567", "long-enough,x"])
def test_a_short_token_is_accepted_with_a_warning(text):
    found = read({"AUTH_TOKEN": text})
    assert len(found.tokens) == text.count(",") + 1
    (warning,) = found.warnings
    assert "AUTH_TOKEN" in warning and text not in warning


def test_a_gateway_without_its_account_is_a_warning():
    (warning,) = read({"AI_GATEWAY_NAME": "main"}).warnings
    assert "CLOUDFLARE_ACCOUNT_ID" in warning and "main" not in warning
    assert read({"AI_GATEWAY_NAME": "main", "CLOUDFLARE_ACCOUNT_ID": "a1"}).warnings == ()


def test_keys_of_the_variables_that_were_asked_for():
    found = read({"OPENAI_API_KEY": '["sk-1","sk-2"]', "GROQ_API_KEY": "gsk-1"}, ["OPENAI_API_KEY", "XAI_API_KEY"])
    assert [key.secret for key in found.keys["OPENAI_API_KEY"]] == [Secret("sk-1"), Secret("sk-2")]
    assert found.keys["XAI_API_KEY"] == () and "GROQ_API_KEY" not in found.keys
    assert "sk-1" not in repr(found)


def test_the_gateway():
    environ = {"CLOUDFLARE_ACCOUNT_ID": " acct ", "AI_GATEWAY_NAME": "my-gateway_1", "CF_AIG_TOKEN": "of-002"}
    found = read(environ)
    assert (found.account, found.gateway, found.gateway_token) == ("acct", "my-gateway_1", Secret("of-002"))
    assert read(environ | {"CLOUDFLARE_AIG_TOKEN": "of-003"}).gateway_token == Secret("of-003")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CLOUDFLARE_ACCOUNT_ID", "a/b"),
        ("CLOUDFLARE_ACCOUNT_ID", ".."),
        ("AI_GATEWAY_NAME", "a b"),
        ("AI_GATEWAY_NAME", "x" * 65),
        ("CF_AIG_TOKEN", "two\nlines"),
        ("CLOUDFLARE_AIG_TOKEN", "gr\u00fcn"),
        ("DEFAULT_MODEL", "two\nlines"),
        ("RETRY", "11"),
        ("RETRY", "-1"),
        ("RETRY", "1.5"),
        ("RETRY", "many"),
        ("OPENAI_API_KEY", "two\nlines"),
    ],
)
def test_malformed(name, text):
    with pytest.raises(VariableError, match=name):
        read({name: text}, ["OPENAI_API_KEY"])


@pytest.mark.parametrize(("text", "retry"), [("0", 0), (" 3 ", 3), ("10", 10), ("", 0)])
def test_retry(text, retry):
    assert read({"RETRY": text}).retry == retry


def test_nothing_is_set():
    assert read({}) == Environment() == read(dict.fromkeys(("PROXY_API_KEY", "AI_GATEWAY_NAME", "CF_AIG_TOKEN"), " "))
