"""Only provider hosts are decrypted; the rest is tunnelled unread, or refused. (SECURITY P4, P5, P15)"""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import over_tls, tunnel
from tests.provider import FakeProvider
from tests.proxy import RunningProxy

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate of somebody else's, made by the openssl program."""
    folder = tmp_path_factory.mktemp("cert")
    cert, private = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example,IP:127.0.0.1",
         "-keyout", private, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(cert), str(private)


@pytest.fixture(scope="module")
def other(certificate: tuple[str, str]) -> Iterator[FakeProvider]:
    with FakeProvider(tls=certificate) as server:
        yield server


@pytest.fixture(scope="module", params=["", "unmatched: refuse\n"], ids=["tunnel", "refuse"])
def open_proxy(
    request: pytest.FixtureRequest, provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    settings = request.param + "allow_networks: [127.0.0.1/32]\n"
    with RunningProxy(tmp_path_factory.mktemp("home"), {}, settings=settings) as running:
        yield running


def test_other_hosts_are_not_decrypted(
    open_proxy: RunningProxy, other: FakeProvider, certificate: tuple[str, str]
) -> None:
    """The far server's own certificate reaches the client, and no flow is seen."""
    flows = len(open_proxy.recorder.states)
    with tunnel(open_proxy, f"127.0.0.1:{other.port}") as client:
        if "refuse" in open_proxy.home.settings.read_text():
            assert client.received.startswith(b"HTTP/1.1 403 ")
            return
        assert client.received.startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=certificate[0])
        with over_tls(client, context, "other.example") as secure:
            der = secure.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            secure.send(b"GET /v1/models HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
            assert secure.to_end().startswith(b"HTTP/1.1 200 ")
    assert der == ssl.PEM_cert_to_DER_cert(Path(certificate[0]).read_text())
    assert {type(state).__name__ for state in open_proxy.recorder.states[flows:]} <= {"HTTPFlow"}
    assert all(state.request.method == "CONNECT" for state in open_proxy.recorder.states[flows:])  # type: ignore[attr-defined]


def test_provider_hosts_are_decrypted_by_our_authority(open_proxy: RunningProxy) -> None:
    with tunnel(open_proxy, "api.openai.com:443") as client:
        with over_tls(client, open_proxy.tls(), "api.openai.com") as secure:
            secure.send(b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n")
            assert secure.to_end().startswith(b"HTTP/1.1 401 ")
