"""The way back from `mitmvault env`."""

from __future__ import annotations

import pytest

from mitmvault.core.child import undo

BEFORE = {"PATH": "/bin", "NO_PROXY": "corp", "OPENAI_API_KEY": "sk-real"}
CHANGED = {"NO_PROXY": "ours", "HTTPS_PROXY": "http://p", "OPENAI_API_KEY": "sk-dummy"}


def entered(before):
    found = undo.before(before)
    record = undo.record(found, CHANGED, lambda name: name.endswith("KEY"))
    return before | CHANGED | {undo.VARIABLE: record}


def test_there_and_back():
    back = undo.undone(entered(BEFORE), CHANGED)
    assert back == {"NO_PROXY": "corp", "HTTPS_PROXY": None, "OPENAI_API_KEY": None, undo.VARIABLE: None}


def test_a_key_is_not_remembered():
    assert "sk-real" not in entered(BEFORE)[undo.VARIABLE]


def test_twice_is_once():
    once = entered(BEFORE)
    assert undo.before(once) == {"PATH": "/bin", "NO_PROXY": "corp"}
    assert entered(once) == once


def test_only_known_variables_are_brought_back():
    assert undo.undone({undo.VARIABLE: '{"PATH": "/evil"}'}, CHANGED) == {undo.VARIABLE: None}


def test_what_only_looked_like_a_key_is_unset():
    record = '{"MY_KEY": null, "a; rm -rf /": null}'
    assert undo.undone({undo.VARIABLE: record}, CHANGED) == {"MY_KEY": None, undo.VARIABLE: None}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"NO_PROXY": 1}', "\udcff"])
def test_a_record_that_makes_no_sense_is_none(text):
    environ = {"PATH": "/bin", undo.VARIABLE: text}
    assert undo.before(environ) == {"PATH": "/bin"}
    assert undo.undone(environ, CHANGED) == {undo.VARIABLE: None}
