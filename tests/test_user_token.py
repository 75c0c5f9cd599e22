"""Whose token a program gets. Nothing is guessed."""

from __future__ import annotations

import pytest

from mitmvault.core.configuration.users import digest
from mitmvault.home import store
from mitmvault.home.layout import Home, HomeError
from mitmvault.home.user_token import VARIABLE, UserToken, choose
from tests.worlds import TOKENS, USERS

ALICE, BOB = UserToken("alice", TOKENS["alice"]), UserToken("bob", TOKENS["bob"])
DIGESTED = {"sha256": digest(TOKENS["alice"]).upper()}


def chosen(tmp_path, people, wanted=None, given=None):
    store.save_users_document(Home(tmp_path), people)
    return choose(Home(tmp_path), wanted, {VARIABLE: given} if given else {})


def test_the_only_one_that_may_in(tmp_path):
    assert chosen(tmp_path, {"erin": USERS["erin"], "alice": USERS["alice"]}) == ALICE
    assert chosen(tmp_path, {"alice": USERS["alice"]}, given="mv-somebody-else") == ALICE


def test_by_name(tmp_path):
    assert chosen(tmp_path, USERS, "bob") == BOB


def test_by_the_variable_where_there_are_several(tmp_path):
    assert chosen(tmp_path, USERS, given=TOKENS["bob"]) == BOB
    assert chosen(tmp_path, USERS, given="mv-of-another-home").token == "mv-of-another-home"
    assert chosen(tmp_path, {}, given=TOKENS["bob"]).token == TOKENS["bob"]


def test_a_digest_needs_the_variable(tmp_path):
    for wanted in (None, "alice"):
        assert chosen(tmp_path, {"alice": DIGESTED}, wanted, TOKENS["alice"]) == ALICE
        for given in (None, TOKENS["bob"]):
            with pytest.raises(HomeError, match=VARIABLE):
                chosen(tmp_path, {"alice": DIGESTED}, wanted, given)


@pytest.mark.parametrize(
    ("people", "wanted", "said"),
    [
        (USERS, None, "--user: alice, bob, carol, dave"),
        (USERS, "erin", "no user erin"),  # expired
        (USERS, "nobody", "alice, bob, carol, dave"),
        ({}, None, "mitmvault users add"),
        ({"erin": USERS["erin"]}, None, "mitmvault users add"),
    ],
)
def test_what_is_wrong_names_whom_one_may_name(tmp_path, people, wanted, said):
    with pytest.raises(HomeError, match=said) as caught:
        chosen(tmp_path, people, wanted)
    assert not any(token in str(caught.value) for token in TOKENS.values())


def test_the_token_does_not_show():
    assert TOKENS["alice"] not in repr(ALICE)
