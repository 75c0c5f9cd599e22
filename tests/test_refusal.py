"""All reasons in all dialects, and the statuses that clients may rely on."""

from __future__ import annotations

import json

import pytest

from mitmvault.core.refusal import DIALECTS, KINDS, MAX_TEXT, REASONS, WORTH_A_RETRY, Refusal, answer

TEXT = 'Say "this" \u2192 \u20ac\n.'


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_in_every_dialect(reason, dialect):
    reply = answer(Refusal(reason, TEXT, dialect))
    headers = dict(reply.headers)
    document = json.loads(reply.body)
    error = document.get("error", document)
    assert error[{"problem": "detail"}.get(dialect, "message")] == TEXT
    flat = dialect in ("aws", "problem")
    code = error["details"][0]["reason"] if dialect == "google" else error["reason" if flat else "code"]
    assert code == reason == headers["x-mitmvault-reason"]
    kind = KINDS[REASONS[reason][1]][dialect]
    assert error[{"google": "status", "aws": "__type", "problem": "title"}.get(dialect, "type")] == kind
    assert reply.status == REASONS[reason][0] == (error["code"] if dialect == "google" else reply.status)
    assert headers["content-length"] == str(len(reply.body)) and headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["x-should-retry"] == ("true" if reason in WORTH_A_RETRY else "false")
    assert ("www-authenticate" in headers, "proxy-authenticate" in headers) == (
        reply.status == 401,
        reply.status == 407,
    )


def test_the_shapes():
    refusal = Refusal("missing_token", "Hello.")
    assert json.loads(answer(refusal).body) == {
        "error": {"message": "Hello.", "type": "authentication_error", "param": None, "code": "missing_token"}
    }
    assert json.loads(answer(refusal.speaking("anthropic")).body)["type"] == "error"
    assert json.loads(answer(refusal.speaking("google")).body)["error"]["status"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("missing_token", 401), ("unknown_token", 403), ("no_provider", 400), ("unknown_host_final", 400),
        ("not_found", 404), ("proxy_token_needed", 407), ("host_mismatch", 421), ("body_too_large", 413),
        ("unsupported_encoding", 415), ("internal_error", 500), ("not_permitted", 502), ("upstream_unreachable", 502),
        ("no_usable_key", 503), ("not_ready", 503), ("provider_not_allowed", 403), ("model_not_allowed", 403),
        ("duplicate_field", 400), ("bad_json", 400), ("bad_path", 400), ("destination_refused", 403),
    ],
)  # fmt: skip
def test_statuses(reason, status):
    assert Refusal(reason, "x").status == status


def test_what_the_sdks_of_aws_show():
    parsers = pytest.importorskip("botocore.parsers")
    made = answer(Refusal("unknown_token", "The user token is not valid.", "aws"))
    response = {"status_code": made.status, "headers": dict(made.headers), "body": made.body}
    found = parsers.RestJSONParser().parse(response, None)["Error"]
    assert found == {"Code": "AccessDeniedException", "Message": "The user token is not valid."}


def test_a_text_that_quotes_the_client_stays_short():
    refusal = Refusal("no_provider", "No provider is known for " + "x" * 100_000)
    assert refusal.text.startswith("No provider is known for xxx") and refusal.text.endswith("x…")
    assert len(refusal.text) == MAX_TEXT and len(answer(refusal).body) < 2 * MAX_TEXT


def test_every_kind_is_named_in_every_dialect_and_used():
    assert all(set(names) == set(DIALECTS) for names in KINDS.values())
    assert KINDS.keys() == {kind for _, kind in REASONS.values()}
    assert set(REASONS) >= WORTH_A_RETRY


def test_speaking_drops_the_traceback():
    try:
        raise Refusal("bad_json", "x")
    except Refusal as caught:
        other = caught.speaking("google")
    assert (other.reason, other.text, other.dialect) == ("bad_json", "x", "google")
    assert other.__traceback__ is None and other.__context__ is None and other.__cause__ is None


def test_an_unknown_reason_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        Refusal("made_up", "x")


@pytest.mark.parametrize("text", ["\udce9", "\ud800", "\x00\x1b[31m", "\u2028"])
def test_any_text_can_be_rendered(text):
    assert json.loads(answer(Refusal("bad_json", text)).body)["error"]["message"]
