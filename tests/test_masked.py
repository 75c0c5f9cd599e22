"""Nothing that looks secret is shown, at any depth."""

import json

import pytest

from mitmvault.core.configuration import vault
from mitmvault.core.formats.masked import filled, masked

VALUE = "made-up-secret-0123a1f3"


@pytest.mark.parametrize(
    "document",
    [
        {"key": VALUE},
        {"providers": {"x": {"gatewayKey": VALUE}}},
        {"keys": [{"key": VALUE}]},
        {"keys": [VALUE]},
        {"tokens": [[VALUE]]},
        {"a": [{"b": [{"sharedSecret": VALUE}]}]},
        {"API_KEY": VALUE},
        {"accessToken": VALUE},
        {"dbPassword": VALUE},
        {"sha256": VALUE},
        {"headers": {"Authorization": VALUE}},
    ],
)
def test_hidden(document):
    shown = json.dumps(masked(document), ensure_ascii=False)
    assert "made-up" not in shown and "…a1f3" in shown


@pytest.mark.parametrize(
    "document", [{}, {"owner": "x"}, {"maxOutputTokens": 5}, {"tags": ["a"]}, {"key": None}, {"keys": {"owner": "x"}}]
)
def test_shown(document):
    assert masked(document) == document


ACCOUNT = {
    "type": "service_account",
    "client_email": "a@b",
    "private_key": VALUE,
    "private_key_id": "0123456789abcdef0123",
}


def test_a_masked_vault_loads_again_with_the_same_labels():
    keys = [
        {"key": VALUE},
        {"key": "short"},
        {"key": {"accessKeyId": "AKIA0123456789ABCDEF", "secretAccessKey": VALUE}},
    ]
    keys.append({"key": ACCOUNT | {"token_uri": "https://oauth2.googleapis.com/token"}})
    document = {"providers": {"x": {"gatewayKey": VALUE, "keys": keys, "tags": ["…"]}}}
    loaded = vault.checked(filled(masked(document))).providers["x"]
    original = vault.checked(document).providers["x"]
    assert [(key.label, key.form) for key in loaded.keys] == [(key.label, key.form) for key in original.keys]
    assert all(ours.secret != theirs.secret for ours, theirs in zip(loaded.keys, original.keys, strict=True))
    assert loaded.gateway_key.fingerprint == "…a1f3"
