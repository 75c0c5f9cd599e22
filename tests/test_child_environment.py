"""What a child gets to see: the table, the keys, what is removed, the base URLs."""

from __future__ import annotations

import pytest

from mitmvault.core.child import child_environment
from mitmvault.core.child.child_environment import applied, changes, is_secret, names
from mitmvault.core.child.child_values import Facts
from mitmvault.core.configuration.dummy_keys import dummy, is_dummy
from tests.worlds import CATALOGUE

TOKEN = "mv-alice-token-made-up"
PROXY = "http://127.0.0.1:8080"


def facts(**fields) -> Facts:
    given = {
        "proxy": PROXY, "user": "alice", "token": TOKEN, "ca": "/h/ca.pem", "bundle": "/h/roots.pem",
        "truststore": "/h/trust.jks", "wgetrc": "/h/wgetrc", "php": "/h/php", "node_preload": "/p/node.cjs", "specs": CATALOGUE.specs,
        "available": frozenset({"openai", "claude"}),
    }  # fmt: skip
    return Facts(**given | fields)


def after(before=None, **fields) -> dict[str, str]:
    before = before or {}
    return applied(before, changes(facts(**fields), before))


def test_both_cases_of_the_proxy():
    found = after()
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        assert found[name] == f"http://x:{TOKEN}@127.0.0.1:8080"
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1,169.254.169.254"
    assert "ALL_PROXY" not in after({"ALL_PROXY": "socks5://elsewhere", "all_proxy": "socks5://elsewhere"})


def test_who_replaces_gets_the_bundle_and_who_adds_our_ca():
    found = after()
    replacing = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO",
                 "CARGO_HTTP_CAINFO", "NIX_SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")  # fmt: skip
    assert {found[name] for name in replacing} == {"/h/roots.pem"}
    assert {found[name] for name in ("NODE_EXTRA_CA_CERTS", "DENO_CERT")} == {"/h/ca.pem"}
    assert found["NODE_USE_ENV_PROXY"] == "1"


def test_keys_of_usable_providers_are_dummies_of_their_shape():
    found = after()
    assert found["OPENAI_API_KEY"] == dummy("sk-{48}", "alice")
    assert found["ANTHROPIC_API_KEY"].startswith("sk-ant-api03-")  # the vault names it by its alias
    assert "GROQ_API_KEY" not in found


def test_a_real_key_is_replaced_whatever_the_vault_has():
    before = {name: f"real-{name}" for spec in CATALOGUE.specs for name in spec.env}
    found = after(before)
    assert all(is_dummy(found[name]) for name in before)
    found = after(before, token_as_key=True)
    assert (found["OPENAI_API_KEY"], is_dummy(found["GROQ_API_KEY"])) == (TOKEN, True)


@pytest.mark.parametrize(
    ("value", "prefix", "whose"),
    [
        ("sk-ant-api03-" + "r" * 95, "sk-ant-api03-facade", "anthropic"),
        ("gsk_" + "r" * 52, "gsk_facade", "groq"),
        ("sk-proj-" + "r" * 150, "sk-facade", "openai"),
    ],
)
def test_a_key_in_a_variable_of_the_programs_own(value, prefix, whose):
    before = {"LEGACY_APP_SECRET": value}
    change = changes(facts(), before)["LEGACY_APP_SECRET"]
    assert change.value.startswith(prefix) and change.guessed and whose in change.why
    assert after(before, keep=frozenset(before))["LEGACY_APP_SECRET"] == value
    wanted = TOKEN if whose != "groq" else change.value  # groq has no key in this vault
    assert after(before, token_as_key=True)["LEGACY_APP_SECRET"] == wanted


def test_the_token_is_no_key():
    token = "sk-" + "chosen-by-the-operator-1"
    assert after({"APP_TOKEN": token}, token=token)["APP_TOKEN"] == token


def test_an_empty_variable_of_a_provider_without_keys_stays_empty():
    assert after({"GROQ_API_KEY": ""})["GROQ_API_KEY"] == ""


@pytest.mark.parametrize("fields", [{"token_as_key": True}, {"base_url": True}])
def test_the_token_is_the_key_where_no_tunnel_vouches(fields):
    assert after(**fields)["ANTHROPIC_API_KEY"] == TOKEN


def test_base_urls_only_when_asked_for_and_only_of_usable_providers():
    assert not [name for name in after() if name.endswith("_BASE_URL")]
    found = after(base_url=True)
    assert (found["OPENAI_BASE_URL"], found["ANTHROPIC_BASE_URL"]) == (f"{PROXY}/openai/v1", f"{PROXY}/anthropic")
    assert "GROQ_BASE_URL" not in found
    assert after({"OPENAI_BASE_URL": "https://own"})["OPENAI_BASE_URL"] == "https://own"


def test_what_opens_our_own_doors_is_removed():
    before = {name: "x" for names, _ in child_environment.REMOVED for name in names}
    assert {"AI_JSON_CRYPTOKEN", "CF_AIG_TOKEN", "CLOUDFLARE_AIG_TOKEN",
            "PROXY_API_KEY", "AUTH_TOKEN", "WORKER_ACCESS_KEY", "ANTHROPIC_AUTH_TOKEN"} <= set(before)  # fmt: skip
    assert set(before) & set(after(before)) == set()


@pytest.mark.parametrize(
    ("own", "wanted"),
    [("", ":/h/php"), ("/etc/mine", "/etc/mine:/h/php"), (":/etc/mine", ":/etc/mine:/h/php"), (":/h/php", ":/h/php")],
)
def test_php_keeps_the_configuration_that_it_has(own, wanted):
    assert after({"PHP_INI_SCAN_DIR": own} if own else {})["PHP_INI_SCAN_DIR"] == wanted


def test_perl():
    found = after()
    assert (found["PERL_LWP_ENV_PROXY"], found["PERL_LWP_SSL_CA_FILE"]) == ("1", "/h/roots.pem")


def test_all_else_stays():
    before = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "for much more than Bedrock", "MITMVAULT_HOME": "/h"}
    assert before.items() <= after(before).items()


def test_https_only_and_keep():
    assert after({"http_proxy": "http://corp"}, https_only=True)["http_proxy"] == "http://corp"
    assert (
        "HTTP_PROXY" not in after(https_only=True)
        and "-Dhttp.proxyHost" not in after(https_only=True)["JAVA_TOOL_OPTIONS"]
    )
    kept = after({"HF_TOKEN": "hf_real"}, keep=frozenset({"HF_TOKEN", "SSL_CERT_FILE"}))
    assert kept["HF_TOKEN"] == "hf_real" and "SSL_CERT_FILE" not in kept


def test_every_change_has_a_reason_and_is_among_the_names():
    found = changes(facts(available=frozenset(spec.id for spec in CATALOGUE.specs), base_url=True), {})
    assert all(change.why for change in found.values())
    assert set(found) == set(names(CATALOGUE.specs))


def test_what_may_have_been_a_key():
    secret = {name for name in names(CATALOGUE.specs) if is_secret(name, CATALOGUE.specs)}
    assert {"OPENAI_API_KEY", "AI_JSON_CRYPTOKEN", "HF_TOKEN"} <= secret
    assert not secret & {"HTTPS_PROXY", "SSL_CERT_FILE", "OPENAI_BASE_URL"}


def test_the_token_does_not_show():
    assert TOKEN not in repr(facts())
