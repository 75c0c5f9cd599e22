"""Traffic that the kernel redirects: clients without any setting but our authority. (SECURITY P1, P2, P4, P5, P15)

A network namespace of the test's own stands for a machine: `scripts/transparent` redirects its port 443 to a proxy that
`mitmvault serve --mode transparent` runs, and its programs, run by nobody, believe that every host lives at FOREIGN.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests import netns, sdk
from tests.client import CHAT
from tests.conftest import standard_providers
from tests.foreign import NAME, Authority, ForeignServer, make_authority
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TOKEN
from tests.serving import ADDONS, Program, eventually

ABSENT = netns.missing()
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(ABSENT is not None, reason=str(ABSENT))]

FOREIGN, FOREIGN6 = "192.0.2.10", "2001:db8::10"
LIVES_THERE = "api.openai.com api.groq.com generativelanguage.googleapis.com " + NAME
SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "transparent"
ALLOW = f"allow_networks: [127.0.0.1/32, {FOREIGN}/32, '{FOREIGN6}/128']\n"
V1 = "/v1/chat/completions"


class Machine:
    """The namespace with all that runs in it."""

    def __init__(self, path: Path, provider: FakeProvider, other: ForeignServer, authority: Authority) -> None:
        self.provider, self.other, self.authority = provider, other, authority
        self.home, self.trusted = Home(path / "home"), path / "both.pem"
        self.hosts, self.hosts6 = path / "hosts", path / "hosts6"
        self.hosts.write_text(f"127.0.0.1 localhost\n{FOREIGN} {LIVES_THERE}\n")
        self.hosts6.write_text(f"::1 localhost\n{FOREIGN6} {LIVES_THERE}\n")
        self.home.path.mkdir(mode=0o700)
        store.save_vault_document(
            self.home, {"version": 1, "providers": standard_providers(provider.url)}, Secret(PASSWORD)
        )
        store.save_users_document(self.home, {"alice": {"key": TOKEN}})
        self.home.settings.write_text(ALLOW)

    def serve(self) -> Program:
        """The proxy, with the rules, as people start them. It is root's, so that root's traffic is not redirected."""
        modes = ["--mode", "transparent", "--mode", "transparent@[::1]:8443"]
        return Program(
            SCRIPT, "run", "--user", "root", "--", sys.executable, "-m", "mitmvault", "serve", "--home", self.home.path,
            *modes, environ={"PYTHONPATH": str(ADDONS), "AI_JSON_CRYPTOKEN": PASSWORD}, cwd=self.home.path.parent,
        )  # fmt: skip

    def trust_us(self) -> None:
        """Clients trust our authority and that of the foreign server."""
        ours = (self.home.ca / "mitmproxy-ca-cert.pem").read_text()
        self.trusted.write_text(ours + self.authority.ca.read_text())

    def run(self, *command: str | Path, v6: bool = False, **environ: str) -> subprocess.CompletedProcess[str]:
        """A program of this machine."""
        environ = {"SSL_CERT_FILE": str(self.trusted)} | environ
        return netns.as_nobody(*command, hosts=self.hosts6 if v6 else self.hosts, environ=environ)

    def curl(self, *arguments: str | Path, **options: bool) -> subprocess.CompletedProcess[str]:
        """curl, which prints the issuer of the certificate and what it got."""
        return self.run("curl", "-sSv", "--max-time", "20", *arguments, **options)

    def python(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A Python program of nobody's."""
        return self.run(sys.executable, "-I", "-c", code, *arguments)


@pytest.fixture(scope="module")
def machine_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    path = tmp_path_factory.mktemp("machine")
    authority = make_authority(path, FOREIGN, FOREIGN6)
    with netns.own_network(f"{FOREIGN}/32", f"{FOREIGN6}/128"):
        with FakeProvider() as provider, ForeignServer(authority, FOREIGN, 443) as other:
            machine = Machine(path, provider, other, authority)
            with machine.serve() as program:
                program.wait_for(r"^HTTPS_PROXY=.*\n")
                machine.trust_us()
                yield machine
                assert program.end() == 0, program.stderr
            assert tables() == ""  # the rules went with the proxy
            seen = program.stdout + program.stderr
    assert KEY not in seen and "Traceback" not in seen and "crashed" not in seen


@pytest.fixture
def machine(machine_of_module: Machine) -> Machine:
    machine_of_module.provider.clear()
    machine_of_module.other.connections, machine_of_module.other.received = 0, b""
    return machine_of_module


