"""/g/GATEWAY/ and /key/N/ in front of a path. (reference system 002)"""

from __future__ import annotations

import pytest

from mitmvault.core.decide import decide
from mitmvault.core.message.arrival import Detour
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.detours import follow
from mitmvault.core.verdict import Permit
from tests.pages import get
from tests.worlds import JSON, PROVIDERS, arrival, bearer, chat, intercepted, through_gateway, world

WORLD = world()
BEHIND = through_gateway()
CHAT = "/groq/v1/chat/completions"
LONG = "x" * 64


@pytest.mark.parametrize(
    ("target", "rest", "gateway", "keys"),
    [
        ("/g/main/groq/v1", "/groq/v1", "main", None),
        ("/g/a-b_C9/v1/chat/completions?x=1", "/v1/chat/completions?x=1", "a-b_C9", None),
        (f"/g/{LONG}/x", "/x", LONG, None),
        ("/g/main/", "/", "main", None),
        ("/g/main", "/", "main", None),
        ("/g/main?x=/", "/?x=/", "main", None),
        ("/g/main/key/1?", "/?", "main", (1, 1)),
        ("/key/0/groq/v1", "/groq/v1", None, (0, 0)),
        ("/key/12/groq/v1", "/groq/v1", None, (12, 12)),
        ("/key/1-3/x", "/x", None, (1, 3)),
        ("/key/1-/x", "/x", None, (1, None)),
        ("/key/-2/x", "/x", None, (0, 2)),
        ("/g/a/key/1/groq/v1", "/groq/v1", "a", (1, 1)),
        ("/key/1/g/a/groq/v1", "/groq/v1", "a", (1, 1)),
        ("/g/a/g/b/groq", "/g/b/groq", "a", None),
        ("/key/1/key/2/groq", "/key/2/groq", None, (1, 1)),
        ("/g/g/key/0/key", "/key", "g", (0, 0)),
    ],
)
def test_follow(target, rest, gateway, keys):
    end = follow(WORLD, arrival(target, bearer()))
    assert (end.target, end.detour.gateway, end.detour.keys) == (rest, gateway, keys)
    assert target.startswith(end.detour.prefix)
    assert follow(WORLD, end) is end  # once


@pytest.mark.parametrize(
    "target",
    ["/groq/v1", "/g", "/g/", "/g//x", "/g/a.b/x", "/g/a%20b/x", "/g/../x", "/%67/a/x", "/G/a/x",
     f"/g/{LONG}x/x", "/key", "/key//x", "/key/-/x", "/key/a/x", "/key/1-2-3/x", "/key/-1-/x", "/key/1.5/x",
     "/key/%30/x", "/key/\u0661/x", "/key/1234567/x", "/groq/g/a/key/1", "g/a/x", "*", ""],
)  # fmt: skip
def test_no_detour(target):
    came = arrival(target, bearer())
    assert follow(WORLD, came) is came and came.detour == Detour()


@pytest.mark.parametrize(
    "came",
    [
        intercepted("api.openai.com", "/g/main/v1/models"),
        intercepted("api.openai.com", "/key/0/v1/models"),
        arrival("/g/main/x", host="evil.example"),
    ],
)
def test_elsewhere_it_is_a_path_like_any_other(came):
    assert follow(WORLD, came) is came


@pytest.mark.parametrize("name", ["g", "key"])
def test_a_provider_of_that_name_wins(name):
    made = world(PROVIDERS | {name: PROVIDERS["mine"]})
    permit = decide(made, arrival(f"/{name}/0/groq/x", bearer(), JSON), chat())
    assert isinstance(permit, Permit) and (permit.provider, permit.target.path) == (name, "/deep/v9/0/groq/x")
    other = {"g": "/key/0", "key": "/g/main"}[name]
    assert follow(made, arrival(f"{other}/{name}/0/groq/x")).target == f"/{name}/0/groq/x"


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [("0", [1]), ("1", [3]), ("0-0", [1]), ("0-1", [1, 3]), ("0-9", [1, 3]), ("1-", [3]), ("0-", [1, 3]), ("-0", [1]),
     ("-1", [1, 3])],
)  # fmt: skip
def test_keys_are_counted_without_the_expired_ones(choice, numbers):
    permit = decide(WORLD, arrival(f"/key/{choice}{CHAT}", bearer(), JSON), chat())
    assert isinstance(permit, Permit) and [key.number for key in permit.keys] == numbers


@pytest.mark.parametrize("choice", ["2", "2-", "2-5", "1-0", "999999"])
def test_a_key_that_there_is_not(choice):
    refusal = decide(WORLD, arrival(f"/key/{choice}{CHAT}", bearer(), JSON), chat())
    assert isinstance(refusal, Refusal) and (refusal.reason, refusal.status) == ("no_such_key", 400)
    assert "2 usable keys" in refusal.text


