"""Values that are made of what was there before."""

from __future__ import annotations

import shlex

import pytest

from mitmvault.core.child import child_values as make
from tests.test_child_environment import facts


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ({}, "localhost,127.0.0.1,::1,169.254.169.254"),
        ({"NO_PROXY": ".corp.example, 10.0.0.0/8"}, "localhost,127.0.0.1,::1,169.254.169.254,.corp.example,10.0.0.0/8"),
        ({"no_proxy": "a", "NO_PROXY": "b,a"}, "localhost,127.0.0.1,::1,169.254.169.254,a,b"),
        ({"NO_PROXY": "*"}, "localhost,127.0.0.1,::1,169.254.169.254"),
    ],
)
def test_no_proxy(before, value):
    assert make.no_proxy(facts(), before) == value
    assert make.no_proxy(facts(), {"NO_PROXY": value}) == value


def test_a_token_is_quoted_in_the_address():
    assert make.proxy(facts(token="a/b:c@d%"), {}) == "http://x:a%2Fb%3Ac%40d%25@127.0.0.1:8080"
    assert make.proxy(facts(proxy="http://[::1]:8080", token="t"), {}) == "http://x:t@[::1]:8080"


def test_java():
    options = make.java(facts(), {"JAVA_TOOL_OPTIONS": "-Xmx1g", "NO_PROXY": ".corp.example,10.0.0.0/8,h:1"}).split()
    assert options == [
        "-Xmx1g", "-Dhttp.proxyHost=127.0.0.1", "-Dhttp.proxyPort=8080", "-Dhttps.proxyHost=127.0.0.1",
        "-Dhttps.proxyPort=8080", "-Dhttp.nonProxyHosts=localhost|127.0.0.1|[::1]|169.254.169.254|*.corp.example",
        "-Djavax.net.ssl.trustStore=/h/trust.jks", "-Djavax.net.ssl.trustStoreType=jks",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]  # fmt: skip


def test_paths_with_blanks():
    found = make.java(facts(truststore="/a home/trust.jks"), {})
    assert "-Djavax.net.ssl.trustStore=/a home/trust.jks" in shlex.split(found)
    assert make.node_options(facts(node_preload='/a "b" c.cjs'), {}) == '--require "/a \\"b\\" c.cjs"'


@pytest.mark.parametrize(("value", "name"), [(make.java, "JAVA_TOOL_OPTIONS"), (make.node_options, "NODE_OPTIONS")])
def test_appended_once(value, name):
    once = value(facts(), {name: "--own"})
    assert once.startswith("--own -") and value(facts(), {name: once}) == once


def test_the_persons_own_authorities_reach_node():
    assert make.extra(facts(), {}) == "/h/ca.pem"
    assert make.extra(facts(), {"NODE_EXTRA_CA_CERTS": "/corp.pem"}) == "/h/roots.pem"
