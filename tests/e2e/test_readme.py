"""The README's examples, run as they stand; only the port, the home and the way to start are this machine's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider import FakeProvider
from tests.serving import Serving

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parent.parent.parent
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("readme") / "home") as running:
        yield running.ready()


def shell(serving: Serving, script: str, cwd: Path, **environ: str) -> str:
    """Run a block of the README against this proxy."""
    python = shlex.quote(sys.executable)
    command = f"{python} -m mitmvault"
    script = script.replace("http://127.0.0.1:8080", serving.url).replace("~/.mitmvault", str(serving.home))
    script = script.replace(".venv/bin/mitmvault", command).replace("python your_program.py", f"{python} program.py")
    environ = {
        "TOKEN": serving.fact("user token"),
        "MITMVAULT_HOME": str(serving.home),
        "PYTHONPATH": str(ROOT / "addons"),
    } | environ
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_five_lines_that_work(serving: Serving, tmp_path: Path) -> None:
    lines = BLOCKS[0].splitlines(keepends=True)
    assert lines[0].startswith("scripts/serve ")  # done by the fixture
    out = shell(serving, "".join(lines[1:]), tmp_path)
    assert out.count("data: ") > 10 and "data: [DONE]" in out and '"object":"list"' in out.replace(" ", "")


PROGRAM = """
import os, urllib.request
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/models")
request.add_header("Authorization", "Bearer " + os.environ["OPENAI_API_KEY"])
print(urllib.request.urlopen(request).status)
"""


def test_a_real_key(serving: Serving, tmp_path: Path) -> None:
    """The vault is edited between the two commands, as the comment says, with the endpoint on loopback."""
    lines = BLOCKS[1].splitlines()
    with FakeProvider() as provider:
        entry = {"endpoint": f"{provider.url}/v1", "keys": [{"key": "sk-readme-key-000000000001"}]}
        edit = (
            "import json; d = json.load(open('ai.json')); "
            f"d['providers']['openai'] = {entry!r}; json.dump(d, open('ai.json', 'w'))"
        )
        (tmp_path / "program.py").write_text(PROGRAM)
        script = "\n".join([lines[0], f"{shlex.quote(sys.executable)} -c {shlex.quote(edit)}", *lines[1:]])
        assert shell(serving, script, tmp_path).strip().endswith("200")
        assert provider.wait_for(1)[0].headers_named("authorization") == ["Bearer sk-readme-key-000000000001"]
    assert not (tmp_path / "ai.json").exists()


UNCHANGED = """
import os, urllib.request
request = urllib.request.Request("https://demo.mitmvault.test/v1/models")
request.add_header("Authorization", "Bearer " + os.environ.get("OPENAI_API_KEY", "none"))
print(urllib.request.urlopen(request).status)
"""


def test_a_program_unchanged(serving: Serving, tmp_path: Path) -> None:
    """Under `run`, and then in a shell after `env`."""
    (tmp_path / "program.py").write_text(UNCHANGED)
    again = f"{shlex.quote(sys.executable)} program.py"
    assert shell(serving, f"{BLOCKS[2]}\n{again}", tmp_path).split() == ["200", "200"]


def test_the_vault_over_http(serving: Serving, tmp_path: Path) -> None:
    before = (serving.home / "ai.json.enc").read_bytes()
    assert shell(serving, BLOCKS[3], tmp_path) == '{"ok":true,"message":"Vault updated"}'
    after = (tmp_path / "ai.json.enc").read_bytes()
    assert (serving.home / "ai.json.enc").read_bytes() == after != before
    assert not (tmp_path / "ai.json").exists()


def test_the_working_commands_exist() -> None:
    for line in BLOCKS[4].splitlines():
        assert os.access(ROOT / line.split()[0], os.X_OK)
