"""The envelope, against the real openssl program both ways, and against vectors that it wrote."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.formats.openssl import SealError, seal, unseal
from mitmvault.core.secret import Secret

VECTORS = json.loads((Path(__file__).parent / "vectors" / "openssl.json").read_text("utf-8"))
PASSWORDS = ["0123456789abcdef", "pässwörd – ключ", 'with blank\'s "quotes" $PATH', "-leading"]
SALT = b"\x00\xff12345\n"


def program(data: bytes, password: str, *flags: str) -> bytes:
    """`openssl enc` with the flags of the reference README."""
    command = ["openssl", "enc", "-aes-256-cbc", "-a", "-pbkdf2", "-iter", "100000", *flags, "-pass", "env:PASSWORD"]
    environ = {**os.environ, "PASSWORD": password}
    return subprocess.run(command, input=data, env=environ, capture_output=True, check=True).stdout


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case):
    text, password = case["text"].encode(), Secret(case["password"])
    if "plain" in case:
        assert unseal(text, password).decode() == case["plain"]
    else:
        with pytest.raises(SealError, match=re.escape(case["error"])):
            unseal(text, password)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 47, 48, 1000])
def test_openssl_reads_what_we_write(password, length):
    plain = os.urandom(length)
    assert program(seal(plain, Secret(password), SALT), password, "-d") == plain


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("flags", [[], ["-A"]], ids=["64 columns", "one line"])
def test_we_read_what_openssl_writes(password, flags):
    plain = os.urandom(500)
    assert unseal(program(plain, password, *flags), Secret(password)) == plain


def test_the_same_bytes_as_openssl():
    salt = "000102030405ff0a"
    expected = program(b"plain text " * 20, "pw", "-S", salt)
    ours = seal(b"plain text " * 20, Secret("pw"), bytes.fromhex(salt))
    # With -S, OpenSSL 3 leaves the head out; the body must be the same.
    assert base64.b64decode(ours)[16:] == base64.b64decode(expected).removeprefix(b"Salted__" + bytes.fromhex(salt))


def test_lines_have_64_columns_and_end():
    lines = seal(b"x" * 1000, Secret("pw"), SALT).split(b"\n")
    assert {len(line) for line in lines[:-2]} == {64} and 0 < len(lines[-2]) <= 64 and lines[-1] == b""


@pytest.mark.parametrize("salt", [b"", b"1234567", b"123456789"])
def test_salt_of_another_length(salt):
    with pytest.raises(ValueError, match="8 bytes"):
        seal(b"", Secret("pw"), salt)


def test_size_limit_comes_first(monkeypatch):
    monkeypatch.setattr(openssl, "MAX_BYTES", 100)
    with pytest.raises(SealError, match="larger"):
        unseal(b" " * 101, Secret("pw"))
    with pytest.raises(SealError, match="larger"):
        seal(b"x" * 100, Secret("pw"), SALT)


@pytest.mark.parametrize("case", [case for case in VECTORS if "error" in case], ids=lambda case: case["name"])
def test_messages_hold_no_content(case):
    with pytest.raises(SealError) as caught:
        unseal(case["text"].encode(), Secret(case["password"]))
    message = str(caught.value)
    assert message.endswith(tuple("abcdefghijklmnopqrstuvwxyz")) and "\n" not in message
    assert not case["password"] or case["password"] not in message
    assert not any(word in message for word in case["text"].split() if len(word) > 10)
