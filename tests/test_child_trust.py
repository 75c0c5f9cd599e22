"""The combined bundle: what the machine trusts, what the person's variables name, and ours."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import certifi
import pytest

from mitmvault.core.setup.java_truststore import certificates, truststore
from mitmvault.home import child_trust
from mitmvault.home.layout import Home, HomeError

ROOTS = list(map(ssl.DER_cert_to_PEM_cert, certificates(Path(certifi.where()).read_text())))
OURS, SYSTEM, CORPORATE = ROOTS[:3]


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.ca.mkdir(parents=True)
    home.ca_certificate.write_text(OURS)
    (tmp_path / "system.pem").write_text(f"# a comment\n{SYSTEM}")
    (tmp_path / "corporate.pem").write_text(CORPORATE + SYSTEM)
    return home


def held(path: Path) -> list[str]:
    return list(map(ssl.DER_cert_to_PEM_cert, certificates(path.read_text())))


def test_system_and_ours(home, tmp_path):
    environ = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    trust = child_trust.ensure(home, environ)
    assert (trust.ca, held(trust.bundle)) == (home.ca_certificate, [OURS, SYSTEM])
    assert trust.truststore.read_bytes() == truststore(certificates(OURS + SYSTEM))
    assert {path.stat().st_mode & 0o777 for path in (trust.bundle, trust.truststore)} == {0o600}


def test_without_variables_it_is_the_machines(home):
    found = held(child_trust.ensure(home, {}).bundle)
    assert found[0] == OURS and len(found) > 50


def test_certifi_where_the_machine_has_none(home, monkeypatch, tmp_path):
    monkeypatch.setattr(child_trust, "SYSTEM", ())
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(tmp_path / "none.pem"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    assert sorted(held(child_trust.ensure(home, {}).bundle)) == sorted(set(ROOTS))


@pytest.mark.parametrize("name", child_trust.OWN)
def test_the_persons_own_are_in_it(home, tmp_path, name):
    environ = {"SSL_CERT_FILE": str(tmp_path / "system.pem"), name: str(tmp_path / "corporate.pem")}
    assert held(child_trust.ensure(home, environ).bundle) == [OURS, SYSTEM, CORPORATE]


def test_a_directory_is_left_alone(home, tmp_path):
    environ = {"SSL_CERT_FILE": str(tmp_path / "system.pem"), "REQUESTS_CA_BUNDLE": str(tmp_path)}
    assert held(child_trust.ensure(home, environ).bundle) == [OURS, SYSTEM]


def test_our_own_bundle_is_no_source(home, tmp_path):
    """Within `mitmvault env` the variables name the bundle; a replaced authority must not stay in it."""
    environ = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    bundle = child_trust.ensure(home, environ).bundle
    home.ca_certificate.write_text(ROOTS[4])
    child_trust.ensure(home, {"SSL_CERT_FILE": str(bundle), "REQUESTS_CA_BUNDLE": str(bundle)})
    assert OURS not in held(bundle) or OURS in held(Path("/etc/ssl/certs/ca-certificates.crt"))
    assert held(bundle)[0] == ROOTS[4]


def test_php_is_told(home):
    trust = child_trust.ensure(home, {})
    assert trust.php.read_text() == f'curl.cainfo = "{trust.bundle}"\nopenssl.cafile = "{trust.bundle}"\n'
    assert trust.php.suffix == ".ini" and trust.php.parent.stat().st_mode & 0o777 == 0o700


def test_written_only_when_it_changed(home, tmp_path):
    environ = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    trust = child_trust.ensure(home, environ)
    before = [path.stat().st_ino for path in (trust.bundle, trust.truststore)]
    child_trust.ensure(home, environ)
    assert [path.stat().st_ino for path in (trust.bundle, trust.truststore)] == before
    home.ca_certificate.write_text(CORPORATE)
    assert held(child_trust.ensure(home, environ).bundle) == [CORPORATE, SYSTEM]


def test_openssl_reads_it(home):
    bundle = child_trust.ensure(home, {}).bundle
    done = subprocess.run(["openssl", "storeutl", "-noout", "-certs", bundle], capture_output=True, text=True)
    assert f"Total found: {len(held(bundle))}" in done.stdout


def test_what_is_wrong(home, tmp_path):
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n")
    for path, said in (("broken.pem", "no PEM text"), ("missing.pem", "cannot read")):
        with pytest.raises(HomeError, match=said):
            child_trust.ensure(home, {"SSL_CERT_FILE": str(tmp_path / path)})
    home.ca_certificate.unlink()
    with pytest.raises(HomeError, match="mitmvault serve"):
        child_trust.ensure(home, {})
