"""`mitmvault ca`, through the real command line. The private key is nowhere in what it writes."""

from __future__ import annotations

import json
import ssl
import subprocess

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.home import authority
from mitmvault.home.certificate_forms import FORMS
from mitmvault.home.layout import Home
from tests.authorities import home_with_authority


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return home_with_authority(tmp_path_factory.mktemp("ca") / "home")


@pytest.fixture
def run(home):
    return lambda *arguments: CliRunner().invoke(cli, ["ca", "--home", str(home.path), *arguments])


def openssl(home: Home, *arguments: str) -> str:
    command = ["openssl", "x509", "-noout", "-in", home.ca_certificate, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("arguments", [[], ["show"]], ids=str)
def test_show(run, home, arguments):
    result = run(*arguments)
    facts = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert result.exit_code == 0 and result.stderr == ""
    assert facts["certificate"] == str(home.ca_certificate) and facts["key"] == "RSA 2048"
    assert facts["sha256"] == openssl(home, "-fingerprint", "-sha256").strip().partition("=")[2]
    assert int(facts["days left"]) > 3600


@pytest.mark.parametrize("arguments", [["--json"], ["show", "--json"]], ids=str)
def test_show_as_json(run, home, arguments):
    facts = json.loads(run(*arguments).stdout)
    assert facts["certificate"] == str(home.ca_certificate) and facts["warnings"] == [] and facts["days_left"] > 3600


def test_warnings_are_on_stderr(run, home, monkeypatch):
    load = authority.load
    monkeypatch.setattr(authority, "load", lambda home, now=None: load(home, load(home).certificate.ends))
    result = run()
    assert "warning: the certificate authority expires" in result.stderr and "warning" not in result.stdout
    assert "expires" in json.loads(run("--json").stdout)["warnings"][0]


@pytest.mark.parametrize("form", FORMS)
def test_export(run, home, tmp_path, form):
    der = ssl.PEM_cert_to_DER_cert(home.ca_certificate.read_text())
    path = tmp_path / "out"
    result = run("export", "--format", form, "--out", str(path))
    assert result.exit_code == 0 and result.stdout_bytes == b"" and f"{path}: written" in result.stderr
    assert path.stat().st_mode & 0o777 == 0o644
    for data in (path.read_bytes(), run("export", "--format", form).stdout_bytes):
        assert b"PRIVATE" not in data and (form == "p12" or data == FORMS[form](der))
        assert form == "pem" or der in data


def test_pem_is_the_default(run, home):
    assert run("export").stdout_bytes == home.ca_certificate.read_bytes()


@pytest.mark.parametrize("command", [[], ["export"], ["install"], ["uninstall", "--apply"]], ids=str)
def test_no_authority(tmp_path, command):
    result = CliRunner().invoke(cli, ["ca", "--home", str(tmp_path), *command])
    assert result.exit_code == 1 and "mitmvault init" in result.stderr and result.stdout == ""
