"""An operator's authorities are trusted beside the usual ones, not instead of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import certifi
import pytest

from mitmvault.home.layout import Home, HomeError
from mitmvault.home.trust import bundle


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_both(home: Home) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=own", "-keyout", "k",
         "-out", "own.pem"],
        cwd=home.path, check=True, capture_output=True,
    )  # fmt: skip
    written = bundle(home, "own.pem").read_text()
    assert (home.path / "own.pem").read_text() in written and Path(certifi.where()).read_text() in written


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_holds_no_certificates(home: Home, content: str | None) -> None:
    if content is not None:
        (home.path / "own.pem").write_text(content)
    with pytest.raises(HomeError, match=r"own\.pem"):
        bundle(home, "own.pem")
