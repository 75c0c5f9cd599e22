"""The keys of a provider, as the doctor sees them; expired ones and extras: test_checkup.py, with a whole home."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration import vault
from mitmvault.core.configuration.key_form import AWS
from mitmvault.core.doctor.finding import FAIL, WARN
from mitmvault.home import key_checkup

TEXT, PAIR = "gsk-made-up-0001", "AKIAMADEUPMADEUP0001:made-up-secret"


def look(*keys: str, forms: tuple[str, ...] = ()):
    provider = vault.checked({"providers": {"groq": {"keys": [{"key": key} for key in keys]}}}).providers["groq"]
    return [(one.status, one.text, one.remedy) for one in key_checkup.look("groq", provider, forms)]


@pytest.mark.parametrize(("keys", "forms"), [((TEXT,), ()), ((TEXT, PAIR), ()), ((PAIR,), (AWS,))])
def test_in_order(keys, forms):
    assert look(*keys, forms=forms) == []  # the tests have both extras


@pytest.mark.parametrize(
    ("keys", "status", "text"),
    [((), WARN, "groq has no key"), ((PAIR,), FAIL, "groq takes no key of this form")],
)
def test_nothing_to_use(keys, status, text):
    ((found, said, remedy),) = look(*keys)
    assert found == status and said.startswith(text) and "mitmvault init --key groq" in remedy
    assert PAIR not in said


def test_an_extra_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(key_checkup, "_installed", lambda module: False)
    ((status, _, remedy),) = look(PAIR, forms=(AWS,))
    assert (status, remedy) == (FAIL, "pip install 'mitmvault[bedrock]'")