def tables() -> str:
    return subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout


# -- a client with no setting


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_gets_its_key_swapped(machine: Machine, version: str) -> None:
    """The name leads to the foreign server; the request goes to the provider that the vault names."""
    done = machine.curl(
        version, f"https://api.openai.com{V1}", "-H", f"Authorization: Bearer {TOKEN}",
        "-H", "Content-Type: application/json", "-d", json.dumps(CHAT), "-w", "\n%{http_version}",
    )  # fmt: skip
    body, used = done.stdout.rsplit("\n", 1)
    assert json.loads(body)["choices"][0]["message"]["content"] == "pong"
    assert used == ("2" if "2" in version else "1.1") and "CN=mitmproxy" in done.stderr
    assert machine.provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
    assert machine.other.connections == 0


STREAM = """
import json, sys, urllib.request
body = {"model": "m-1", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
headers = {"Authorization": "Bearer " + sys.argv[1], "Content-Type": "application/json"}
request = urllib.request.Request("https://api.openai.com/v1/chat/completions", json.dumps(body).encode(), headers)
with urllib.request.urlopen(request, timeout=20) as answer:
    events = [line[6:] for line in answer if line.startswith(b"data: {")]
deltas = [json.loads(event)["choices"][0]["delta"] for event in events]
print("".join(delta.get("content") or "" for delta in deltas))
"""


def test_python_gets_its_stream(machine: Machine) -> None:
    done = machine.python(STREAM, TOKEN)
    assert done.stdout == "pong\n", done.stderr
    assert machine.provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
    assert machine.other.connections == 0


@pytest.mark.sdk
def test_the_openai_sdk_with_nothing_but_its_key(machine: Machine) -> None:
    sdk.require()
    code = (
        "import openai; print(openai.OpenAI(max_retries=0, timeout=20).chat.completions.create("
        "model='m-1', messages=[{'role': 'user', 'content': 'x'}]).choices[0].message.content)"
    )
    done = machine.run(os.environ[sdk.VARIABLE], "-I", "-c", code, OPENAI_API_KEY=TOKEN)
    assert done.stdout == "pong\n", done.stderr
    assert machine.provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


def test_over_ipv6(machine: Machine) -> None:
    done = machine.curl("https://api.openai.com/v1/models", "-H", f"Authorization: Bearer {TOKEN}", v6=True)
    assert f"[{FOREIGN6}]" in done.stderr or FOREIGN6 in done.stderr
    assert json.loads(done.stdout)["object"] == "list", done.stderr
    assert machine.provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


def test_without_a_token(machine: Machine) -> None:
    done = machine.curl("https://api.openai.com/v1/models", "-w", "\n%{http_code}")
    assert done.stdout.endswith("\n401") and "missing_token" in done.stdout
    assert (machine.provider.arrivals, machine.other.connections) == ([], 0)


# -- lies


LIE = """
import socket, ssl, sys
_, address, sni, host, token, *_ = sys.argv
context = ssl.create_default_context()
context.check_hostname = False
sock = context.wrap_socket(socket.create_connection((address, 443), 20), server_hostname=sni or None)
sock.sendall(f"GET /v1/models HTTP/1.1\\r\\nHost: {host}\\r\\nAuthorization: Bearer {token}\\r\\n\\r\\n".encode())
print(sock.recv(65536).decode())
"""


@pytest.mark.parametrize(
    "host", [NAME, "api.groq.com", f"api.openai.com:{443 + 1}", f"{FOREIGN}", "127.0.0.1:8443", "user@api.openai.com"]
)
def test_a_host_that_is_not_the_server_name(machine: Machine, host: str) -> None:
    done = machine.python(LIE, FOREIGN, "api.openai.com", host, TOKEN)
    assert done.stdout.split()[1] in ("400", "421"), done.stderr
    assert (machine.provider.arrivals, machine.other.connections) == ([], 0)


@pytest.mark.parametrize("sni", [NAME, ""])
def test_a_foreign_server_name_gets_what_the_client_sent_and_no_key(machine: Machine, sni: str) -> None:
    """Not decrypted, so the Host in it persuades nobody."""
    done = machine.python(LIE, FOREIGN, sni, "api.openai.com", TOKEN)
    assert done.stdout.endswith("foreign\n"), done.stderr
    assert f"Bearer {TOKEN}".encode() in machine.other.received and KEY.encode() not in machine.other.received
    assert machine.provider.arrivals == []


