"""The facts of a certificate, compared with what openssl says of it."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from mitmvault.core.setup.certificate import CertificateError, read


def made(directory, *key: str) -> bytes:
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-subj", "/O=made up/CN=test", "-days", "100", "-keyout", "k", "-out",
         "c.pem", "-newkey", *key],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    return ssl.PEM_cert_to_DER_cert((directory / "c.pem").read_text())


@pytest.mark.parametrize(
    "key, kind",
    [
        (["rsa:2048"], "RSA 2048"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "EC secp256r1"),
        (["ed25519"], "Ed25519"),
    ],
)
def test_facts(tmp_path, key, kind):
    found = read(made(tmp_path, *key))
    assert (found.subject, found.key) == ("CN=test,O=made up", kind)
    assert found.ends - found.begins == timedelta(days=100)
    for name, value in (("sha256", found.sha256), ("sha1", found.sha1)):
        command = ["openssl", "x509", "-in", tmp_path / "c.pem", "-noout", "-fingerprint", f"-{name}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said.strip().partition("=")[2].replace(":", "") == value


@pytest.mark.parametrize(
    "days, left, said",
    [
        (-1, 100, "is not valid before"),
        (0, 99, None),
        (69, 30, None),
        (70, 29, "in 29 days"),
        (99, 0, "in 0 days"),
        (100, -1, "has expired on"),
    ],
)
def test_time(tmp_path, days, left, said):
    found = read(made(tmp_path, "ed25519"))
    now = found.begins + timedelta(days=days, seconds=1 if days >= 0 else 0)
    assert found.days_left(now) == (left if days >= 0 else left + 1)
    trouble = found.trouble(now)
    assert trouble is None if said is None else said in (trouble or "")


def test_now_is_within(tmp_path):
    assert read(made(tmp_path, "ed25519")).trouble(datetime.now(UTC) + timedelta(seconds=2)) is None


@pytest.mark.parametrize("der", [b"", b"no certificate", b"\x30\x82"])
def test_no_certificate(der):
    with pytest.raises(CertificateError, match="is no certificate that can be read") as caught:
        read(der)
    assert caught.value.__context__ is None
