"""The authority is made once, private, as mitmproxy makes it; and read without its private key."""

from __future__ import annotations

import os
import ssl
from datetime import timedelta

import pytest
from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

from mitmvault.home import authority
from mitmvault.home.layout import Home, HomeError
from tests.authorities import home_with_authority


@pytest.fixture
def home(tmp_path) -> Home:
    return home_with_authority(tmp_path / "home")


def content(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.ca.iterdir()}


def test_private_and_complete(tmp_path):
    before = os.umask(0)
    try:
        home = home_with_authority(tmp_path / "home")
    finally:
        os.umask(before)
    CertStore.create_store(tmp_path / "mitmproxys", CONF_BASENAME, KEY_SIZE)
    assert set(content(home)) == {path.name for path in (tmp_path / "mitmproxys").iterdir()}
    assert home.ca.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.ca.iterdir()} == {0o600}
    assert list(home.path.iterdir()) == [home.ca]  # nothing is left of the making


def test_mitmproxy_uses_it(home):
    before = content(home)
    used = CertStore.from_store(home.ca, CONF_BASENAME, KEY_SIZE)
    assert used.default_ca.to_pem() == home.ca_certificate.read_bytes() and content(home) == before


def test_an_authority_that_exists_is_kept(home):
    before = content(home)
    assert authority.ensure(home) is False and content(home) == before


def test_what_else_is_in_the_directory_is_kept(tmp_path):
    home = Home(tmp_path)
    home.ca.mkdir()
    (home.ca / "config.yaml").write_text("ssl_insecure: false")
    assert authority.ensure(home) is True
    assert content(home)["config.yaml"] == b"ssl_insecure: false" and authority.load(home).warnings == ()


def test_facts(home):
    found = authority.load(home)
    assert found.path == home.ca_certificate and found.warnings == ()
    assert found.certificate.der == ssl.PEM_cert_to_DER_cert(home.ca_certificate.read_text())
    assert found.certificate.key == f"RSA {KEY_SIZE}"


def test_expiry_is_a_warning_with_its_remedy(home):
    ends = authority.load(home).certificate.ends
    assert authority.load(home, ends - timedelta(days=31)).warnings == ()
    for now, said in ((ends - timedelta(days=29, hours=1), "in 29 days"), (ends + timedelta(days=1), "has expired")):
        (warning,) = authority.load(home, now).warnings
        assert said in warning and "start it again" in warning


@pytest.mark.parametrize("spoil", ["other", "missing"])
def test_another_certificate_beside_the_key(home, tmp_path, spoil):
    """Whoever puts an authority of his own into the key's file forgets the certificate that clients are given."""
    if spoil == "missing":
        home.ca_certificate.unlink()
    else:
        other = home_with_authority(tmp_path / "other")
        home.ca_certificate.write_bytes(other.ca_certificate.read_bytes())
    (warning,) = authority.load(home).warnings
    assert f"mitmvault ca export --out {home.ca_certificate}" in warning


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "mitmvault init"),
        ("", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n", "no PEM text"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate that can be read"),
    ],
)
def test_what_is_wrong(home, text, said):
    home.ca_key.unlink() if text is None else home.ca_key.write_text(text)
    with pytest.raises(HomeError, match=said) as caught:
        authority.load(home)
    assert caught.value.__context__ is None and "\n" not in str(caught.value)
