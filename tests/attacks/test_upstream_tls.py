"""P3: verified TLS to the provider or nothing."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mitmproxy import ctx, exceptions

from mitmvault.core.configuration.vault import VaultError
from tests.attacks.tools import CHAT_TARGET, Evil, assert_unreached, refused
from tests.client import BEARER, CHAT, send
from tests.provider import FakeProvider
from tests.proxy import KEY, RunningProxy, key

pytestmark = pytest.mark.e2e
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
LOCAL = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def certificate(path: Path, *names: x509.GeneralName, expires: datetime.timedelta = DAY) -> tuple[str, str]:
    """A self-signed certificate and its key, as files."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker")])
    built = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - 9 * DAY).not_valid_after(NOW + expires)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    files = path / "cert.pem", path / "key.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(private.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return str(files[0]), str(files[1])


@pytest.mark.parametrize(
    ("names", "expires", "trusted", "host", "status"),
    [
        (LOCAL, DAY, True, "localhost", 200),  # the control: this one is good
        (LOCAL, DAY, True, "127.0.0.1", 200),
        (LOCAL, DAY, False, "localhost", 502),
        (LOCAL, DAY, False, "127.0.0.1", 502),
        (LOCAL, -DAY, True, "localhost", 502),
        ((x509.DNSName("evil.example"),), DAY, True, "localhost", 502),
        ((x509.DNSName("evil.example"),), DAY, True, "127.0.0.1", 502),
        ((x509.DNSName("localhost.evil.example"), x509.DNSName("*")), DAY, True, "localhost", 502),
    ],
)
def test_certificates(
    tmp_path: Path, names: tuple, expires: datetime.timedelta, trusted: bool, host: str, status: int
) -> None:
    files = certificate(tmp_path, *names, expires=expires)
    options = {"ssl_verify_upstream_trusted_ca": files[0]} if trusted else {}
    with FakeProvider(tls=files) as provider:
        vault = {"openai": {"endpoint": f"https://{host}:{provider.port}/v1", "keys": [key()]}}
        with RunningProxy(tmp_path / "home", vault, **options) as proxy:
            for via, target in ((None, CHAT_TARGET), ("api.openai.com", "/v1/chat/completions")):
                provider.clear()
                reply = send(proxy, target, CHAT, via=via)
                assert reply.status == status, reply.body
                if status == 200:
                    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
                else:
                    refused(reply, 502, reply.reason)
                    assert reply.reason.startswith("upstream_")
                    assert_unreached(provider)
            proxy.assert_nothing_leaked()


def test_https_endpoint_that_speaks_http(tmp_path: Path, evil: Evil) -> None:
    vault = {"openai": {"endpoint": f"https://{evil.address}:{evil.port}/v1", "keys": [key()]}}
    with RunningProxy(tmp_path / "home", vault) as proxy:
        reply = send(proxy, CHAT_TARGET, CHAT)
        refused(reply, 502, reply.reason)
    assert evil.received.startswith(b"\x16\x03")
    assert KEY.encode() not in evil.received and b"POST" not in evil.received


@pytest.mark.parametrize(
    "options",
    [{"ssl_insecure": True}, {"proxy_debug": True}, {"validate_inbound_headers": False}, {"stream_large_bodies": "1m"},
     {"body_size_limit": "1m"}, {"mode": ["reverse:http://127.0.0.1:9"]}, {"mode": ["upstream:http://127.0.0.1:9"]}],
)  # fmt: skip
def test_unsafe_options_at_start(tmp_path: Path, options: dict) -> None:
    with pytest.raises(AssertionError, match="did not start"), RunningProxy(tmp_path / "home", {}, **options):
        pass


class TestAtRunTime:
    @pytest.fixture(scope="class")
    def proxy(
        self, provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[RunningProxy]:
        vault = {"openai": {"endpoint": f"{provider_of_module.url}/v1", "keys": [key()]}}
        with RunningProxy(tmp_path_factory.mktemp("home"), vault) as running:
            yield running
            running.assert_nothing_leaked()

    @pytest.mark.parametrize("option", ["ssl_insecure", "proxy_debug"])
    def test_unsafe_options(self, proxy: RunningProxy, provider: FakeProvider, option: str) -> None:
        with pytest.raises(exceptions.OptionsError, match=option):
            proxy.call(lambda: ctx.options.update(**{option: True}))
        with pytest.raises(exceptions.OptionsError, match=option):
            proxy.call(lambda: ctx.options.set(f"{option}=true"))
        assert getattr(ctx.options, option) is False
        assert send(proxy, CHAT_TARGET, CHAT, headers=BEARER).status == 200

    @pytest.mark.parametrize(
        "endpoint",
        ["http://evil.example/v1", "http://10.0.0.1/v1", "http://localhost.evil.example/", "http://127.0.0.1@evil.example/",
         "http://127.0.0.1.evil.example/", "http://[::ffff:8.8.8.8]/", "http://x.localhost/", "ftp://evil.example",
         "https://u:p@evil.example/", "https://evil.example\r\nX: y", "https://evil.example\\@127.0.0.1/",
         "//evil.example"],
    )  # fmt: skip
    def test_endpoints(self, proxy: RunningProxy, endpoint: str) -> None:
        with pytest.raises(VaultError):
            proxy.write_vault({"openai": {"endpoint": endpoint, "keys": [key()]}})
        assert send(proxy, CHAT_TARGET, CHAT).status == 200  # the old vault is in force

    @pytest.mark.parametrize("mode", ["reverse:http://127.0.0.1:9@0", "upstream:http://127.0.0.1:9@0", "dns@0"])
    def test_other_modes(self, proxy: RunningProxy, mode: str) -> None:
        before = list(ctx.options.mode)
        with pytest.raises(exceptions.OptionsError):
            proxy.call(lambda: ctx.options.update(mode=[mode]))
        assert list(ctx.options.mode) == before