def test_plain_http_at_the_port_of_https(machine: Machine) -> None:
    done = machine.curl(
        f"http://api.openai.com:443{V1}", "-H", f"Authorization: Bearer {TOKEN}", "-w", "\n%{http_code}"
    )
    assert done.stdout.endswith("\n421") and "host_mismatch" in done.stdout
    assert (machine.provider.arrivals, machine.other.connections) == ([], 0)


def test_what_is_neither_goes_nowhere(machine: Machine) -> None:
    code = (
        "import socket, sys; s = socket.create_connection((sys.argv[1], 443), 20); "
        "s.sendall(b'SSH-2.0-x\\r\\n\\r\\n'); s.shutdown(socket.SHUT_WR); s.recv(99)"
    )
    done = machine.python(code, FOREIGN)
    assert done.returncode == 0 or "reset" in done.stderr, done.stderr  # closed, one way or the other
    assert (machine.provider.arrivals, machine.other.connections) == ([], 0)


# -- everybody else


def test_a_foreign_host_is_tunnelled_unread(machine: Machine) -> None:
    done = machine.curl(f"https://{NAME}/", "--cacert", machine.authority.ca)
    assert done.stdout == "foreign", done.stderr
    assert "Other Authority" in done.stderr and "mitmproxy" not in done.stderr
    assert machine.other.connections == 1


def test_or_refused(machine: Machine) -> None:
    """A change of settings is in force from the next request on: one to a provider."""
    ask = ("https://api.openai.com/v1/models", "-H", f"Authorization: Bearer {TOKEN}")
    machine.home.settings.write_text(ALLOW + "unmatched: refuse\n")
    try:
        assert machine.curl(*ask).returncode == 0
        done = machine.curl(f"https://{NAME}/")
        assert done.returncode in (35, 52, 56) and done.stdout == ""  # the connection was cut: TLS has no words for it
        assert machine.other.connections == 0
        assert machine.curl(*ask).returncode == 0
    finally:
        machine.home.settings.write_text(ALLOW)
        machine.curl(*ask)


def test_who_comes_to_the_listener_unredirected_gets_no_loop(machine: Machine) -> None:
    """Its original destination is our own listener: nothing is dialled, and the proxy lives on."""
    context = machine.authority.client()
    with socket.create_connection(("127.0.0.1", 8443), 20) as sock:
        with pytest.raises((ssl.SSLError, ConnectionError)):  # no TimeoutError
            context.wrap_socket(sock, server_hostname=NAME)
    assert machine.curl("https://api.openai.com/v1/models").returncode == 0
    assert machine.other.connections == 0


# -- the script


def test_the_rules_let_root_pass_and_udp_not(machine: Machine) -> None:
    with socket.create_connection((FOREIGN, 443), 20) as sock:
        with machine.authority.client().wrap_socket(sock, server_hostname=NAME) as secure:
            assert secure.getpeercert(binary_form=True) == machine.authority.der
    code = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        "s.connect((sys.argv[1], int(sys.argv[2]))); print(s.send(b'HTTP/3'))"
    )
    assert machine.python(code, FOREIGN, "444").stdout == "6\n"
    assert "not permitted" in machine.python(code, FOREIGN, "443").stderr


def test_it_removes_only_what_it_made(tmp_path: Path) -> None:
    with netns.own_network():
        subprocess.run(["nft", "add", "table", "inet", "somebodys"], check=True)
        assert transparent("up", "--user", "root").returncode == 0
        assert "mitmvault" in tables() and "somebodys" in tables()
        again = transparent("run", "--user", "root", "--", "true")
        assert again.returncode == 1 and "the rules are there already" in again.stderr
        assert "mitmvault" in tables()  # a second start has not removed the first one's
        assert transparent("down").returncode == 0
        assert tables() == "table inet somebodys\n"
        assert transparent("down").returncode != 0


def test_run_passes_the_exit_code_on_and_ends_with_a_signal(tmp_path: Path) -> None:
    with netns.own_network():
        assert (
            transparent("run", "--user", "nobody", "--", "sh", "-c", "test $(id -u) = 65534 && exit 7").returncode == 7
        )
        assert tables() == ""
        with Program(
            SCRIPT, "run", "--user", "root", "sh", "-c", "echo up; exec sleep 60", environ={}, cwd=tmp_path
        ) as it:
            it.wait_for("up")
            assert "mitmvault" in tables()
            assert it.end() == 143
        assert eventually(lambda: tables() == "")


def transparent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=30)
