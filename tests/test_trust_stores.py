"""The lines that people are told to type: they hold the right file, name and fingerprint, and a shell can read them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import certifi
import pytest

from mitmvault.core.setup import certificate, trust_stores
from mitmvault.core.setup.java_truststore import certificates
from mitmvault.core.setup.trust_stores import STORES, lines, name

FOUND = certificate.read(certificates(Path(certifi.where()).read_text())[0])
FILE = "/home/a person/ca's.pem"


@pytest.mark.parametrize("uninstall", [False, True])
@pytest.mark.parametrize("store", STORES)
def test_every_line_can_be_typed(store, uninstall):
    for line in lines(store, FOUND, FILE, uninstall=uninstall):
        assert subprocess.run(["bash", "-n", "-c", line]).returncode == 0
        assert "{name}" not in line and "{file}" not in line and "{{" not in line
        if "ca's" in line or "ca'\"" in line:
            assert FILE in shlex.split(line)


def test_what_is_installed_can_be_found_again():
    for store in STORES:
        installed, gone = (" ".join(lines(store, FOUND, FILE, uninstall=way)) for way in (False, True))
        marks = {"macos": FOUND.sha1, "windows": FOUND.sha1, "arch": "person"}
        assert marks.get(store, name(FOUND)) in gone and installed != gone


def test_names_differ_by_certificate():
    other = certificate.read(certificates(Path(certifi.where()).read_text())[1])
    assert name(FOUND) != name(other) and name(FOUND).startswith("mitmvault-")


def test_nss_takes_it(tmp_path):
    """certutil of NSS, where there is one: in, listed as an authority for TLS, out."""
    certutil = shutil.which("certutil") or pytest.skip("there is no certutil on this machine")
    pem = tmp_path / "ca.pem"
    pem.write_text(certifi.contents().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    (tmp_path / ".mozilla/firefox/x.default").mkdir(parents=True)
    profile = tmp_path / ".mozilla/firefox/x.default"
    subprocess.run([certutil, "-N", "--empty-password", "-d", f"sql:{profile}"], check=True)
    for store, at in (("nss", tmp_path / ".pki/nssdb"), ("firefox", profile)):
        for uninstall in (False, True):
            script = "\n".join(lines(store, FOUND, str(pem), uninstall=uninstall))
            environ = {"HOME": str(tmp_path), "PATH": str(Path(certutil).parent) + ":/usr/bin:/bin"}
            subprocess.run(["bash", "-e", "-c", script], check=True, env=environ, stdin=subprocess.DEVNULL)
            listed = subprocess.run([certutil, "-L", "-d", f"sql:{at}"], capture_output=True, text=True).stdout
            assert (f"{name(FOUND)}" in listed) is not uninstall


def test_directories_are_in_the_lines():
    assert trust_stores.DEBIAN_DIRECTORY in " ".join(lines("debian", FOUND, FILE))
    assert trust_stores.RED_HAT_DIRECTORY in " ".join(lines("redhat", FOUND, FILE))
