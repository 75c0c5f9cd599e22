"""`mitmvault ca`, through the real command line. The private key is nowhere in what it writes."""

from __future__ import annotations

import json
import ssl
import subprocess

import pytest
from click.testing import CliRunner

from mitmvault.cli.main import cli
from mitmvault.core import trust_stores
from mitmvault.home import authority, system_trust
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


def test_instructions_begin_with_this_machines(run, home, monkeypatch):
    monkeypatch.setattr(system_trust, "system", lambda: "macos")
    text = run("install").stdout
    assert text.startswith("# macos (this machine): ") and str(home.ca_certificate) in text
    assert [line.split()[1].strip(":") for line in text.splitlines() if line.startswith("# ")][1:] == [
        name for name in trust_stores.STORES if name != "macos"
    ]


@pytest.mark.parametrize("command", ["install", "uninstall"])
@pytest.mark.parametrize("store", trust_stores.STORES)
def test_instructions_for_one(run, home, command, store):
    found = authority.load(home)
    lines = trust_stores.lines(store, found.certificate, str(found.path), uninstall=command == "uninstall")
    assert json.loads(run(command, "--for", store, "--json").stdout)["stores"] == {store: list(lines)}
    assert run(command, "--for", store).stdout.splitlines()[1:-1] == list(lines)


def test_apply_asks_the_system(run, home, monkeypatch, tmp_path):
    found = authority.load(home).certificate
    asked = []
    monkeypatch.setattr(system_trust, "install", lambda it: asked.append(("in", it)) or tmp_path)
    monkeypatch.setattr(system_trust, "uninstall", lambda it: asked.append(("out", it)))
    assert "trusts the authority" in run("install", "--apply").stderr
    assert "nothing to do" in run("uninstall", "--apply").stderr
    assert asked == [("in", found), ("out", found)]


def test_apply_is_for_this_machine(run):
    result = run("install", "--apply", "--for", "firefox")
    assert result.exit_code == 2 and "not for firefox" in result.stderr


@pytest.mark.parametrize("command", [[], ["export"], ["install"], ["uninstall", "--apply"]], ids=str)
def test_no_authority(tmp_path, command):
    result = CliRunner().invoke(cli, ["ca", "--home", str(tmp_path), *command])
    assert result.exit_code == 1 and "mitmvault init" in result.stderr and result.stdout == ""
