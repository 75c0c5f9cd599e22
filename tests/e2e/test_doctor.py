"""`mitmvault doctor` on a machine that is well, and on one that is not: each trouble is named, with what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

from mitmvault.core.doctor.traps import AUTHORITIES
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.serving import ADDONS, Serving

pytestmark = pytest.mark.e2e

PASSWORD = "made-up-crypto-token"
QUICK = ("--client", "curl", "--client", "Python urllib")
# What this machine's own environment says of proxies and authorities is not what is tested.
GONE = {
    *AUTHORITIES,
    "SSL_CERT_DIR",
    *(name for word in ("http", "https", "all", "no") for name in (f"{word}_proxy", f"{word.upper()}_PROXY")),
}


def doctor(home: Path, *arguments: str, **environ: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the findings by name; those of files that cannot be read by area."""
    kept = {name: value for name, value in os.environ.items() if name not in GONE and "KEY" not in name}
    command = [sys.executable, "-m", "mitmvault", "doctor", "--home", str(home), "--json", *arguments]
    more = {"PYTHONPATH": str(ADDONS), "AI_JSON_CRYPTOKEN": PASSWORD}
    done = subprocess.run(command, env=kept | more | environ, capture_output=True, text=True, timeout=90)
    document = json.loads(done.stdout)
    assert document["ok"] is (done.returncode == 0), done.stderr
    return done.returncode, {
        one["area"] if one["name"] == "readable" else one["name"]: one for one in document["findings"]
    }


def wrong(found: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {name: one for name, one in found.items() if one["status"] == "fail"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("doctor") / "home"
    with Serving(home, environ={"AI_JSON_CRYPTOKEN": PASSWORD}) as proxy:
        yield proxy.ready()


def test_a_healthy_machine(serving: Serving) -> None:
    code, found = doctor(serving.home, *QUICK)
    assert code == 0 and wrong(found) == {}
    assert serving.url in found["running"]["text"]
    vault = store.load_vault(Home(serving.home), Secret(PASSWORD))
    (key,) = vault.providers["demo"].keys
    assert f"got a key from the vault, {key.secret.fingerprint}, and your token did" in found["demo"]["text"]
    assert {found[name]["text"] for name in ("curl", "Python urllib")} == {"works under mitmvault run"}


def test_an_environment_that_uses_the_proxy(serving: Serving, tmp_path: Path) -> None:
    token = next(iter(json.loads((serving.home / "users.json").read_text()).values()))["key"]
    proxied = {"HTTPS_PROXY": serving.url.replace("//", f"//x:{token}@")}
    code, found = doctor(serving.home, *QUICK, **proxied, SSL_CERT_FILE=str(serving.ca))
    assert code == 0 and found["curl"]["text"] == "works, under mitmvault run and as your environment is"
    code, found = doctor(serving.home, *QUICK, **proxied, SSL_CERT_FILE=certifi.where())
    assert code == 1 and set(wrong(found)) == {"SSL_CERT_FILE", "curl", "Python urllib"}
    assert (
        certifi.where() in found["SSL_CERT_FILE"]["text"]
        and 'eval "$(mitmvault env)"' in found["SSL_CERT_FILE"]["remedy"]
    )
    assert "does not trust our authority" in found["curl"]["text"] and "SSL_CERT_FILE" in found["curl"]["remedy"]


@pytest.mark.parametrize("elsewhere", ["gone.pem", "other.pem"])
def test_ssl_cert_file_pointing_elsewhere(serving: Serving, tmp_path: Path, elsewhere: str) -> None:
    (tmp_path / "other.pem").write_text(Path(certifi.where()).read_text())
    code, found = doctor(serving.home, "--client", "curl", SSL_CERT_FILE=str(tmp_path / elsewhere))
    assert code == 1 and set(wrong(found)) == {"SSL_CERT_FILE"}
    assert elsewhere in found["SSL_CERT_FILE"]["text"] and "mitmvault run" in found["SSL_CERT_FILE"]["remedy"]
    assert found["curl"]["status"] == "ok"  # under mitmvault run


def test_an_expired_key_wrong_permissions_and_no_proxy(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o700)
    keys = [{"key": "gsk-made-up-0001", "owner": "a", "type": "expired"}]
    store.save_vault_document(home, {"version": 1, "providers": {"groq": {"keys": keys}}}, Secret(PASSWORD))
    store.save_users_document(home, {"alice": {"key": "mv-made-up-token"}})
    home.users.chmod(0o644)
    code, found = doctor(home.path, "--client", "curl")
    besides = {"port"}  # of this machine, where something else may listen
    assert code == 1 and set(wrong(found)) - besides == {"groq", "users.json", "running", "authority"}
    assert "key #1 …0001 of groq is expired" in found["groq"]["text"]
    assert found["users.json"]["remedy"] == f"chmod 600 {home.users}"
    assert f"mitmvault serve --home {home.path}" in found["running"]["remedy"]
    assert found["authority"]["remedy"] == "make one, mitmvault init"
    # The programs are tried all the same: through a proxy with a vault of its own, which leaves nothing in this home.
    assert found["curl"]["status"] == "ok" and found["demo"]["status"] == "ok"
    assert {path.name for path in home.path.iterdir()} == {"ai.json.enc", "users.json"}


def test_for_people_and_pipes(serving: Serving) -> None:
    command = [sys.executable, "-m", "mitmvault", "doctor", "--home", str(serving.home), "--no-clients"]
    environ = os.environ | {"PYTHONPATH": str(ADDONS), "AI_JSON_CRYPTOKEN": PASSWORD}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    rows: list[Any] = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["STATUS", "AREA", "NAME", "FOUND", "REMEDY"] and all(len(row) == 5 for row in rows)
    assert not any(row[1] == "clients" for row in rows) and ["ok", "swap", "demo"] in [row[:3] for row in rows]
