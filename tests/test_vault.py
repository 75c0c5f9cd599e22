"""The vault's schema: what it takes, what it refuses and in which words."""

import json
from pathlib import Path

import pytest

from mitmvault.core.configuration import vault
from mitmvault.core.configuration.vault import Key, Model, Provider, Vault, VaultError
from mitmvault.core.secret import Secret
from tests import aws

VECTORS = json.loads((Path(__file__).parent / "vectors" / "vault.json").read_text("utf-8"))

# The example of the reference README (seed 003), shortened.
EXAMPLE = {
    "version": 1,
    "providers": {
        "groq": {
            "protocol": "groq",
            "endpoint": "https://api.groq.com/openai/v1",
            "gatewayEndpoint": "https://gateway.ai.cloudflare.com/v1/{account}/default/compat",
            "gatewayModelPrefix": "groq",
            "gatewayKey": "made-up-gateway-key",
            "keys": [
                {"key": "gsk_made_up_0123456789aaaa", "owner": "ronan", "type": "paid"},
                {"key": "gsk_made_up_0123456789bbbb", "type": "expired"},
            ],
            "models": [
                {
                    "id": "llama-3.3-70b-versatile",
                    "usage": "chat",
                    "contextWindow": 8192,
                    "maxOutputTokens": 2048,
                    "tpmLimit": None,
                    "priority": 1,
                    "tags": ["fast", "reasoning"],
                    "gatewayPrefix": "custom",
                },
                {"id": "least"},
            ],
        },
        "least": {},
    },
}


def encoded(document) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case):
    plain = case["text"].encode("utf-8", "surrogatepass")
    if case["error"] is None:
        assert isinstance(vault.parse(plain), Vault)
        return
    with pytest.raises(VaultError) as caught:
        vault.parse(plain)
    assert case["error"] in str(caught.value)
    assert "gsk_" not in str(caught.value) and str(caught.value).isprintable()


def test_everything_is_read():
    groq = Provider(
        name="groq",
        protocol="groq",
        endpoint="https://api.groq.com/openai/v1",
        gateway_endpoint="https://gateway.ai.cloudflare.com/v1/{account}/default/compat",
        gateway_model_prefix="groq",
        gateway_key=Secret("made-up-gateway-key"),
        allow_plain_http=False,
        keys=(
            Key(Secret("gsk_made_up_0123456789aaaa"), "ronan", "paid", 1),
            Key(Secret("gsk_made_up_0123456789bbbb"), "", "expired", 2),
        ),
        models=(
            Model("llama-3.3-70b-versatile", "chat", 8192, 2048, None, 1, ("fast", "reasoning"), "custom"),
            Model("least", "chat", None, None, None, None, (), None),
        ),
    )
    least = Provider("least", "openai", None, None, None, None, False, (), ())
    assert vault.parse(encoded(EXAMPLE)) == Vault(1, {"groq": groq, "least": least})


@pytest.mark.parametrize(
    "type_, usable", [("", True), ("paid", True), ("free", True), ("expired", False), (" Expired", False)]
)
def test_expired_keys_are_not_usable(type_, usable):
    assert Key(Secret("made-up"), "", type_, 1).usable is usable


@pytest.mark.parametrize("key, label", [("gsk_made_up_0123456789a1f3", "#2 …a1f3"), ("short-key", "#2 …")])
def test_label(key, label):
    assert Key(Secret(key), "", "", 2).label == label


def test_bytes_that_are_no_utf8():
    with pytest.raises(VaultError, match="not UTF-8") as caught:
        vault.parse(b'{"made_up": "\xff"}')
    assert caught.value.__context__ is None  # it would hold the content


def test_repr_shows_no_key():
    assert "made" not in repr(vault.parse(encoded(EXAMPLE)))


def test_a_document_survives_with_all_it_holds():
    document = {"providers": {"x": {"userAgent": "é €", "keys": [{"key": "k", "quotaResetAt": 1.5}]}}, "crawlers": [{}]}
    plain = vault.dump_document(document)
    assert vault.load_document(plain) == document
    assert vault.dump_document(vault.load_document(plain)) == plain
    assert "é €".encode() in plain and plain.endswith(b"}\n") and b'\n  "providers"' in plain


def test_masked_is_a_copy_without_secrets():
    before = json.dumps(EXAMPLE)
    shown = vault.masked(EXAMPLE)
    assert shown["providers"]["groq"]["keys"][0] == {"key": "…aaaa", "owner": "ronan", "type": "paid"}
    assert "made" not in json.dumps(shown) and json.dumps(EXAMPLE) == before
    assert shown["providers"]["groq"]["models"] == EXAMPLE["providers"]["groq"]["models"]


# --- keys that are no texts ---


def with_key(key, **fields) -> Provider:
    return vault.checked({"providers": {"p": {"keys": [{"key": key}], **fields}}}).providers["p"]


def test_a_key_may_be_an_object_or_its_text():
    for key in (aws.PAIR, json.dumps(aws.PAIR, indent=2)):
        (found,) = with_key(key, region="eu-west-1").keys
        assert (found.form, found.label, json.loads(found.secret.reveal())) == ("aws", "#1 …S001", aws.PAIR)
        assert aws.SECRET_KEY not in repr(found)
    assert with_key("sk-made-up").keys[0].form == "text"
    assert with_key("sk-made-up", region="eu-west-1").region == "eu-west-1"


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ({"secretAccessKey": aws.SECRET_KEY}, {}, "providers.p.keys[0].key: accessKeyId must be"),
        ('{"accessKeyId": ' + aws.SECRET_KEY, {}, "providers.p.keys[0].key: begins like a JSON object"),
        ({"private_key": aws.SECRET_KEY}, {}, "providers.p.keys[0].key: is an object, but neither"),
        ([aws.SECRET_KEY], {}, "providers.p.keys[0].key: must be a string"),
        ("k", {"region": "EU/west"}, "providers.p.region: must be the name of a region"),
        ("k", {"region": "evil.example"}, "providers.p.region: must be the name of a region"),
    ],
)
def test_a_mangled_one_is_named_by_its_place_alone(key, fields, words):
    with pytest.raises(VaultError) as caught:
        with_key(key, **fields)
    assert words in str(caught.value) and aws.SECRET_KEY[:9] not in str(caught.value)


def test_of_an_object_nothing_secret_is_shown():
    account = {
        "type": "service_account",
        "client_email": "robot@x",
        "private_key": "made-up-pem",
        "private_key_id": "made-up-id",
    }
    shown = repr(vault.masked({"keys": [{"key": aws.PAIR | {"sessionToken": aws.SESSION}}, {"key": account}]}))
    for secret in (aws.SECRET_KEY, aws.SESSION, aws.ACCESS_KEY, "made-up-pem", "made-up-id"):
        assert secret not in shown
