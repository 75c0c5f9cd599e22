"""Before and after, side by side."""

from __future__ import annotations

from mitmvault.core.records.rewrite import COLUMN, Side, compared, page

BEFORE = Side(
    "POST /groq/v1/chat/completions HTTP/1.1",
    (("Host", "127.0.0.1:8080"), ("Authorization", "[user token]"), ("X-Host-Final", "api.groq.com"),
     ("Accept", "a"), ("Accept", "b")),
    "llama",
)  # fmt: skip
AFTER = Side(
    "POST /v1/acct/gw/compat/chat/completions HTTP/1.1",
    (("host", "gateway.example"), ("accept", "a"), ("Accept", "c"), ("authorization", "Bearer [groq #1 …0001]"),
     ("cf-aig-authorization", "Bearer [gateway …7]")),
    "groq/llama",
)  # fmt: skip


def test_what_became_of_each_row():
    assert list(compared(BEFORE, AFTER)) == [
        ("~", BEFORE.line, AFTER.line),
        ("~", "Host: 127.0.0.1:8080", "host: gateway.example"),
        ("~", "Authorization: [user token]", "authorization: Bearer [groq #1 …0001]"),
        ("-", "X-Host-Final: api.groq.com", ""),
        (" ", "Accept: a", "accept: a"),
        ("~", "Accept: b", "Accept: c"),
        ("+", "", "cf-aig-authorization: Bearer [gateway …7]"),
        ("~", '… "model": "llama" …', '… "model": "groq/llama" …'),
    ]


def test_a_page():
    text = page("alice → groq", [("user", "alice"), ("target", "x" * 300)], BEFORE, AFTER)
    lines = text.splitlines()
    assert lines[0] == "alice → groq" and lines[2] == "user      alice"
    assert all(len(line) <= 2 * COLUMN + 5 for line in lines)
    rows = [line for line in lines if "│" in line]
    assert rows[0].split() == ["BEFORE", "as", "the", "client", "sent", "it", "│", "AFTER", "as", "it", "left"]
    (row,) = [line for line in rows if "chat/completions" in line]
    left, right = row[2:].split(" │ ")
    rest = lines[lines.index(row) + 1].split(" │ ")[1]  # it is too long for the column
    assert row[0] == "~" and left.strip() == BEFORE.line and right + rest == AFTER.line
    assert "".join(line[10:] for line in lines if line.endswith("x")) == "x" * 300


def test_a_request_that_did_not_leave_has_one_column():
    lines = page("", [], BEFORE, None).splitlines()
    assert not any("AFTER" in line for line in lines)
    assert "  Authorization: [user token]" in lines and "  X-Host-Final: api.groq.com" in lines


def test_nothing_forges_a_row():
    odd = Side("GET /\n+ forged", (("A", "b\r\nc"),))
    text = page("x\ny", [("user", "a\nb")], odd, odd)
    assert "\\x0a+ forged" in text and "b\\x0d\\x0ac" in text and "x\\x0ay" in text and "a\\x0ab" in text


def test_long_values_go_on_below_and_very_long_ones_are_cut():
    side = Side("GET / HTTP/1.1", (("Long", "v" * 100), ("Longer", "w" * 5000)))
    text = page("", [], side, side)
    assert sum(line.count("v") for line in text.splitlines()) == 200
    assert 600 < text.count("w") < 900 and text.count("…") == 2
