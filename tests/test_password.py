"""Where the crypto token comes from."""

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import password
from mitmvault.home.layout import Home, HomeError


@pytest.mark.parametrize(
    "file, environ, expected",
    [
        (b"from-file\n", {}, "from-file"),
        (b"from-file\r\n", {}, "from-file"),
        (b"from-file", {}, "from-file"),
        (b" blanks count \n", {}, " blanks count "),
        ("schlüssel\n".encode(), {}, "schlüssel"),
        (b"from-file", {"AI_JSON_CRYPTOKEN": "from-environment"}, "from-environment"),
        (None, {"AI_JSON_CRYPTOKEN": "from-environment"}, "from-environment"),
        (b"from-file", {"AI_JSON_CRYPTOKEN": ""}, "from-file"),
    ],
)
def test_token(tmp_path, file, environ, expected):
    home = Home(tmp_path)
    if file is not None:
        home.cryptoken.write_bytes(file)
    assert password.known(home, environ)
    assert password.crypto_token(home, environ) == Secret(expected)


@pytest.mark.parametrize(
    "file, message",
    [
        (None, "set AI_JSON_CRYPTOKEN, or write it to"),
        (b"", "in one line"),
        (b"\n\n", "in one line"),
        (b"made-up\ntwo lines", "in one line"),
        (b"made-up\xff", "in one line"),
        (b"made-up" * 1000, "larger"),
    ],
)
def test_no_token(tmp_path, file, message):
    home = Home(tmp_path)
    if file is not None:
        home.cryptoken.write_bytes(file)
    with pytest.raises(HomeError, match=message) as caught:
        password.crypto_token(home, {})
    assert str(home.cryptoken) in str(caught.value) and "made-up" not in str(caught.value)
    assert password.known(home, {}) is (file is not None)
