"""mitmvault.yaml: defaults, sizes, and errors that name the setting."""

from __future__ import annotations

import ipaddress

import pytest

from mitmvault.core.configuration.rate_limit import Rate
from mitmvault.core.configuration.settings import Settings, SettingsError, load


@pytest.mark.parametrize("text", ["", "---", "# nothing", "{}", "unmatched:", "names: null"])
def test_defaults(text):
    assert load(text) == Settings()
    assert Settings() == Settings(
        unmatched=None,
        allow_networks=(),
        names=(),
        allow_origins=(),
        body_limit=32 * 2**20,
        retry=0,
        idle_timeout=1800,
        rate_limit=None,
        public_vault=False,
        ledger_days=90,
        upstream_ca=None,
    )


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("unmatched: tunnel", "unmatched", "tunnel"),
        ("unmatched: refuse", "unmatched", "refuse"),
        *[(f"metrics: {word}", "metrics", word) for word in ("admin", "loopback", "off")],
        ("allow_networks: [10.20.0.0/16, 'fd00::/8', 10.1.1.1]", "allow_networks",
         tuple(map(ipaddress.ip_network, ("10.20.0.0/16", "fd00::/8", "10.1.1.1/32")))),
        ("names: [Proxy.Corp, 'vault.example:9090', my_host]", "names", ("proxy.corp", "vault.example:9090",
         "my_host")),
        ("allow_origins: ['https://App.example/', '*']", "allow_origins", ("https://app.example", "*")),
        *[(f"retry: {number}", "retry", number) for number in (0, 1, 10)],
        ("idle_timeout: 600", "idle_timeout", 600),
        ("rate_limit: 10/60s", "rate_limit", Rate(10, 60)),
        ("default_model: openai/gpt-4o", "default_model", "openai/gpt-4o"),
        ("environment_keys: false", "environment_keys", False),
        ("gateways: [main, a-b_c]", "gateways", ("main", "a-b_c")),
        ("gateways: []", "gateways", ()),
        ("rate_limit: 100/m", "rate_limit", Rate(100, 60)),
        ("public_vault: true", "public_vault", True),
        ("response_headers: true", "response_headers", True),
        ("log_format: json", "log_format", "json"),
        ("otlp_endpoint: http://127.0.0.1:4318", "otlp_endpoint", "http://127.0.0.1:4318"),
        *[(f"ledger_days: {number}", "ledger_days", number) for number in (0, 7, 36500)],
        *[(f"store_bodies: {size}", "store_bodies", number) for size, number in (("true", 2**20), ("false", 0),
                                                                                ("2kb", 2048), ("0", 0))],
        ("upstream_ca: roots.pem", "upstream_ca", "roots.pem"),
        *[(f"body_limit: {size}", "body_limit", number) for size, number in (
            ("0", 0), ("1024", 1024), ("1b", 1), ("64kb", 65536), ("64KB", 65536), ("64k", 65536), ("'1 MB'", 2**20),
            ("2m", 2**21), ("1G", 2**30), ("1gb", 2**30))],
    ],
)  # fmt: skip
def test_read(text, name, value):
    assert getattr(load(text), name) == value


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bogus: 1", "bogus"),
        ("rate_limit: 10", "rate_limit"),
        *[(f"store_bodies: {text}", "store_bodies") for text in ("65MB", "all", "-1")],
        *[(f"ledger_days: {text}", "ledger_days") for text in ("-1", "36501", "1.5", "true", "7d")],
        ("default_model: 5", "default_model"),
        ("default_model: ''", "default_model"),
        ("environment_keys: openai", "environment_keys"),
        ("gateways: main", "gateways"),
        ("gateways: [../x]", "gateways"),
        ("rate_limit: 0/60s", "rate_limit"),
        ("rate_limit: 10/60", "10/60s"),
        ("bogus: 1", "body_limit"),
        ("1: 2", "1"),
        ("unmatched: open", "unmatched"),
        ("unmatched: true", "unmatched"),
        ("unmatched: [tunnel]", "unmatched"),
        ("metrics: on", "metrics"),
        ("response_headers: 1", "response_headers"),
        ("log_format: xml", "log_format"),
        *[(f"otlp_endpoint: {text}", "otlp_endpoint") for text in ("collector:4318", "ftp://x", "7", "http://u:p@x")],
        ("metrics: everybody", "metrics"),
        ("allow_networks: 10.0.0.0/8", "allow_networks"),
        ("allow_networks: [10.0.0.1/8]", "allow_networks"),
        ("allow_networks: [example.com]", "allow_networks"),
        ("allow_networks: [5]", "allow_networks"),
        ("names: proxy.corp", "names"),
        ("names: ['']", "names"),
        ("names: ['a b']", "names"),
        ("body_limit: lots", "body_limit"),
        ("body_limit: -1", "body_limit"),
        ("body_limit: 1.5", "body_limit"),
        ("body_limit: true", "body_limit"),
        ("body_limit: 1tb", "body_limit"),
        ("body_limit: [1]", "body_limit"),
        *[(f"retry: {wrong}", "retry") for wrong in ("-1", "11", "true", "'2'", "1.5", "[1]")],
        ("idle_timeout: 599", "idle_timeout"),
        ("idle_timeout: '600'", "idle_timeout"),
        ("idle_timeout: true", "idle_timeout"),
        ("idle_timeout: 600.5", "idle_timeout"),
        ("public_vault: 1", "public_vault"),
        ("public_vault: 'yes'", "public_vault"),
        ("upstream_ca: 5", "upstream_ca"),
        ("[a]", "mapping"),
        ("text", "mapping"),
        ("a: {", "YAML"),
        ("a: !!python/object:os.system {}", "YAML"),
    ],
)
def test_refused(text, word):
    with pytest.raises(SettingsError, match=word):
        load(text)


def test_what_the_file_does_not_say_stays():
    defaults = Settings(default_model="a", body_limit=7)
    assert load("", defaults) == load("default_model:", defaults) == defaults
    assert load("default_model: b", defaults) == Settings(default_model="b", body_limit=7)


@pytest.mark.parametrize(
    ("host", "port", "known"),
    [("proxy.corp", 1, True), ("proxy.corp", 443, True), ("vault.example", 9090, True), ("vault.example", 80, False),
     ("x.proxy.corp", 1, False), ("", 1, False)],
)  # fmt: skip
def test_knows_name(host, port, known):
    assert load("names: [proxy.corp, 'vault.example:9090']").knows_name(host, port) is known


@pytest.mark.parametrize("name", ["https://x", "proxy.corp:x", "proxy.corp:", "proxy.corp:99999", "proxy.corp:80/x"])
def test_names_with_a_bad_port(name):
    with pytest.raises(SettingsError):
        load(f"names: ['{name}']")


@pytest.mark.parametrize("text", ["[]", "0", "false", "''"])
def test_a_document_that_is_no_mapping(text):
    with pytest.raises(SettingsError):
        load(text)


@pytest.mark.parametrize("value", ["0", "61", "true", "1.5", "soon", "[1]"])
def test_models_timeout_is_some_seconds(value: str) -> None:
    assert load("models_timeout: 60").models_timeout == 60
    with pytest.raises(SettingsError, match="models_timeout"):
        load(f"models_timeout: {value}")


def test_include_usage_is_a_flag() -> None:
    assert load("include_usage: true").include_usage and not load("").include_usage
    with pytest.raises(SettingsError, match="include_usage"):
        load("include_usage: always")
