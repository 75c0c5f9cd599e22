"""The vault's requests on a real home: who is heard, what is read, what replaces a vault and what does not."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.refusal import Answer
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.vault_access import FAILURES, PERIOD, VaultAccess
from tests.worlds import arrival

TOKEN = "made-up-crypto-token"
KEY = "sk-made-up-0001"
DOCUMENT = {"version": 1, "providers": {"openai": {"keys": [{"key": KEY}]}}}


class Desk:
    """Access to a home, at a time of the test's choice."""

    def __init__(self, home: Home) -> None:
        self.home, self.now = home, 0.0
        self.access = VaultAccess({"AI_JSON_CRYPTOKEN": TOKEN}, lambda: self.now)

    def ask(
        self, method: str = "GET", target: str = "/ai.json.enc", token: str = TOKEN, body: bytes = b"", *,
        public: bool = False, **headers: str,
    ) -> Answer:  # fmt: skip
        pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
        pairs += [("Authorization", f"Bearer {token}")] if token else []
        asked = arrival(target, *pairs, method=method)
        refused = self.access.refused(self.home, asked, public)
        if refused:
            return refused
        return self.access.write(self.home, asked, body) if method == "PUT" else self.access.read(self.home, asked)


@pytest.fixture
def desk(tmp_path) -> Desk:
    home = Home(tmp_path)
    store.save_vault_document(home, DOCUMENT, Secret(TOKEN))
    return Desk(home)


def sealed(document: object, token: str = TOKEN) -> bytes:
    return openssl.seal(json.dumps(document).encode(), Secret(token), b"one salt")  # the same in every test process


@pytest.mark.parametrize(
    ("method", "target", "token", "public", "status"),
    [
        ("GET", "/ai.json.enc", TOKEN, False, 200),
        ("GET", "/ai.json.enc", "", False, 401),
        ("GET", "/ai.json.enc", "mv-a-user", False, 403),
        ("HEAD", "/ai.json.enc", "mv-a-user", False, 403),
        ("GET", "/ai.json.enc", "", True, 200),
        ("GET", "/ai.json.enc?x=1", "", True, 200),
        ("GET", "/ai.json", "", True, 401),
        ("GET", "/ai.json", "mv-a-user", True, 403),
        ("GET", "/ai.json", TOKEN, False, 200),
        ("PUT", "/ai.json.enc", "", True, 403),
        ("PUT", "/ai.json.enc", "mv-a-user", True, 403),
    ],
)
def test_who_is_heard(desk, method, target, token, public, status):
    assert desk.ask(method, target, token, public=public).status == status


def test_the_token_that_decrypts_need_not_be_the_proxys(desk):
    """As the original has it: whoever can decrypt the file may have it decrypted."""
    desk.home.vault.write_bytes(sealed(DOCUMENT, "another"))
    assert json.loads(desk.ask(target="/ai.json", token="another").body) == DOCUMENT
    assert desk.ask(target="/ai.json", token=TOKEN).status == 403


def test_noise_is_not_shown(desk):
    """One wrong token in 256 "decrypts"; what comes out is no vault and stays here."""
    desk.home.vault.write_bytes(openssl.seal(b"\xff\xfe noise", Secret(TOKEN), b"one salt"))
    assert desk.ask(target="/ai.json").status == 403
    desk.home.vault.write_bytes(openssl.seal(b"no json", Secret(TOKEN), b"one salt"))
    assert desk.ask(target="/ai.json").status == 403


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"garbage!", "not base64"),
        (b"Z2FyYmFnZQ==", "Salted__"),
        (sealed(DOCUMENT, "another token"), "does not open"),
        (sealed(DOCUMENT)[:-20], "the vault"),
        (sealed([]), "must be a JSON object"),
        (sealed({"providers": {"groq": {"keys": [{"key": "a\r\nb"}]}}}), "providers.groq.keys[0].key"),
        (sealed({"providers": {"groq": {"endpoint": "http://10.0.0.1"}}}), "providers.groq.endpoint"),
    ],
)
def test_what_is_no_vault_replaces_none(desk, body, said):
    before = desk.home.vault.read_bytes()
    reply = desk.ask("PUT", body=body)
    document = json.loads(reply.body)
    assert (reply.status, document["error"]) == (400, "Invalid vault") and said in document["message"]
    assert b"a\\r\\nb" not in reply.body and b"10.0.0.1" not in reply.body
    assert desk.home.vault.read_bytes() == before and not list(desk.home.path.glob("*.previous"))


def test_bytes_are_stored_as_they_come(desk):
    one_line = b" " + sealed(DOCUMENT).replace(b"\n", b"") + b"\r\n"
    reply = desk.ask("PUT", body=one_line)
    assert reply.status == 200 and desk.home.vault.read_bytes() == one_line
    assert dict(reply.headers)["etag"] == dict(desk.ask().headers)["etag"] == f'"{store.version_of(desk.home.vault)}"'
    assert desk.ask().body == one_line and json.loads(desk.ask(target="/ai.json").body) == DOCUMENT


def test_conditions(desk):
    tag = dict(desk.ask().headers)["etag"]
    assert desk.ask("PUT", body=sealed(DOCUMENT), If_Match='"other"').status == 412
    assert dict(desk.ask().headers)["etag"] == tag
    assert desk.ask(If_None_Match=tag).status == 304
    assert desk.ask(target="/ai.json", If_None_Match=tag, token="wrong").status == 403  # no oracle without the token
    assert desk.ask("PUT", body=sealed(DOCUMENT), If_Match=tag).status == 200


def test_wrong_tokens_are_throttled(desk):
    for number in range(FAILURES):
        desk.now = number
        assert desk.ask(*(("GET", "/ai.json"), ("PUT", "/ai.json.enc"))[number % 2], "wrong").status == 403
    for asked in (("GET", "/ai.json"), ("GET", "/ai.json.enc"), ("PUT", "/ai.json.enc")):
        reply = desk.ask(*asked)
        assert reply.status == 429 and dict(reply.headers)["retry-after"] == str(PERIOD - FAILURES + 1)
    assert desk.ask(public=True).status == 200
    desk.now = PERIOD
    assert desk.ask(target="/ai.json").status == 200


def test_without_a_crypto_token_nobody_is_let_in(desk):
    desk.access = VaultAccess({})
    with pytest.raises(HomeError):
        desk.ask()