@pytest.mark.parametrize(
    ("target", "headers", "path"),
    [
        (f"/g/other{CHAT}", (), "/v1/acct/other/compat/chat/completions"),
        (f"/g/other/key/1{CHAT}", (), "/v1/acct/other/compat/chat/completions"),
        ("/g/other/groq/v1/embeddings?a=1", (), "/v1/acct/other/groq/embeddings?a=1"),
        ("/g/other/v1/chat/completions", (), "/v1/acct/other/compat/chat/completions"),
        ("/key/0/g/other/openai/v1/chat/completions", (("X-Host-Final", "api.groq.com"),),
         "/v1/acct/other/compat/chat/completions"),
    ],
)  # fmt: skip
def test_another_gateway(target, headers, path):
    permit = decide(BEHIND, arrival(target, bearer(), JSON, *headers), chat("groq/llama"))
    assert isinstance(permit, Permit), permit
    assert (permit.provider, permit.target.path, permit.target.host) == ("groq", path, "gateway.ai.cloudflare.com")


def test_the_gateway_of_the_environment_is_replaced_as_well():
    made = world({"groq": {"keys": [{"key": "made-up"}]}}, gateway_name="main")
    permit = decide(made, arrival(f"/g/other{CHAT}", bearer(), JSON), chat())
    assert isinstance(permit, Permit) and permit.target.path == "/v1/acct/other/compat/chat/completions"


GATEWAY = "https://gateway.ai.cloudflare.com/v1/{account}/main"


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        (GATEWAY, "/v1/acct/other/compat/chat/completions"),
        (GATEWAY + "/", "/v1/acct/other/compat/chat/completions"),
        (GATEWAY + "/compat/chat/completions", "/v1/acct/other/compat/chat/completions"),
        (GATEWAY + "/groq", "/v1/acct/other/groq/chat/completions"),
        ("https://gw.example/v1/a/b/compat", "/v1/a/other/compat/chat/completions"),
        ("https://gw.example/v1/a/b/c/compat", None),
        ("https://gw.example/x/compat", None),
        ("https://gw.example/v1/a/b", None),
        ("https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1", None),
        (None, None),
    ],
)
def test_which_addresses_have_a_gateways_name(endpoint, path):
    entry = PROVIDERS["groq"] | ({"gatewayEndpoint": endpoint} if endpoint else {})
    verdict = decide(world({"groq": entry}, gateway=True), arrival(f"/g/other{CHAT}", bearer(), JSON), chat())
    if path:
        assert isinstance(verdict, Permit) and verdict.target.path == path
    else:
        assert isinstance(verdict, Refusal) and (verdict.reason, verdict.status) == ("no_such_gateway", 400)


@pytest.mark.parametrize(("names", "fine"), [("[other]", True), ("[main]", False), ("[]", False)])
def test_gateways_that_may_be_chosen(names, fine):
    verdict = decide(
        through_gateway(configured=f"gateways: {names}"), arrival(f"/g/other{CHAT}", bearer(), JSON), chat()
    )
    assert isinstance(verdict, Permit) if fine else isinstance(verdict, Refusal) and verdict.reason == "no_such_gateway"


@pytest.mark.parametrize("target", [f"/g/other{CHAT}", f"/key/99{CHAT}", "/g/other/ping", "/key/99/v1/models"])
def test_nobody_without_a_token_learns_anything(target):
    refusal = decide(WORLD, arrival(target, JSON), chat())
    assert isinstance(refusal, Refusal) and refusal.reason == "missing_token"


def test_scopes_hold_behind_a_detour():
    refusal = decide(WORLD, arrival("/key/99/openai/v1/chat/completions", bearer("carol"), JSON), chat())
    assert isinstance(refusal, Refusal) and refusal.reason == "provider_not_allowed"


@pytest.mark.parametrize(("target", "reason"), [("/g/a/nobody/x", "no_provider"), ("/g/a/g/b/groq/x", "no_provider")])
def test_what_follows_is_judged_as_ever(target, reason):
    refusal = decide(BEHIND, arrival(target, bearer(), JSON), chat())
    assert isinstance(refusal, Refusal) and refusal.reason == reason


def test_pages_behind_a_detour():
    made = world({"groq": PROVIDERS["groq"] | {"models": [{"id": "m"}]}})
    came = follow(made, arrival("/g/x/groq/v1/models", bearer(), method="GET"))
    assert get(made, came.target, bearer())["data"][0]["id"] == "m"


@pytest.mark.parametrize("prefix", ["/g/other", "/g/other/", "/key/0/g/other/"])
def test_steps_behind_a_detour(prefix):
    steps = b'[{"provider": "groq", "query": {"model": "m"}}, {"provider": "openai", "query": {"model": "m"}}]'
    permit = decide(BEHIND, arrival(prefix, bearer(), JSON), steps)
    assert isinstance(permit, Permit), permit
    assert (permit.target.mode, permit.target.path, len(permit.steps)) == ("universal", "/v1/acct/other", 2)
    refusal = decide(WORLD, arrival(prefix, bearer(), JSON), steps)
    assert isinstance(refusal, Refusal) and refusal.reason == "no_such_gateway"
