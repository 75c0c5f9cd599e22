"""mitmproxy's options: set to what we need, and kept there."""

from __future__ import annotations

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

from mitmvault.addons.posture import KEPT, SET, Posture

WRONG = {
    "ssl_insecure": True,
    "proxy_debug": True,
    "validate_inbound_headers": False,
    "stream_large_bodies": "1m",
    "body_size_limit": "1m",
    "connection_strategy": "eager",
    "rawtcp": True,
}


@pytest.fixture
def context():
    with taddons.context(proxyserver.Proxyserver()) as tctx:
        tctx.options.add_option("listen_port", "int | None", None, "") if "listen_port" not in tctx.options else None
        yield tctx


def loaded(tctx) -> Posture:
    posture = Posture()
    tctx.master.addons.add(posture)
    return posture


def test_what_is_set(context):
    loaded(context)
    for name, value in SET.items():
        assert name not in context.options or getattr(context.options, name) == value
    assert context.options.connection_strategy == "lazy" and context.options.mitmvault_home == ""


def test_every_kept_option_is_tried():
    assert {name for name, *_ in KEPT} == set(WRONG)


@pytest.mark.parametrize("name", WRONG)
def test_what_may_not_be_changed(context, name):
    posture = loaded(context)
    with pytest.raises(exceptions.OptionsError, match=name):
        context.configure(posture, **{name: WRONG[name]})


@pytest.mark.parametrize("name", WRONG)
def test_what_was_wrong_before_we_came(context, name):
    with pytest.raises(exceptions.OptionsError, match=name):
        posture = Posture()
        if name in SET:  # load() mends it; afterwards it stays mended
            context.options.update(**{name: WRONG[name]})
            loaded(context)
            assert getattr(context.options, name) == SET[name]
            raise exceptions.OptionsError(name)
        context.options.update(**{name: WRONG[name]})
        posture.configure({name})


@pytest.mark.parametrize("mode", ["upstream:http://proxy.example", "reverse:https://api.openai.com", "dns"])
def test_modes_that_choose_the_destination_themselves(context, mode):
    posture = loaded(context)
    with pytest.raises(exceptions.OptionsError, match="does not run in mode"):
        context.configure(posture, mode=[mode])


@pytest.mark.parametrize("mode", ["regular", "regular@127.0.0.1:9090", "transparent", "socks5"])
def test_modes_that_are_served(context, mode):
    context.configure(loaded(context), mode=[mode])


@pytest.mark.parametrize(
    ("host", "mode", "expected"),
    [
        ("", ["regular"], ["regular@127.0.0.1:8080"]),
        ("", ["regular@9090"], ["regular@127.0.0.1:9090"]),
        ("", ["regular@0.0.0.0:9090"], ["regular@0.0.0.0:9090"]),
        ("0.0.0.0", ["regular"], ["regular"]),
    ],
)
def test_the_listener_is_on_loopback_unless_somebody_says_otherwise(context, host, mode, expected):
    context.options.update(mode=mode, listen_host=host)
    loaded(context)
    assert context.options.mode == expected
