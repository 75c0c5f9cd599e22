"""What is signed for AWS: the address, the region, the service."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mitmvault.core.configuration.signing import signing
from mitmvault.core.configuration.vault import Key
from mitmvault.core.decide import admit, decide
from mitmvault.core.refusal import Refusal
from mitmvault.core.route.universal import in_turn
from mitmvault.core.secret import Secret
from mitmvault.core.verdict import Permit
from tests.aws import PAIR, SECRET_KEY
from tests.worlds import AIG_TOKEN, COMPAT, JSON, arrival, bearer, chat, world

EU = "https://bedrock-runtime.eu-west-1.amazonaws.com"
CONVERSE = "/bedrock/model/eu.amazon.nova-lite-v1%3A0/converse"


@pytest.mark.parametrize(
    ("region", "host", "found"),
    [
        (None, "bedrock-runtime.eu-west-1.amazonaws.com", ("eu-west-1", "bedrock")),
        (None, "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", ("us-gov-west-1", "bedrock")),
        (None, "bedrock-mantle.us-east-1.api.aws", ("us-east-1", "bedrock-mantle")),
        (None, "vpce-0a-b1.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com", ("ap-southeast-2", "bedrock")),
        ("eu-west-3", "127.0.0.1", ("eu-west-3", "bedrock")),
        ("eu-west-3", "bedrock-runtime.eu-west-1.amazonaws.com", ("eu-west-3", "bedrock")),
    ],
)
def test_region_and_service(region, host, found):
    made = signing("aws-bedrock", region, host, "https://x.example/")
    assert (made.region, made.service) == found


@pytest.mark.parametrize("host", ["127.0.0.1", "llm.example", "eu-west-1.amazonaws.com"])
def test_no_region_is_a_refusal_that_says_what_to_set(host):
    with pytest.raises(Refusal, match="set region in the vault") as caught:
        signing("aws-bedrock", None, host, "https://x.example/")
    assert caught.value.reason == "provider_not_configured"


def permit(path: str = CONVERSE, gateway: bool = False, keys=(PAIR,), **fields) -> Permit | Refusal:
    entry = {"endpoint": EU, "keys": [{"key": key} for key in keys], **fields}
    return decide(world({"aws-bedrock": entry}, gateway=gateway), arrival(path, bearer(), JSON), chat())


def test_direct():
    found = permit(CONVERSE + "?a=%2F")
    assert isinstance(found, Permit) and found.target.signing
    assert found.target.signing.url == EU + CONVERSE.removeprefix("/bedrock") + "?a=%2F"
    (credential,) = found.credentials()
    assert credential.header == "authorization" and credential.shown == "AWS4-HMAC-SHA256 [aws-bedrock #1 …S001]"
    with pytest.raises(Refusal):  # the pair itself is never a header
        credential.value()


@pytest.mark.parametrize("mode", ["auto", "native"])
def test_behind_the_gateway_the_original_address_is_signed(mode):
    found = permit(gateway=True, gatewayEndpoint=COMPAT, gatewayMode=mode)
    assert isinstance(found, Permit) and found.target.signing
    at = "/v1/acct/main/aws-bedrock/bedrock-runtime/eu-west-1/model/eu.amazon.nova-lite-v1%3A0/converse"
    assert (found.target.mode, found.target.host, found.target.path) == ("native", "gateway.ai.cloudflare.com", at)
    assert found.target.signing.url == EU + CONVERSE.removeprefix("/bedrock")
    assert [credential.secret.reveal() for credential in found.credentials()][1:] == [AIG_TOKEN]


def test_auto_leaves_compat_to_keys_that_can_be_sent():
    chats = "/bedrock/openai/v1/chat/completions"
    found = permit(chats, gateway=True, gatewayEndpoint=COMPAT)
    assert isinstance(found, Permit) and found.target.mode == "native"
    found = permit(chats, gateway=True, gatewayEndpoint=COMPAT, keys=("ABSK-made-up",))
    assert isinstance(found, Permit) and found.target.mode == "compat" and found.target.signing is None


@pytest.mark.parametrize("mode", ["compat", "universal"])
def test_a_mode_that_cannot_carry_a_signature(mode):
    found = permit(gateway=True, gatewayEndpoint=COMPAT, gatewayMode=mode)
    assert isinstance(found, Refusal) and found.reason == "provider_not_configured" and "native" in found.text


def test_a_pair_goes_to_nobody_who_does_not_take_one():
    made = world({"openai": {"keys": [{"key": PAIR}]}, "groq": {"keys": [{"key": PAIR}, {"key": "gsk-made-up"}]}})
    found = decide(made, arrival("/openai/v1/chat/completions", bearer(), JSON), chat())
    assert isinstance(found, Refusal) and found.reason == "no_usable_key" and "an AWS key pair" in found.text
    assert SECRET_KEY not in found.text
    found = decide(made, arrival("/groq/v1/chat/completions", bearer(), JSON), chat())
    assert isinstance(found, Permit) and [key.number for key in found.keys] == [2]


def test_what_is_signed_waits_for_its_body():
    for keys, waits in (((PAIR,), True), (("ABSK-made-up",), False)):
        entry = {"endpoint": EU, "keys": [{"key": key} for key in keys]}
        assert admit(world({"aws-bedrock": entry}), arrival(CONVERSE, bearer(), JSON)).waits is waits


@pytest.mark.parametrize("provider", ["aws-bedrock", "compat"])
def test_steps_with_a_key_that_signs_are_never_one_body_for_the_gateway(provider):
    """There, keys stand in the body: a pair would be in Cloudflare's hands."""
    entry = {"endpoint": EU, "keys": [{"key": PAIR}], "gatewayEndpoint": COMPAT}
    groq = {"keys": [{"key": "gsk-made-up"}], "gatewayEndpoint": COMPAT}
    model = "m" if provider == "aws-bedrock" else "aws-bedrock/m"
    steps = [{"provider": provider, "endpoint": "chat/completions", "query": {"model": model}},
             {"provider": "groq", "endpoint": "chat/completions", "query": {"model": "m"}}]  # fmt: skip
    made = world({"aws-bedrock": entry, "groq": groq}, gateway=True)
    for asked in (steps, steps[:1], steps[::-1]):
        found = decide(made, arrival("/", bearer(), JSON), json.dumps(asked).encode())
        assert isinstance(found, Permit) and not found.steps and len((found, *found.others)) == len(asked)
        ours = next(one for one in (found, *found.others) if one.provider == "aws-bedrock")
        assert ours.target.mode == "native" and ours.target.signing and ours.body and b"ecret" not in ours.body


def test_a_pair_in_a_body_would_stay_here():
    made = world(
        {"groq": {"keys": [{"key": "gsk-made-up"}], "gatewayEndpoint": COMPAT, "gatewayMode": "universal"}},
        gateway=True,
    )
    found = decide(made, arrival("/groq/v1/chat/completions", bearer(), JSON), chat())
    assert isinstance(found, Permit) and found.steps
    pair = Key(Secret(json.dumps(PAIR)), "", "", 1, "aws")
    sealed = in_turn(replace(found, steps=(replace(found.steps[0], keys=(pair,)),)), lambda provider, keys: keys)
    with pytest.raises(Refusal):
        sealed.slots[0].credential.value()
