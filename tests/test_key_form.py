"""The forms of keys: told apart, checked, and never shown."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.configuration import key_form
from mitmvault.core.configuration.key_form import AWS, GOOGLE, TEXT, KeyFormError
from tests.aws import ACCESS_KEY, PAIR, SECRET_KEY, SESSION

ACCOUNT = {
    "type": "service_account", "client_email": "robot@proj.iam.gserviceaccount.com", "private_key": "made-up-pem",
    "private_key_id": "0123456789abcdef", "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "form", "name"),
    [
        ("sk-made-up", TEXT, ""),
        ("name:secret-that-is-no-pair-of-aws", TEXT, ""),
        ("AKIAshort:x", TEXT, ""),
        (f"{ACCESS_KEY}:{SECRET_KEY}", AWS, "…S001"),
        (f"ASIAMADEUPBYTESTS002:{SECRET_KEY}:{SESSION}", AWS, "…S002"),
        (PAIR, AWS, "…S001"),
        (PAIR | {"sessionToken": SESSION}, AWS, "…S001"),
        (json.dumps(PAIR), AWS, "…S001"),
        (ACCOUNT, GOOGLE, "…cdef"),
        (json.dumps(ACCOUNT, indent=2), GOOGLE, "…cdef"),
        (ACCOUNT | {"private_key_id": None}, GOOGLE, ""),
    ],
)
def test_forms(value, form, name):
    found = key_form.read(value)
    assert found and (found.form, found.name) == (form, name)
    if form != TEXT:
        assert "\n" not in found.text and found.text.isascii()
        assert key_form.read(found.text) == found  # what is stored is read again


def test_what_is_neither_a_text_nor_an_object_is_not_ours_to_judge():
    for value in (None, 5, ["sk"], True):
        assert key_form.read(value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{not json", "begins like a JSON object, but is none"),
        ('{"accessKeyId": "A", "accessKeyId": "B"}', "begins like"),
        ({}, "neither an AWS key pair .* nor a Google service account"),
        ({"type": "authorized_user", "refresh_token": "made-up-refresh"}, "neither"),
        (PAIR | {"accessKeyId": "short"}, "accessKeyId must be"),
        ({"accessKeyId": ACCESS_KEY}, "secretAccessKey must be"),
        (PAIR | {"secretAccessKey": "two words"}, "secretAccessKey must be"),
        (PAIR | {"sessionToken": "a\r\nb"}, "sessionToken must be"),
        (PAIR | {"sessionToken": 5}, "sessionToken must be"),
        (ACCOUNT | {"private_key": ""}, "private_key is missing"),
        (ACCOUNT | {"client_email": 5}, "client_email is missing"),
        (ACCOUNT | {"token_uri": "http://evil.example/token"}, "token_uri must be https"),
        (ACCOUNT | {"token_uri": 5}, "token_uri must be a text"),
    ],
)
def test_a_mangled_key_is_told_without_its_content(value, words):
    with pytest.raises(KeyFormError, match=words) as caught:
        key_form.read(value)
    for secret in (SECRET_KEY, SESSION, "made-up", "evil", "two words", "short"):
        assert secret not in str(caught.value)


def test_where_tokens_come_from_if_the_account_does_not_say():
    found = key_form.read({name: value for name, value in ACCOUNT.items() if name != "token_uri"})
    assert found and json.loads(found.text)["token_uri"] == "https://oauth2.googleapis.com/token"
    assert key_form.read(ACCOUNT | {"token_uri": "http://127.0.0.1:5/token"})


@pytest.mark.parametrize("session", [None, SESSION])
def test_parts_of_a_pair(session):
    as_text = f"{ACCESS_KEY}:{SECRET_KEY}" + (f":{session}" if session else "")
    as_json = json.dumps(PAIR | ({"sessionToken": session} if session else {}))
    for text in (as_text, as_json):
        pair = key_form.key_pair(text)
        assert (pair.access_key_id, pair.secret_access_key, pair.session_token) == (ACCESS_KEY, SECRET_KEY, session)
        assert SECRET_KEY not in repr(pair)
        assert key_form.secret_parts(AWS, text) == ((SECRET_KEY, session) if session else (SECRET_KEY,))
    assert key_form.secret_parts(TEXT, "sk-made-up") == ("sk-made-up",)
