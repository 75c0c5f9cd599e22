"""How the doctor runs a program, and what it makes of what that prints."""

from __future__ import annotations

import http.client
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from mitmvault.cli import doctor_probes as module
from mitmvault.core.doctor.client_probes import ABSENT, KEY, PASSED, Probe
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN
from mitmvault.home.layout import Home
from mitmvault.home.running import Running
from mitmvault.home.user_token import UserToken

TOKEN = "mv-made-up-token"
OURS = {"HTTPS_PROXY": f"http://x:{TOKEN}@127.0.0.1:8080"}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program called `probe`, of these lines of Python; $WELL says whether it works."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(text: str, **fields) -> Probe:
        path = tmp_path / "probe"
        path.write_text(f"#!{sys.executable}\nimport os, sys\n{text}\n")
        path.chmod(0o700)
        return Probe("Probe", "probe", ("{file}",), ("script", "key {key}"), **fields)

    return make


WELL = f"print({PASSED!r} if os.environ.get('WELL') else 'certificate verify failed')"


def found(probe: Probe, run: dict[str, str], own: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(one.status, one.text) for one in module._findings(probe, {**os.environ, **run}, own, TOKEN)]


def test_what_is_not_installed(program):
    missing = Probe("Nothing", "no-such-program-anywhere", ())
    assert found(missing, {}) == [(NOTE, "no-such-program-anywhere is not installed")]
    assert found(program(f"sys.exit({ABSENT})"), {}) == [(NOTE, "the library is not installed")]


def test_works_and_fails_under_run(program):
    assert found(program(WELL), {"WELL": "1"}) == [(OK, "works under mitmvault run")]
    assert found(program(WELL), {}) == [(FAIL, "under mitmvault run, it does not trust our authority")]


def test_the_persons_own_environment(program):
    run = {"WELL": "1"}
    own = {**os.environ, **OURS}
    both = found(program(WELL), run, {**own, **run})
    assert both == [(OK, "works, under mitmvault run and as your environment is")]
    (one,) = module._findings(program(WELL, trap="a trap"), {**os.environ, **run}, own, TOKEN)
    assert (one.status, one.text) == (FAIL, "as your environment is, it does not trust our authority")
    assert "a trap" in one.remedy and "mitmvault run -- probe" in one.remedy


def test_a_program_that_cannot_send_a_key_needs_credentials_in_the_proxys_address(program):
    own = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:8080"}
    assert found(program(WELL, token=False), {"WELL": "1"}, own) == [(OK, "works under mitmvault run")]


def test_the_key_is_in_a_private_file_and_in_the_environment_only(program):
    shown = "path = sys.argv[1]; mode = os.stat(os.path.dirname(path)).st_mode\n"
    shown += f"print(sys.argv[1:] == [path], oct(mode), open(path).read(), os.environ[{KEY!r}])"
    output = module._output(program(shown), shutil.which("probe"), dict(os.environ), TOKEN)
    whole, mode, *rest = output.split(maxsplit=2)
    assert whole == "True" and stat.S_IMODE(int(mode, 8)) == 0o700
    assert rest == [f"key {TOKEN} {TOKEN}\n"]


def test_a_program_that_hangs(program, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.2)
    assert found(program("sys.stdin.close(); import threading; threading.Event().wait()"), {}) == [
        (FAIL, "under mitmvault run, it says: no answer within 0 s")
    ]


def test_a_variable_that_names_no_file_does_not_stop_the_others(tmp_path):
    assert module._is_broken("SSL_CERT_FILE", str(tmp_path / "gone"))
    assert not module._is_broken("EDITOR", str(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("keys", "story", "status"),
    [
        ({"…abcd"}, f"a provider key that ends in …abcd. Your user token {PASSED}", OK),
        ({"…abcd"}, f"a provider key that ends in …9999. Your user token {PASSED}", FAIL),
        ({"…abcd"}, f"a provider key that ends in …abcd. Your user token {PASSED}; {TOKEN}", FAIL),
        ({"…abcd"}, "a provider key that ends in …abcd. WARNING: a user token DID ARRIVE", FAIL),
        (set(), f"a provider key that ends in …abcd. Your user token {PASSED}", WARN),
    ],
    ids=["the vault's key", "another key", "the token in the answer", "the token arrived", "the vault does not open"],
)
def test_the_swap(monkeypatch, keys, story, status):
    class Answering(http.client.HTTPConnection):
        def request(self, *_, **__):
            assert self.port == 8080

        def getresponse(self):
            return type("Answer", (), {"status": 200, "read": lambda _: story.encode()})()

    monkeypatch.setattr(module.http.client, "HTTPConnection", Answering)
    who, proxy = UserToken("alice", TOKEN), Running("http://127.0.0.1:8080", frozenset({"demo"}))
    one = module.swap(module.Scene(Home(Path("/none")), who, proxy, frozenset(keys)))
    assert one.status == status and TOKEN not in repr(one) and bool(one.remedy) is (status != OK)
    assert status != OK or "…abcd" in one.text
