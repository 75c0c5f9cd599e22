"""Traps in a person's environment."""

from __future__ import annotations

import pytest

from mitmvault.core.child import child_values
from mitmvault.core.child.child_values import Facts
from mitmvault.core.configuration import dummy_keys
from mitmvault.core.doctor import traps
from mitmvault.core.doctor.finding import FAIL, NOTE, OK, WARN
from tests.worlds import CATALOGUE

OURS = "127.0.0.1:8080"
PROXIED = {"HTTPS_PROXY": f"http://x:mv-token-made-up@{OURS}"}
TRUST = {"/both.pem": True, "/theirs.pem": False, "/system.pem": False}


def find(environ, ours=OURS):
    found = traps.find(environ, ours, TRUST.get, ("/system.pem",), CATALOGUE.specs)
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("environ", "ours", "status", "word"),
    [
        ({}, OURS, NOTE, "is not set"),
        (PROXIED, OURS, OK, OURS),
        ({"https_proxy": OURS}, OURS, OK, OURS),
        ({"ALL_PROXY": f"socks5://{OURS}"}, OURS, OK, OURS),
        ({"HTTPS_PROXY": "http://u:secret@corp.example:3128"}, OURS, WARN, "corp.example:3128"),
        (PROXIED, None, WARN, "no proxy of ours runs"),
        ({"HTTPS_PROXY": "http://[::1"}, OURS, NOTE, "is not set"),
        ({"HTTPS_PROXY": "http://host:port"}, OURS, NOTE, "is not set"),
    ],
)
def test_the_proxy(environ, ours, status, word):
    one = find(environ, ours)["HTTPS_PROXY"]
    assert one.status == status and word in one.text and "secret" not in one.text and "mv-token" not in one.text


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"SSL_CERT_FILE": "/both.pem"}, OK),
        ({"SSL_CERT_FILE": "/theirs.pem"}, FAIL),
        ({"SSL_CERT_FILE": "/gone.pem"}, FAIL),
        ({"SSL_CERT_FILE": "/system.pem"}, None),  # it says what is so anyway
        ({"SSL_CERT_FILE": "/system.pem", **PROXIED}, FAIL),
        ({"SSL_CERT_FILE": "/theirs.pem", **PROXIED}, FAIL),
        ({"SSL_CERT_FILE": ""}, None),
    ],
)
def test_a_file_of_authorities_that_replaces_the_store(environ, status):
    one = find(environ).get("SSL_CERT_FILE")
    assert (one and one.status) == status
    if status == FAIL:
        assert environ["SSL_CERT_FILE"] in one.text and "mitmvault run" in one.remedy


@pytest.mark.parametrize(("more", "status"), [({}, None), (PROXIED, FAIL)])
def test_one_that_adds_to_the_store_matters_to_programs_that_use_the_proxy(more, status):
    one = find({"NODE_EXTRA_CA_CERTS": "/theirs.pem", **more}).get("NODE_EXTRA_CA_CERTS")
    assert (one and one.status) == status


def test_without_a_proxy_of_ours_the_usual_ones_are_harmless():
    assert "SSL_CERT_FILE" not in find({"SSL_CERT_FILE": "/system.pem"}, None)


@pytest.mark.parametrize(
    ("names", "around"),
    [
        ("localhost,.corp.example", False),
        ("api.openai.com", True),
        (".openai.com", True),
        ("openai.com:443", True),
        ("*.groq.com", True),
        ("ai.com", False),
    ],
)
def test_no_proxy(names, around):
    """`mitmvault run` keeps these entries: they matter without a proxy in this environment as well."""
    facts = Facts(
        proxy="http://p:1", user="u", token="mv-made-up", ca="", bundle="", truststore="", wgetrc="", php="", node_preload="",
        specs=(), available=frozenset(),
    )  # fmt: skip
    assert names.split(",")[0] in child_values.no_proxy(facts, {"NO_PROXY": names}).split(",")
    for environ in ({}, PROXIED):
        found = find({"NO_PROXY": names, **environ})
        assert ("NO_PROXY" in found) is around
        assert not around or (found["NO_PROXY"].status == FAIL and "mitmvault run keeps" in found["NO_PROXY"].remedy)


def test_everything_around_the_proxy():
    assert "NO_PROXY" in find({"NO_PROXY": "*", **PROXIED})
    assert "NO_PROXY" not in find({"NO_PROXY": "*"})  # `mitmvault run` drops it


def test_two_spellings_that_differ():
    assert find({"https_proxy": f"http://{OURS}", **PROXIED})["https_proxy"].status == WARN
    assert "https_proxy" not in find({"https_proxy": PROXIED["HTTPS_PROXY"], **PROXIED})


def test_real_keys_are_named_by_their_variable_and_not_shown():
    key = "gsk_" + "a1B2" * 13
    shape = next(spec.key_shape for spec in CATALOGUE.specs if spec.id == "groq")
    found = find({"MY_KEY": key, "OTHER": dummy_keys.dummy(shape, "alice")})
    assert "MY_KEY" in found["keys"].text and key not in repr(found) and "OTHER" not in found["keys"].text


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("MISTRAL_API_KEY", "keys-of-it-have-no-prefix", True),
        ("MISTRAL_API_KEY", "mv-token-made-up", False),
        ("MISTRAL_API_KEY", "", False),
        ("MY_OWN", "keys-of-it-have-no-prefix", False),
    ],
)
def test_keys_by_the_name_of_the_variable(name, value, named):
    found = traps.find({name: value}, OURS, TRUST.get, (), CATALOGUE.specs, "mv-token-made-up".__eq__)
    assert [one.text.endswith(name) for one in found if one.name == "keys"] == ([True] if named else [])


def test_credentials():
    assert traps.has_credentials(PROXIED) and not traps.has_credentials({"https_proxy": f"http://{OURS}"})
