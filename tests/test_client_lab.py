"""The client lab's judge can condemn, and its page is that of its table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mitmvault.core.configuration import catalogue
from tests.clients.lab import judge, page, runtimes
from tests.clients.lab.judge import Evidence
from tests.clients.lab.mark import Mark
from tests.clients.lab.page import FAILS, NOTHING, WORKS
from tests.clients.lab.runner import DRIVERS, Result
from tests.clients.lab.stage import ARGUMENTS, FAILURES, FIRST, TOOL
from tests.clients.lab.table import CASES, CLIENTS, ERRORS, MODES, Client, Own
from tests.provider import Arrived

KEYS = dict.fromkeys(judge.CREDENTIALS, "key-of-the-vault-0123456789")
SECRETS = {"token": "mv-made-up-token-0123456789", "dummy": "sk-facade-0123456789abcdef"}
BODY = "five megabytes, in a way"
CLIENT = Client("some", "some", "Python", "none.py", "openai", "OPENAI_API_KEY", errors=("A", "B", "C"))


def arrived(prompt: str, *headers: tuple[str, str], tool: bool = False) -> Arrived:
    body = f'{{"messages":[{{"role":"user","content":"{prompt}"}}]{TOOL if tool else ""}}}'
    credential = headers or (("Authorization", f"Bearer {KEYS['openai']}"),)
    return Arrived("POST", "/v1/chat/completions", "/v1/chat/completions", "", list(credential), body.encode())


def evidence(case: str) -> Evidence:
    """A case in which all is right."""
    mark = Mark("some", "proxy", case)
    numbers = [replace(mark, number=number) for number in (1, 2, 3)]
    said = {
        "async": {"texts": [number.answer for number in numbers]},
        "tools": {"tool": TOOL, "arguments": ARGUMENTS},
        "cancel": {"text": FIRST},
        "sse": {"text": mark.answer, "pieces": 3},
        **{status: {"status": int(status), "kind": kind, "error": f"oh: {FAILURES[status]}"}
           for status, kind in zip(ERRORS, "ABC", strict=True)},
    }.get(case, {"text": mark.answer})  # fmt: skip
    prompts = [str(number) for number in numbers] if case == "async" else [str(mark)]
    if case == "body":
        prompts = [f"{mark}\\n{BODY}"]
    arrivals = [arrived(prompt, tool=case == "tools") for prompt in prompts]
    return Evidence(said, arrivals, True, KEYS, SECRETS, BODY)


def problems(case: str, found: Evidence) -> list[str]:
    return judge.problems(CLIENT, Mark("some", "proxy", case), found)


@pytest.mark.parametrize("case", CASES)
def test_what_is_right(case: str) -> None:
    assert problems(case, evidence(case)) == []


@pytest.mark.parametrize("case", CASES)
def test_what_the_client_did_not_see(case: str) -> None:
    wrong = {"kind": "ConnectError", "status": None, "error": "no way"}
    assert problems(case, replace(evidence(case), said=wrong))


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("wrong", [{"kind": "Exception"}, {"error": "Bad Gateway"}, {"status": 502}])
def test_another_error(case: str, wrong: dict[str, object]) -> None:
    right = evidence(case)
    assert len(problems(case, replace(right, said={**right.said, **wrong}))) == 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("headers", [
    [("Authorization", f"Bearer {SECRETS['token']}")],
    [("Authorization", f"Bearer {KEYS['openai']}"), ("Authorization", f"Bearer {KEYS['openai']}")],
    [("Authorization", f"Bearer {KEYS['openai']}"), ("X-Api-Key", "something")],
    [("X-Api-Key", KEYS["openai"])],
    [("Authorization", f"Bearer {KEYS['openai']}"), ("X-Other", SECRETS["dummy"])],
])  # fmt: skip
def test_other_credentials_at_the_provider(case: str, headers: list[tuple[str, str]]) -> None:
    right = evidence(case)
    assert problems(case, replace(right, arrivals=[replace(it, headers=headers) for it in right.arrivals]))


@pytest.mark.parametrize("case", CASES)
def test_other_requests_at_the_provider(case: str) -> None:
    right = evidence(case)
    assert problems(case, replace(right, arrivals=right.arrivals[1:]))
    assert problems(case, replace(right, arrivals=[*right.arrivals, right.arrivals[0]]))


def test_what_is_special_to_a_case() -> None:
    for case, wrong in {
        "sse": {"said": {**evidence("sse").said, "pieces": 1}},
        "cancel": {"left": False},
        "body": {"body": BODY + "."},
        "tools": {"arrivals": evidence("json").arrivals},
        "json": {"said": {"text": Mark("other", "proxy", "json").answer}},
    }.items():
        assert problems(case, replace(evidence(case), **wrong)), case


def test_a_case_that_fails_for_the_clients_own_reasons() -> None:
    client = replace(CLIENT, own={("proxy", "json"): Own("It looks away.", "Tell it to look.")})
    assert Result(client, "proxy", cases={"json": ["something"]}).wrong() == []
    assert "works" in Result(client, "proxy", cases={"json": []}).wrong()[0]
    assert Result(client, "base", cases={"json": ["something"]}).wrong() == ["json: something"]


def test_the_table() -> None:
    specs = catalogue.load((page.ROOT / "config" / "providers.yaml").read_text()).specs
    known = {name for spec in specs for name in (*spec.env, *spec.base_url_env)}
    for client in CLIENTS:
        assert (DRIVERS / client.driver).exists()
        assert {client.key, client.base_url or client.key} <= known
        assert bool(client.base_url) != bool(client.path)
        assert set(client.without) <= set(CASES) and client.provider in judge.CREDENTIALS
    assert len({client.id for client in CLIENTS}) == len(CLIENTS)


def test_what_the_machine_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(runtimes.CACHE, str(tmp_path))
    monkeypatch.setattr(runtimes.shutil, "which", lambda name: "/bin/node" if name == "node" else None)
    _, missing = runtimes.find(tmp_path)
    assert set(missing) == {client.id for client in CLIENTS if client.language != "Python"}
    assert missing["java"] == "there is no java on this machine: install it first"
    assert "npm" in missing["node-openai"] and "no wget" in missing["wget"]


ROWS = page.rows_of((page.ROOT / page.PAGE).read_text())


def test_the_page_has_a_row_for_each_client_and_mode() -> None:
    """If it has not: scripts/clients writes it anew."""
    assert [(row[0], row[2]) for row in ROWS] == [(page.name_of(it), mode) for it in CLIENTS for mode in MODES.values()]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}, {row[2]}" for row in ROWS])
def test_the_pages_cells_are_as_the_table_says(row: list[str]) -> None:
    (client,) = [client for client in CLIENTS if page.name_of(client) == row[0]]
    mode = next(mode for mode, name in MODES.items() if name == row[2])
    assert row[1] and row[-1] and len(row) == 4 + len(CASES)
    for case, cell in zip(CASES, row[3:-1], strict=True):
        if case in client.without:
            assert cell == NOTHING
        else:
            assert cell.startswith(FAILS if (mode, case) in client.own else WORKS)
            assert ("<sup>" in cell) == ((mode, case) in client.own | client.helped)
