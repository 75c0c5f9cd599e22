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
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.client import raw, send, tunnel
from tests.homes import made_home
from tests.leaks import canary, leaks
from tests.provider import FakeProvider
from tests.proxy import ENTRY, TIMEOUT, key
from tests.serving import BINARIES, Program, Serving, eventually, free_port

pytestmark = pytest.mark.e2e
LEDGER = ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm")  # the last two while it is open


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


# -- the first start


def test_first_start_makes_a_private_home(running: Serving) -> None:
    home = running.home

    def made() -> dict[str, str]:
        return {path.relative_to(home).as_posix(): mode(path) for path in home.iterdir()}

    files = ("ai.json.enc", "cryptoken", "users.json", "state.json", *LEDGER)
    wanted = dict.fromkeys(files, "600") | {"ca": "700", "run": "700"}
    assert eventually(lambda: made() == wanted), made()  # the ledger is opened by a thread
    assert mode(home) == "700"
    assert mode(home / "ca" / "mitmproxy-ca.pem") == "600"
    assert running.stderr.count("mitmvault: created ") == 4


def test_banner_tells_everything_needed(running: Serving) -> None:
    token = json.loads((running.home / "users.json").read_text())["tester"]["key"]
    assert running.url == f"http://{running.address}"
    assert (running.fact("user"), running.fact("user token")) == ("tester", token)
    assert running.fact("home") == str(running.home)
    assert running.stdout.count(token) == 3  # by itself, and in the two lines to try
    state = json.loads((running.home / "state.json").read_text())
    assert (state["pid"], state["address"], state["web"]) == (running.process.pid, running.url, None)


def test_printed_lines_stream_answers(running: Serving) -> None:
    lines = [running.wait_for(pattern)[1] for pattern in ("^(curl .*)$", "^(HTTPS_PROXY=.* curl .*)$")]
    answers = [subprocess.Popen(["sh", "-c", line], stdout=subprocess.PIPE, text=True) for line in lines]
    for process in answers:
        answer, _ = process.communicate(timeout=TIMEOUT)
        events = [json.loads(text) for text in re.findall(r"^data: (\{.*)$", answer, re.M)]
        assert process.returncode == 0 and len(events) > 10 and answer.rstrip().endswith("data: [DONE]")
        text = "".join(choice["delta"].get("content") or "" for event in events for choice in event["choices"])
        assert "Your user token did not arrive" in text and running.fact("user token") not in text


def test_log_lines_come_at_once(running: Serving) -> None:
    assert send(running, "/openai/v1/models", headers={}).status == 401
    assert eventually(lambda: "missing_token" in running.stdout, 2)


def test_second_start_keeps_what_there_is(home: Path) -> None:
    def kept() -> dict[str, Any]:
        files = [path for path in home.rglob("*") if path.is_file() and path.name not in ("state.json", *LEDGER)]
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


def test_mitmweb_is_not_reached_through_the_proxy(home: Path) -> None:
    """CVE-2025-23217 for 11.0.2. Not even where an operator has opened this machine's network to clients."""
    port, user = free_port(), "visitor"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "mitmvault.yaml").write_text("allow_networks: [127.0.0.0/8]\nunmatched: tunnel\n")
    with Serving(home, "--web", "--web-port", str(port)) as serving:
        query = urlsplit(serving.ready().fact("mitmweb")).query
        token = serving.fact("user token")
        for name in ("127.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]"):
            with tunnel(serving, f"{name}:{port}") as client:
                assert b"destination_refused" in client.received, name
            lines = (f"GET http://{name}:{port}/flows?{query} HTTP/1.1", f"Host: {name}:{port}",
                     f"Authorization: Bearer {token}", f"User-Agent: {user}", "Connection: close", "", "")  # fmt: skip
            with raw(serving) as client:
                reply = client.send("\r\n".join(lines).encode()).to_end()
            assert reply.split(b" ")[1] in (b"400", b"403", b"404", b"421") and user.encode() not in reply, reply
        headers = {"Authorization": f"Bearer {token}", "X-Host-Final": f"127.0.0.1:{port}"}
        assert send(serving, f"/flows?{query}", headers=headers).reason == "unknown_host_final"
        assert get(port, f"/flows?{query}") == 200


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
    return made_home(path, {"openai": {"keys": [key(KEY)]}}, TOKEN, CRYPTOKEN)


def truncated_vault(home: Home) -> None:
    home.vault.write_bytes(home.vault.read_bytes()[:60])


def garbage_vault(home: Home) -> None:
    home.vault.write_text(KEY)


def vault_of_wrong_shape(home: Home) -> None:
    plain = json.dumps({"providers": {"openai": {"keys": [KEY]}}}).encode()
    home.vault.write_bytes(openssl.seal(plain, Secret(CRYPTOKEN), os.urandom(8)))


def no_users(home: Home) -> None:
    home.users.write_text("{}")


def writes(name: str, text: str) -> Callable[[Home], None]:
    def write(home: Home) -> None:
        (home.path / name).write_bytes(text.encode("latin-1"))
        (home.path / name).chmod(0o600)

    return write


def nothing(home: Home) -> None:
    pass


