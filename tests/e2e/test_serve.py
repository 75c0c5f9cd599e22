"""`mitmvault serve` as a person meets it: what it makes, what it prints, how it fails, how it ends.

And `mitmdump -s addons/entry.py`, which must work from a checkout with nothing installed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.client import raw, send
from tests.leaks import canary, leaks
from tests.provider import FakeProvider
from tests.proxy import ENTRY, TIMEOUT, key
from tests.serving import BINARIES, Program, Serving, free_port, listens

pytestmark = pytest.mark.e2e


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The very first start, without options."""
    with Serving(tmp_path_factory.mktemp("first") / "home") as serving:
        yield serving.ready()


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def sh(line: str) -> str:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- the first start


def test_first_start_makes_a_private_home(running: Serving) -> None:
    home = running.home
    made = {path.relative_to(home).as_posix(): mode(path) for path in home.iterdir()}
    assert made == {"ai.json.enc": "600", "cryptoken": "600", "users.json": "600", "state.json": "600", "ca": "700"}
    assert mode(home) == "700"
    assert mode(home / "ca" / "mitmproxy-ca.pem") == "600"
    assert running.stderr.count("mitmvault: created ") == 3


def test_banner_tells_everything_needed(running: Serving) -> None:
    token = json.loads((running.home / "users.json").read_text())["tester"]["key"]
    assert running.url == f"http://{running.address}"
    assert (running.fact("user"), running.fact("user token")) == ("tester", token)
    assert running.fact("home") == str(running.home)
    assert running.stdout.count(token) == 3  # by itself, and in the two lines to try
    state = json.loads((running.home / "state.json").read_text())
    assert (state["pid"], state["address"], state["web"]) == (running.process.pid, running.url, None)


@pytest.mark.parametrize("line", ["^(curl .*)$", "^(HTTPS_PROXY=.* curl .*)$"], ids=["base URL", "HTTPS_PROXY"])
def test_printed_line_streams_an_answer(running: Serving, line: str) -> None:
    answer = sh(running.wait_for(line)[1])
    events = [json.loads(text) for text in re.findall(r"^data: (\{.*)$", answer, re.M)]
    assert len(events) > 10 and answer.rstrip().endswith("data: [DONE]")
    text = "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
    assert "Your user token did not arrive" in text and running.fact("user token") not in text


def test_second_start_keeps_what_there_is(home: Path) -> None:
    def kept() -> dict[str, Any]:
        files = [path for path in home.rglob("*") if path.is_file() and path.name != "state.json"]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    with Serving(home) as serving:
        token = serving.ready().fact("user token")
        assert serving.end() == 0
    before = kept()
    with Serving(home) as serving:
        assert serving.ready().fact("user token") == token
        assert serving.stderr == ""
        assert kept() == before


def test_web(home: Path) -> None:
    port = free_port()
    with Serving(home, "--web", "--web-port", str(port)) as serving:
        url = urlsplit(serving.ready().fact("mitmweb"))
        assert (url.hostname, url.port) == ("127.0.0.1", port)
        assert json.loads((home / "state.json").read_text())["web"] == url.geturl()
        assert get(port, f"/flows?{url.query}") == 200
        assert get(port, "/flows") == (403 if url.query else 200)  # 11.0.2 has no password
        assert send(serving, "/health", headers={}).status == 200


