"""A truststore that a JVM reads. Java's own keytool is the judge, where there is one."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import certifi
import pytest

from mitmvault.core.setup.java_truststore import PASSWORD, certificates, truststore

PEM = Path(certifi.where()).read_text()


def test_certificates_are_read_as_openssl_reads_them():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=PEM)
    assert sorted(certificates(PEM)) == sorted(context.get_ca_certs(binary_form=True))


def test_each_once_in_their_order():
    first, second = certificates(PEM)[:2]
    text = "".join(map(ssl.DER_cert_to_PEM_cert, (second, first, second)))
    assert certificates(f"words before\r\n{text.replace(chr(10), chr(13) + chr(10))}") == [second, first]


def test_broken_base64():
    with pytest.raises(ValueError):
        certificates("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----")


def test_the_same_bytes_again():
    every = certificates(PEM)
    assert truststore(every) == truststore(every) != truststore(every[1:])
    assert truststore(every)[:8] == bytes.fromhex("feedfeed00000002")


def test_keytool_reads_it(tmp_path):
    keytool = shutil.which("keytool") or pytest.skip("there is no Java on this machine")
    every = certificates(PEM)
    path = tmp_path / "trust.jks"
    path.write_bytes(truststore(every))
    command = [keytool, "-list", "-keystore", path, "-storetype", "jks", "-storepass", PASSWORD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("trustedCertEntry") == len(every)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0
