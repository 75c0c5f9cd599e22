"""A newcomer at a terminal: `init` asks, and the lines that it prints work when they are typed, one after the other."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from mitmvault.home import password, running, setup, store
from mitmvault.home.layout import Home
from mitmvault.home.setup import Wish
from tests.provider import FakeProvider
from tests.serving import ADDONS, Program, free_port
from tests.terminal import CTRL_C, Terminal

pytestmark = pytest.mark.e2e

KEY = "gsk_made-up-key-000000000001"
PROGRAM = """
import urllib.request
request = urllib.request.Request("https://api.groq.com/openai/v1/models", headers={"Authorization": "Bearer mine"})
print("status", urllib.request.urlopen(request).status)
"""


def typed(line: str, cwd: Path) -> Terminal:
    environ = {"PYTHONPATH": str(ADDONS), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return Terminal("sh", "-c", f"exec {line}", environ=environ, cwd=cwd)


def settle_here(home: Home, provider: FakeProvider) -> None:
    """Give the provider an address on this machine, so that nothing leaves it."""
    secret = password.crypto_token(home, {})
    document = store.load_vault_document(home, secret)
    document["providers"]["groq"]["endpoint"] = f"{provider.url}/openai/v1"
    store.save_vault_document(home, document, secret)


def test_a_program_alone_shows_what_is_waited_for(tmp_path: Path) -> None:
    """Its own proxy takes a second to start; what was shown is gone when the program begins."""
    with typed(f"{sys.executable} -m mitmvault run -- echo done", tmp_path) as screen:
        screen.asked("Looking after the home").asked("Starting a proxy").asked("done")
        assert screen.exit() == 0


def test_what_it_prints_works(provider: FakeProvider, tmp_path: Path) -> None:
    (tmp_path / ".config/systemd/user").mkdir(parents=True)
    (tmp_path / ".config/systemd/user/mitmvault.service").write_text("mine")  # so that it is not asked for
    (tmp_path / "your_program.py").write_text(PROGRAM)
    with typed(f"{sys.executable} -m mitmvault init", tmp_path) as screen:
        screen.answers([("First user [tester]: ", ""), ("(Enter: none): ", "groq"), ("(not shown): ", KEY)])
        screen.answers([("(Enter: none): ", "")])
        assert screen.exit() == 0, screen.seen
    settle_here(Home(tmp_path / ".mitmvault"), provider)
    serve, run = re.findall(r"^(?:Next|Then, .*):\n(.*)$", screen.seen, re.M)
    with typed(f"{serve} --listen 127.0.0.1:{free_port()}", tmp_path) as proxy:
        proxy.asked("listening at").asked("HTTPS_PROXY=")
        with typed(run, tmp_path) as program:
            assert program.exit() == 0 and "status 200" in program.seen, program.seen
        assert "as tester through http://127.0.0.1:" in program.seen
        assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
        assert proxy.asked("tester → groq").type(CTRL_C).exit() in (0, 130), proxy.seen
    assert KEY not in screen.seen + proxy.seen + program.seen


def test_the_service_runs_and_tells_no_token_to_its_log(tmp_path: Path) -> None:
    """The unit's own command, as systemd would start it: with hardly any environment, from the root directory."""
    if not sys.platform.startswith("linux"):
        pytest.skip("systemd is Linux's")
    home = Home(tmp_path / "a 100% home")
    setup.carry_out(home, {"HOME": str(tmp_path), "LOGNAME": "tester"}, Wish(service=True))
    unit = (tmp_path / ".config/systemd/user/mitmvault.service").read_text()
    line = re.search("^ExecStart=(.*)$", unit, re.M)
    assert line
    words = [word.replace("%%", "%") for word in shlex.split(line[1])]
    token = store.load_users_document(home)["tester"]["key"]
    with Program(*words, "--listen", "127.0.0.1:0", environ={"PYTHONPATH": str(ADDONS)}, cwd=Path("/")) as service:
        address = service.wait_for("^listening at: (http://127.0.0.1:.*)$")[1]
        assert running.find(home, token) == running.Running(address, frozenset({"demo"}))
        assert service.end(signal.SIGTERM) == 0
    assert token not in service.stdout + service.stderr
