"""Sessions: two words, a time, and the token they were opened with."""

from __future__ import annotations

import pytest

from mitmvault.core.pages.ui import LIFETIME
from mitmvault.local import ui_sessions
from mitmvault.local.ui_sessions import Sessions


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions(clock)


def test_both_words_are_needed(sessions):
    cookie, page = sessions.open("digest")
    assert sessions.find(cookie, page) == "digest" and len(cookie) == len(page) == 43
    other_cookie, other_page = sessions.open("digest")
    for pair in ((cookie, other_page), (other_cookie, page), (cookie, ""), (None, page), ("", ""), (page, cookie),
                 (cookie, "\udcff")):  # fmt: skip
        assert sessions.find(*pair) is None


def test_it_ends(sessions, clock):
    cookie, page = sessions.open("digest")
    clock.now += LIFETIME - 1
    assert sessions.find(cookie, page)
    clock.now += 1
    assert sessions.find(cookie, page) is None and not sessions._open


def test_closed(sessions):
    cookie, page = sessions.open("digest")
    sessions.close(None)
    sessions.close("another")
    assert sessions.find(cookie, page)
    sessions.close(cookie)
    assert sessions.find(cookie, page) is None


def test_the_oldest_goes_first(sessions, monkeypatch):
    monkeypatch.setattr(ui_sessions, "MOST", 2)
    first, second, third = (sessions.open(str(number)) for number in range(3))
    assert sessions.find(*first) is None and sessions.find(*second) == "1" and sessions.find(*third) == "2"


def test_what_is_kept_opens_nothing(sessions):
    cookie, page = sessions.open("digest")
    assert cookie not in repr(sessions._open.keys())
    assert all(sessions.find(name, page) is None for name in sessions._open)
