"""Only provider hosts are decrypted; the rest is tunnelled unread, or refused. (SECURITY P4, P5, P15)"""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from mitmproxy import http

from tests.client import CHAT, over_tls, send, tunnel
from tests.conftest import standard_providers
from tests.foreign import ANSWER, NAME, Authority, ForeignServer, make_authority
from tests.h2_provider import H2Provider
from tests.provider import FakeProvider
from tests.proxy import KEY, TIMEOUT, RunningProxy

pytestmark = pytest.mark.e2e
REQUEST = f"GET /v1/models HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
MEGABYTES = 8
SECRET = "between-the-client-and-somebody-else"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("cert"), "127.0.0.1")


@pytest.fixture(scope="module")
def proxies(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """One proxy; `tunnelling` and `refusing` change its settings."""
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, standard_providers(provider_of_module.url)) as running:
        yield running
        running.assert_nothing_leaked()


@pytest.fixture
def tunnelling(proxies: RunningProxy) -> RunningProxy:
    proxies.home.settings.write_text("allow_networks: [127.0.0.1/32]\n")
    return proxies


@pytest.fixture
def refusing(proxies: RunningProxy) -> RunningProxy:
    proxies.home.settings.write_text("allow_networks: [127.0.0.1/32]\nunmatched: refuse\n")
    return proxies


def assert_unseen(proxy: RunningProxy, port: int) -> None:
    """Observers saw the CONNECT to this port, and nothing of what followed."""
    seen = [state for state in proxy.recorder.states if isinstance(state, http.HTTPFlow)]
    assert len(seen) == len(proxy.recorder.states)  # no TCP flows
    assert {state.request.method for state in seen if state.request.port == port} == {"CONNECT"}


def test_the_foreign_certificate_reaches_the_client(tunnelling: RunningProxy, authority: Authority) -> None:
    with ForeignServer(authority) as other, tunnel(tunnelling, f"127.0.0.1:{other.port}") as client:
        assert client.received.startswith(b"HTTP/1.1 200 ")
        with over_tls(client, authority.client(), NAME) as secure:
            der = secure.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            assert secure.send(REQUEST).until(b"foreign") == ANSWER
        assert other.received == REQUEST
    assert der == authority.der
    assert_unseen(tunnelling, other.port)


def test_our_own_authority_is_not_in_it(tunnelling: RunningProxy, authority: Authority) -> None:
    """A client that trusts us alone is told the truth: this is somebody else."""
    with ForeignServer(authority) as other, tunnel(tunnelling, f"127.0.0.1:{other.port}") as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            over_tls(client, tunnelling.tls(), NAME)
        assert other.received == b""


def test_the_openssl_program_sees_the_same(tunnelling: RunningProxy, authority: Authority) -> None:
    with ForeignServer(authority) as other:
        foreign = s_client(tunnelling, f"127.0.0.1:{other.port}", NAME, authority.ca)
    ours = s_client(tunnelling, "api.openai.com:443", "api.openai.com", tunnelling.ca)
    for said in (foreign, ours):
        assert "Verify return code: 0 (ok)" in said
    assert "Other Authority" in foreign and "mitmproxy" not in foreign
    assert "Other Authority" not in ours and "issuer=CN = mitmproxy" in ours.replace("O = mitmproxy, ", "")


def s_client(proxy: RunningProxy, target: str, name: str, ca: Path) -> str:
    command = ["openssl", "s_client", "-proxy", f"127.0.0.1:{proxy.port}", "-connect", target, "-servername", name]
    done = subprocess.run(
        [*command, "-CAfile", str(ca), "-verify_return_error"],
        input="Q\n", capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_refused_where_the_operator_says_so(refusing: RunningProxy, authority: Authority) -> None:
    with ForeignServer(authority) as other:
        with tunnel(refusing, f"127.0.0.1:{other.port}") as client:
            assert client.received.startswith(b"HTTP/1.1 403 ") and b"destination_refused" in client.received
        assert other.connections == 0


@pytest.mark.parametrize("policy", ["tunnelling", "refusing"])
def test_provider_hosts_are_decrypted(policy: str, request: pytest.FixtureRequest, provider: FakeProvider) -> None:
    proxy = request.getfixturevalue(policy)
    assert send(proxy, "/v1/chat/completions", CHAT, via="api.openai.com").status == 200
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]


def test_http2_inside(tunnelling: RunningProxy, authority: Authority) -> None:
    """curl speaks HTTP/2 with the foreign server itself."""
    with H2Provider(str(authority.cert), str(authority.private)) as other:
        done = subprocess.run(
            ["curl", "-sS", "--http2", "-x", tunnelling.url, "--cacert", authority.ca,
             f"https://127.0.0.1:{other.port}/v1/models", "-H", f"Authorization: Bearer {SECRET}", "-w", "\n%{http_version}"],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2"), done.stderr
    assert dict(other.requests[0])["authorization"] == f"Bearer {SECRET}"
    assert_unseen(tunnelling, other.port)
    tunnelling.assert_nothing_leaked(SECRET)


def test_bytes_are_untouched_both_ways(tunnelling: RunningProxy) -> None:
    """What follows the hello is noise to everybody between. A client that has finished sending ends the tunnel.

    (mitmproxy closes a CONNECT tunnel whole when one side has closed its half, `HttpStream.passthrough`.)
    """
    noise = random.Random(4)
    up, down = noise.randbytes(MEGABYTES << 20), noise.randbytes(MEGABYTES << 20)
    hello = client_hello(NAME)
    with ForeignServer(None) as other, tunnel(tunnelling, f"127.0.0.1:{other.port}") as client:
        other.expects, other.reply = len(hello + up), down
        client.received = b""
        client.send(hello + up)
        while len(client.received) < len(down) and (data := client.sock.recv(1 << 20)):
            client.received += data
        client.sock.shutdown(socket.SHUT_WR)
        assert other.ended.wait(TIMEOUT)
    assert other.received == hello + up
    assert client.received == down


def client_hello(name: str) -> bytes:
    """The first bytes that this Python sends to a server of that name."""
    out = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return out.read()


def test_what_is_no_tls_goes_nowhere(tunnelling: RunningProxy) -> None:
    with ForeignServer(None) as other, tunnel(tunnelling, f"127.0.0.1:{other.port}") as client:
        client.received = b""
        client.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        client.to_end()
        assert other.connections == 0
