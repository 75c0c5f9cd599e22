"""Each form is read by the program that wants it: openssl, keytool. None holds a private key."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import certifi
import pytest

from mitmvault.core.setup.java_truststore import PASSWORD, certificates
from mitmvault.home.certificate_forms import FORMS

DER = certificates(Path(certifi.where()).read_text())[0]
PEM = ssl.DER_cert_to_PEM_cert(DER)


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_pem_and_der():
    assert ssl.PEM_cert_to_DER_cert(FORMS["pem"](DER).decode()) == DER == FORMS["der"](DER)


def test_openssl_reads_them(tmp_path):
    for form in FORMS:
        (tmp_path / form).write_bytes(FORMS[form](DER))
    assert PEM in output("openssl", "x509", "-in", tmp_path / "pem")
    assert PEM in output("openssl", "x509", "-inform", "der", "-in", tmp_path / "der")
    held = output("openssl", "pkcs12", "-in", tmp_path / "p12", "-passin", "pass:", "-nodes")
    assert PEM in held and held.count("-----BEGIN") == 1


def test_keytool_reads_the_truststore(tmp_path):
    keytool = shutil.which("keytool") or pytest.skip("there is no Java on this machine")
    path = tmp_path / "trust.jks"
    path.write_bytes(FORMS["jks"](DER))
    said = output(keytool, "-exportcert", "-rfc", "-alias", "mitmvault-1", "-keystore", path, "-storepass", PASSWORD)
    assert ssl.PEM_cert_to_DER_cert(said.replace("\r", "")) == DER
