"""Commands of the `:` bar."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons, tflow

from mitmvault.addons.bookkeeper import Bookkeeper
from mitmvault.addons.commands import Commands
from mitmvault.addons.endings import Endings
from mitmvault.addons.observer import Observer
from mitmvault.core.records.record import Record
from mitmvault.home import case_files
from mitmvault.home.layout import Home
from mitmvault.home.sqlite_ledger import SqliteLedger
from tests.test_gate import BEARER, KEYS, flow_of, gate, passed
from tests.test_tunnels import Held
from tests.worlds import TOKENS, world


@pytest.fixture
def keeper(tmp_path: Path):
    held = Held(world(configured="ledger_days: 0"))
    held.home = Home(tmp_path)
    held.reloads = []
    held.reload = lambda: held.reloads.append(1)
    return held


@pytest.fixture
def commands(keeper):
    books = Bookkeeper(keeper, SimpleNamespace(has=lambda client: False))
    with taddons.context(Commands(keeper, Observer(keeper, books, Endings(books=books.ended)))) as context:
        yield context.master.commands


def test_mitmweb_can_run_them_all(commands) -> None:
    ours = [name for name in commands.commands if name.startswith("mitmvault.")]
    assert ours and all(re.fullmatch("[a-z.]+", name) for name in ours)  # mitmproxy/tools/web/app.py
    assert all(commands.commands[name].help for name in ours)


def test_save_as_test(commands, tmp_path: Path) -> None:
    flow = passed(gate(), flow_of("/groq/v1/chat/completions", BEARER))
    told = commands.call("mitmvault.test.save", [flow], str(tmp_path / "x.yaml"))
    assert told == f"saved: {tmp_path / 'x.yaml'}" and case_files.load(tmp_path / "x.yaml").request.user == "alice"
    assert commands.call("mitmvault.test.save", [], str(tmp_path)) == "no flow was chosen"


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda: passed(gate(), flow_of("/groq/v1/x", BEARER)), "there.yaml", "is there already"),
        (lambda: passed(gate(), flow_of("/groq/v1/x", BEARER)), "no/such/directory.yaml", "No such file"),
        (tflow.tflow, "x.yaml", "since its start"),
        (tflow.ttcpflow, "x.yaml", "HTTP flows"),
    ],
)
def test_why_it_is_not_saved(commands, tmp_path: Path, make, name: str, message: str) -> None:
    (tmp_path / "there.yaml").write_text("")
    with pytest.raises(exceptions.CommandError, match=message):
        commands.call("mitmvault.test.save", [make()], str(tmp_path / name))


def test_explain(commands) -> None:
    lines = commands.call("mitmvault.explain", passed(gate(), flow_of("/groq/v1/chat/completions?a=b", BEARER)))
    steps = dict(line.split("  ", 1) for line in lines)
    assert steps["user"].strip() == "alice" and steps["provider"].strip() == "groq, by path prefix /groq/"
    assert steps["request"].strip() == "POST https://api.groq.com/openai/v1/chat/completions?…"
    refused = "\n".join(commands.call("mitmvault.explain", passed(gate(), flow_of("/nobody/v1/x", BEARER))))
    assert "400 no_provider" in refused and not any(token in refused for token in TOKENS.values())
    with pytest.raises(exceptions.CommandError, match="HTTP flows"):
        commands.call("mitmvault.explain", tflow.ttcpflow())


def test_keys(commands) -> None:
    head, *rows = commands.call("mitmvault.keys")
    assert head.split()[:3] == ["provider", "key", "state"]
    assert any(re.match(r"groq +#2 …0002 +expired", row) for row in rows)
    assert not any(key in row for key in KEYS for row in rows)


def test_usage(commands, keeper) -> None:
    told = Record(time.time(), "alice", provider="groq", way="listener", method="POST", status=200, tokens_in=1200,
                  tokens_out=34, cost=0.0123, model_sent="m")  # fmt: skip
    ledger = SqliteLedger(keeper.home.ledger)
    ledger.write([told, told, told._replace(user="b\nob", tokens_in=None, tokens_out=None, cost=None)])
    ledger.write([told._replace(started=time.time() - 3 * 86_400)])
    ledger.close()
    head, *rows = commands.call("mitmvault.usage")
    assert head.split() == ["user", "requests", "errors", "tokens", "in", "out", "cost", "$"]
    assert [row.split() for row in rows] == [
        ["alice", "2", "0", "2400", "68", "0.0246"],
        ["b\\x0aob", "1", "0", "?", "?", "?"],
    ]
    assert commands.execute("mitmvault.usage model 7")[1].split()[:2] == ["m", "4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no ledger"),
        (("mood",), "by one of user"),
        (("user", 0), "between 1"),
        (("user", 9999), "between 1"),
    ],
)
def test_usage_that_cannot_be_told(commands, arguments, message: str) -> None:
    with pytest.raises(exceptions.CommandError, match=message):
        commands.call("mitmvault.usage", *arguments)


def test_reload(commands, keeper) -> None:
    assert "read again" in commands.call("mitmvault.reload") and keeper.reloads == [1]