BUSY, FREE = "busy", "free"  # stand for an address that somebody listens at, and for a port that nobody does
NOT_YAML = f"a: [\n  {KEY}: : 1\n"
# Name -> how to spoil a good home, what to start differently, and what the line must say.
CASES: dict[str, tuple[Callable[[Home], None], dict[str, Any], str]] = {
    "busy port": (nothing, {"listen": BUSY}, "cannot listen at 127.0.0.1:"),
    "busy port of mitmweb": (nothing, {"web_port": BUSY}, "--web-port"),
    "wrong crypto token": (nothing, {"environ": {"AI_JSON_CRYPTOKEN": "wrong"}}, "crypto"),
    "no crypto token": (nothing, {"environ": {}}, "AI_JSON_CRYPTOKEN"),
    "truncated vault": (truncated_vault, {}, "vault"),
    "garbage vault": (garbage_vault, {}, "vault"),
    "vault of a wrong shape": (vault_of_wrong_shape, {}, "providers.openai.keys"),
    "users cut off": (writes("users.json", f'{{"alice": {{"key": "{TOKEN}"'), {}, "users.json"),
    "users of a wrong shape": (writes("users.json", f'{{"alice": "{TOKEN}"}}'), {}, "alice"),
    "unknown setting": (writes("mitmvault.yaml", "unmatchd: refuse\n"), {}, "unknown setting 'unmatchd'"),
    "settings that are no YAML": (writes("mitmvault.yaml", NOT_YAML), {}, "mitmvault.yaml"),
    "catalogue that is no YAML": (writes("providers.yaml", NOT_YAML), {}, "providers.yaml"),
    "settings not in UTF-8": (writes("mitmvault.yaml", "names: [\xff]"), {}, "mitmvault.yaml"),
    "open to the network, no users": (no_users, {"listen": f"0.0.0.0:{FREE}"}, "add a user first"),
    "unsafe option of mitmproxy": (nothing, {"arguments": ["--set", "ssl_insecure=true"]}, "ssl_insecure"),
    "a listen address that is none": (nothing, {"listen": "nonsense"}, "HOST:PORT"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_one_line(home: Path, name: str) -> None:
    spoil, how, said = CASES[name]
    spoil(good_home(home))
    environ = how.get("environ", {"AI_JSON_CRYPTOKEN": CRYPTOKEN})
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        listen = how.get("listen", "").replace(BUSY, f"127.0.0.1:{port}").replace(FREE, str(free_port()))
        arguments = ["--web", f"--web-port={port}"] if how.get("web_port") else how.get("arguments", [])
        with Serving(home, *arguments, listen=listen or None, environ=environ) as serving:
            code = serving.exit()
    output = serving.stdout + serving.stderr
    lines = [line for line in output.splitlines() if line and not line.startswith(("Usage: ", "Try '"))]  # of click
    assert code != 0 and not (home / "state.json").exists()
    assert leaks({"key": KEY, "token": TOKEN, "crypto token": CRYPTOKEN}, output.encode()) == []
    assert len(lines) == 1 and said in lines[0] and serving.stdout == "" and "Traceback" not in output, output


# -- the end


@pytest.fixture
def ended(home: Path, provider: FakeProvider) -> Iterator[Callable[..., Serving]]:
    """A function that starts a proxy, lets a client come, sends a signal, and returns what is left of it."""
    providers = {"openai": {"endpoint": f"{provider.url}/v1", "keys": [key(KEY)]}}
    store.save_vault_document(good_home(home), {"providers": providers}, Secret(CRYPTOKEN))
    held = provider.stream(chunks=[b"data: first\n\n"])

    def end(client: str, number: int, *arguments: str) -> Serving:
        with ExitStack() as stack:
            web = f"--web-port={free_port()}"
            environ = {"AI_JSON_CRYPTOKEN": CRYPTOKEN}
            serving = stack.enter_context(Serving(home, web, *arguments, environ=environ)).ready()
            if client != "no client":
                path, mark = ("/health", b'"ok"') if client == "idle client" else ("/openai/v1/models", b"data: first")
                head = f"GET {path} HTTP/1.1\r\nHost: {serving.address}\r\nx-api-key: {TOKEN}\r\n\r\n"
                stack.enter_context(raw(serving)).send(head.encode()).until(mark)
            serving.end(number)
        return serving

    yield end
    held.finish()


@pytest.mark.parametrize("arguments", [[], ["--web"]], ids=["plain", "web"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("client", ["no client", "stream"])
def test_signal_ends_it(ended: Callable[..., Serving], client: str, number: int, arguments: list[str]) -> None:
    serving = ended(client, number, *arguments)
    code = serving.process.returncode
    assert code == 0 or (number, code) == (signal.SIGINT, 130), serving.stderr
    assert not (serving.home / "state.json").exists()
    assert "Traceback" not in serving.stdout


@pytest.mark.parametrize("client", ["no client", "idle client", "stream"])
def test_end_is_quiet(ended: Callable[..., Serving], client: str) -> None:
    assert ended(client, signal.SIGTERM).stderr == ""


# -- from a checkout, uninstalled


@pytest.fixture(scope="module", params=["mitmdump", "mitmweb"])
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, int]]:
    """One of mitmproxy's own programs with our script, started somewhere else; and its port."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    options = {"listen_port": port, "confdir": folder / "conf", "mitmvault_home": folder / "home"}
    if request.param == "mitmweb":
        options |= {"web_port": free_port(), "web_open_browser": "false"}
    sets = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    with Program(BINARIES / request.param, "-s", ENTRY, *sets, environ={}, cwd=folder) as started:
        # The state file: mitmproxy's own output comes late in a pipe.
        assert eventually((folder / "home" / "state.json").exists), started.stdout + started.stderr
        yield started, port
        assert started.end() == 0
    assert not (folder / "home" / "state.json").exists()


def test_script_alone_answers(script: tuple[Program, int]) -> None:
    assert get(script[1], "/health") == 200


def test_script_alone_listens_on_loopback_only(script: tuple[Program, int]) -> None:
    assert addresses(script[0].process.pid, script[1]) == ["127.0.0.1"]


def addresses(pid: int, port: int) -> list[str]:
    """Where is this port listened on, as the kernel knows it? (Linux: /proc/PID/net/tcp, tcp6)"""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.append(".".join(str(byte) for byte in reversed(bytes.fromhex(address))))
    return found
