"""Who may in, and who may not."""

import hashlib
import json
from pathlib import Path

import pytest

from mitmvault.core.configuration import users
from mitmvault.core.configuration.users import User, Users, UsersError

VECTORS = json.loads((Path(__file__).parent / "vectors" / "users.json").read_text("utf-8"))
TOKEN = "AGE-SECRET-KEY-MADE-UP"


def parsed(document) -> Users:
    return users.parse(json.dumps(document).encode())


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case):
    if case["error"] is None:
        assert isinstance(users.parse(case["text"].encode()), Users)
        return
    with pytest.raises(UsersError) as caught:
        users.parse(case["text"].encode())
    assert case["error"] in str(caught.value)
    assert "made" not in str(caught.value).lower() and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "fields, found",
    [
        ({"key": TOKEN}, True),
        ({"sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}, True),
        ({"sha256": hashlib.sha256(TOKEN.encode()).hexdigest().upper()}, True),
        ({"key": TOKEN, "type": "paid"}, True),
        ({"key": TOKEN, "type": "expired"}, False),
        ({"key": TOKEN, "type": "Expired "}, False),
        ({"key": TOKEN.lower()}, False),
        ({"sha256": "0" * 64}, False),
    ],
)
def test_find(fields, found):
    everybody = parsed({"alice": fields, "bob": {"key": "another-token"}})
    assert everybody.find(TOKEN) == (User("alice", None, None) if found else None)
    assert len(everybody) == (1 if fields.get("type", "").strip().lower() == "expired" else 2)


@pytest.mark.parametrize(
    "token",
    ["", " ", TOKEN + " ", TOKEN[:-1], "0" * 64, "\udc80\ud800", "é", hashlib.sha256(TOKEN.encode()).hexdigest()],
)
def test_nobody(token):
    assert parsed({"alice": {"key": TOKEN}}).find(token) is None
    assert parsed({}).find(token) is None


@pytest.mark.parametrize(
    "providers, name, allowed",
    [(None, "groq", True), (["groq"], "groq", True), (["groq"], "Groq", False), ([], "groq", False)],
)
def test_may_use_provider(providers, name, allowed):
    user = parsed({"alice": {"key": TOKEN, "providers": providers}}).find(TOKEN)
    assert user is not None and user.may_use_provider(name) is allowed


@pytest.mark.parametrize(
    "models, model, allowed",
    [
        (None, "gpt-4o", True),
        ([], "gpt-4o", False),
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["gpt-4*"], "gpt-4o-mini", True),
        (["GPT-4*"], "gpt-4o", False),
        (["x", "openai/*"], "openai/gpt-oss-120b", True),
        (["*"], "", True),
    ],
)
def test_may_use_model(models, model, allowed):
    user = parsed({"alice": {"key": TOKEN, "models": models}}).find(TOKEN)
    assert user is not None and user.may_use_model(model) is allowed


def test_nothing_shows_a_token():
    everybody = parsed({"alice": {"key": TOKEN}})
    assert TOKEN not in repr(everybody) + repr(vars(User)) + repr(everybody.find(TOKEN))


def test_added_and_removed_leave_the_rest_alone():
    before = {"bob": {"key": "another-token", "mail": "b@x"}}
    after = users.added(before, "alice@x.example", {"key": TOKEN})
    assert after == {**before, "alice@x.example": {"key": TOKEN}} and list(before) == ["bob"]
    assert users.removed(after, "alice@x.example") == before and len(after) == 2


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "a\n", "é", "bob"])
def test_names_that_cannot_be_added(name):
    with pytest.raises(UsersError):
        users.added({"bob": {}}, name, {})


def test_nobody_to_remove():
    with pytest.raises(UsersError, match="no user"):
        users.removed({"bob": {}}, "alice")


def test_document_survives():
    plain = users.dump_document({"é": {"key": TOKEN, "x": [1]}})
    assert users.load_document(plain) == {"é": {"key": TOKEN, "x": [1]}} and "é".encode() in plain


# --- tokens of the environment ---


def test_joined() -> None:
    few = users.checked(
        {"alice": {"key": "token-of-alice"}, "proxy-api-key": {"key": "token-of-erin", "type": "expired"}}
    )
    more = [("proxy-api-key", "1"), ("proxy-api-key-2", "22"), ("auth-token", "token-of-alice"), ("auth-token", "333"),
            ("worker-access-key", "token-of-erin"), ("auth-token-2", "333")]  # fmt: skip
    joined = few.joined((name, users.digest(token)) for name, token in more)
    assert {token: (joined.find(token) or nobody).name for _, token in more} == {
        "1": "proxy-api-key-2", "22": "proxy-api-key-2-2", "token-of-alice": "alice", "333": "auth-token",
        "token-of-erin": "nobody",
    }  # fmt: skip
    found = joined.find("1")
    assert found and found.may_use_provider("any") and found.may_use_model("any")
    assert len(joined) == 4 and len(few) == 1
    assert all(joined.knows(users.digest(token)) for _, token in more) and not joined.knows(users.digest("x"))


nobody = users.User("nobody", None, None)