def get(port: int, target: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    connection.request("GET", target)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


# -- what is wrong is one line


CRYPTOKEN = canary("pw-")
TOKEN = canary("mv-")
KEY = canary("sk-")


def good_home(path: Path) -> Home:
    """A home with a vault, a user and a password of its own."""
    path.mkdir(mode=0o700)
    home = Home(path)
    store.save_vault_document(home, {"providers": {"openai": {"keys": [key(KEY)]}}}, Secret(CRYPTOKEN))
    store.save_users_document(home, {"alice": {"key": TOKEN}})
    return home


def truncated_vault(home: Home) -> None:
    home.vault.write_bytes(home.vault.read_bytes()[:60])


def garbage_vault(home: Home) -> None:
    home.vault.write_text(KEY)


def vault_of_wrong_shape(home: Home) -> None:
    from mitmvault.core import openssl

    plain = json.dumps({"providers": {"openai": {"keys": [KEY]}}}).encode()
    home.vault.write_bytes(openssl.seal(plain, Secret(CRYPTOKEN), os.urandom(8)))


def no_users(home: Home) -> None:
    home.users.write_text("{}")


def writes(name: str, text: str) -> Callable[[Home], None]:
    def write(home: Home) -> None:
        (home.path / name).write_text(text)

    return write


def busy_port(home: Home) -> None:
    pass  # see the argument BUSY


BUSY = "the listener's"
CASES: dict[str, tuple[Callable[[Home], None], dict[str, Any], str]] = {
    "busy port": (busy_port, {"listen": BUSY}, "cannot listen at 127.0.0.1:"),
    "wrong crypto token": (busy_port, {"environ": {"AI_JSON_CRYPTOKEN": "wrong"}}, "crypto"),
    "no crypto token": (busy_port, {"environ": {}}, "AI_JSON_CRYPTOKEN"),
    "truncated vault": (truncated_vault, {}, "vault"),
    "garbage vault": (garbage_vault, {}, "vault"),
    "vault of a wrong shape": (vault_of_wrong_shape, {}, "providers.openai.keys"),
    "users of garbage": (writes("users.json", f'{{"alice": {{"key": "{TOKEN}"'), {}, "users.json"),
    "users of a wrong shape": (writes("users.json", f'{{"alice": "{TOKEN}"}}'), {}, "alice"),
    "unknown setting": (writes("mitmvault.yaml", "unmatchd: refuse\n"), {}, "unknown setting 'unmatchd'"),
    "settings of garbage": (writes("mitmvault.yaml", f"a: [\n  {KEY}: : 1\n"), {}, "mitmvault.yaml"),
    "catalogue of garbage": (writes("providers.yaml", f"a: [\n  {KEY}: : 1\n"), {}, "providers.yaml"),
    "settings not in UTF-8": (lambda home: home.settings.write_bytes(b"names: [\xff]"), {}, "mitmvault.yaml"),
    "open to the network, no users": (no_users, {"listen": "0.0.0.0:"}, "add a user first"),
    "unknown option of mitmproxy": (busy_port, {"arguments": ["--set", "nonsense=1"]}, "nonsense"),
    "unsafe option of mitmproxy": (busy_port, {"arguments": ["--set", "ssl_insecure=true"]}, "ssl_insecure"),
    "a listen address that is none": (busy_port, {"listen": "nonsense"}, "HOST:PORT"),
}
"""Name -> how to spoil a good home, with what to start, what the line must say."""


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_one_line(home: Path, name: str) -> None:
    spoil, how, said = CASES[name]
    spoil(good_home(home))
    environ = how.get("environ", {"AI_JSON_CRYPTOKEN": CRYPTOKEN})
    with socket.create_server(("127.0.0.1", 0)) as busy:
        listen = how.get("listen")
        if listen == BUSY:
            listen = f"127.0.0.1:{busy.getsockname()[1]}"
        elif listen and listen.endswith(":"):
            listen += str(free_port())
        with Serving(home, *how.get("arguments", []), listen=listen, environ=environ) as serving:
            code = serving.exit()
    lines = serving.stderr.splitlines()
    lines = [line for line in lines if not line.startswith(("Usage: ", "Try '"))]  # of click
    output = serving.stdout + serving.stderr
    assert code != 0
    assert len([line for line in lines if line.strip()]) == 1 and said in serving.stderr, output
    assert "Traceback" not in output and serving.stdout == ""
    assert leaks({"key": KEY, "token": TOKEN, "crypto token": CRYPTOKEN}, output.encode()) == []
    assert not (home / "state.json").exists()


def test_busy_port_of_mitmweb(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        with Serving(home, "--web", "--web-port", str(busy.getsockname()[1])) as serving:
            assert serving.exit() != 0
    last = serving.stderr.splitlines()[-1]
    assert "cannot listen at 127.0.0.1:" in last and "--web-port" in last, last


# -- the end


@pytest.mark.parametrize("arguments", [[], ["--web"]], ids=["plain", "web"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stream", [False, True], ids=["idle", "streaming"])
def test_signal_ends_it(
    home: Path, provider: FakeProvider, number: signal.Signals, arguments: list[str], stream: bool
) -> None:
    providers = {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key(KEY)]}}
    store.save_vault_document(good_home(home), {"providers": providers}, Secret(CRYPTOKEN))
    held = provider.stream(chunks=[b"data: first\n\n"])
    web = [*arguments, "--web-port", str(free_port())]
    with Serving(home, *web, environ={"AI_JSON_CRYPTOKEN": CRYPTOKEN}) as serving, raw(serving.ready()) as client:
        if stream:
            client.send(f"GET /openai/v1/models HTTP/1.1\r\nHost: {serving.address}\r\nx-api-key: {TOKEN}\r\n\r\n".encode())
            client.until(b"data: first")
        code = serving.end(number)
    held.finish()
    assert code == 0 or (number, code) == (signal.SIGINT, 130)
    assert "Traceback" not in serving.stdout + serving.stderr and serving.stderr == ""
    assert not (home / "state.json").exists()


# -- from a checkout, uninstalled


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb"])
def test_script_alone(tmp_path: Path, home: Path, program: str) -> None:
    port = free_port()
    options = {"listen_port": port, "confdir": tmp_path / "conf", "mitmvault_home": home}
    if program == "mitmweb":
        options |= {"web_port": free_port(), "web_open_browser": "false"}
    sets = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    with Program(BINARIES / program, "-s", ENTRY, *sets, environ={}, cwd=tmp_path) as started:
        started.wait_for(rf"listening at .*127\.0\.0\.1:{port}")
        health = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        health.request("GET", "/health")
        assert json.load(health.getresponse())["status"] == "ok"
        health.close()
        assert addresses(started.process.pid, port) == ["127.0.0.1"]
        assert started.end() == 0
    assert not listens(port)


def addresses(pid: int, port: int) -> list[str]:
    """Where a process listens at this port, as the kernel knows it. (Linux: /proc/PID/net/tcp, tcp6)"""
    found = []
    for table, any_address in (("tcp", 8), ("tcp6", 32)):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                assert len(address) == any_address
                found.append(".".join(str(byte) for byte in reversed(bytes.fromhex(address))))
    return found
