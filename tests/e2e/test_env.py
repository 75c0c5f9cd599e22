"""`mitmvault env` in the shells that people have: programs of the shell go through the proxy, and afterwards no more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.leaks import canary, leaks
from tests.provider import FakeProvider
from tests.proxy import TIMEOUT
from tests.serving import ADDONS, Serving

pytestmark = pytest.mark.e2e

TOKEN, CRYPTOKEN, KEY, OWN_KEY = canary("mv-"), canary("pw-"), canary("sk-"), canary("sk-proj-")
ENV = f"{sys.executable} -m mitmvault env"
ASK = 'curl -sf https://api.openai.com/v1/models -H "Authorization: Bearer $OPENAI_API_KEY" -o answer.json'
SHOW = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
SHELLS = {
    "bash": ("bash", f'eval "$({ENV} --shell bash)"; {ASK}; {SHOW}; eval "$({ENV} --shell bash --unset)"; {SHOW}'),
    "zsh": ("zsh", f'eval "$({ENV} --shell zsh)"; {ASK}; {SHOW}; eval "$({ENV} --shell zsh --unset)"; {SHOW}'),
    "fish": ("fish", f"{ENV} --shell fish | source; {ASK}; {SHOW}; {ENV} --shell fish --unset | source; {SHOW}"),
    "powershell": ("pwsh", f"{ENV} --shell powershell | Out-String | Invoke-Expression; "
                           f"{ASK.replace('$OPENAI', '$env:OPENAI')}; {SHOW}; "
                           f"{ENV} --shell powershell --unset | Out-String | Invoke-Expression; {SHOW}"),
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    path = tmp_path_factory.mktemp("person") / "home"
    path.mkdir(mode=0o700)
    entry = {"endpoint": f"{provider_of_module.url}/v1", "keys": [{"key": KEY}]}
    store.save_vault_document(Home(path), {"providers": {"openai": entry}}, Secret(CRYPTOKEN))
    store.save_users_document(Home(path), {"alice": {"key": TOKEN}})
    with Serving(path, environ={"AI_JSON_CRYPTOKEN": CRYPTOKEN}) as running:
        yield running.ready()


SET_BY_SHELLS = ("_", "SHLVL", "PWD", "OLDPWD", "LC_CTYPE", "USER", "LOGNAME")


def person(serving: Serving, cwd: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": str(ADDONS), "LANG": "C.UTF-8",
            "MITMVAULT_HOME": str(serving.home), "OPENAI_API_KEY": OWN_KEY, "NO_PROXY": ".corp.example",
            "AI_JSON_CRYPTOKEN": CRYPTOKEN}  # fmt: skip


def here(environ: dict[str, str]) -> dict[str, str]:
    """Without what shells set by themselves."""
    return {name: value for name, value in environ.items() if name not in SET_BY_SHELLS}


@pytest.mark.parametrize("name", SHELLS)
def test_in_and_out_again(serving: Serving, provider: FakeProvider, tmp_path: Path, name: str) -> None:
    program, script = SHELLS[name]
    shutil.which(program) or pytest.skip(f"there is no {program} on this machine")
    before = person(serving, tmp_path)
    done = subprocess.run([program, "-c", script], cwd=tmp_path, env=before, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    inside, after = map(json.loads, done.stdout.splitlines())
    assert json.loads((tmp_path / "answer.json").read_text())["data"]
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
    assert leaks({"key": KEY, "own key": OWN_KEY, "crypto token": CRYPTOKEN}, json.dumps(inside).encode()) == []
    assert inside["NO_PROXY"].endswith(",.corp.example")
    gone = {"OPENAI_API_KEY", "AI_JSON_CRYPTOKEN"}  # keys are not put back
    assert here(after) == {name: value for name, value in before.items() if name not in gone}


def test_docker_and_dotenv_files(serving: Serving, provider: FakeProvider, tmp_path: Path) -> None:
    """Docker takes lines as they are; what it would hand to a container is enough for a program."""
    command = [sys.executable, "-m", "mitmvault", "env", "--shell"]
    for shell in ("docker", "dotenv"):
        out = subprocess.run(
            [*command, shell], env=person(serving, tmp_path), capture_output=True, text=True, timeout=TIMEOUT
        )
        lines = [line for line in out.stdout.splitlines() if not line.startswith("#")]
        pairs = dict(line.split("=", 1) for line in lines)
        if shell == "dotenv":
            pairs = {name: value.strip("'") for name, value in pairs.items()}
        ask = ASK.replace("curl", shutil.which("curl") or "curl")
        environ = {"PATH": os.environ["PATH"]} | pairs
        assert subprocess.run(["sh", "-c", ask], cwd=tmp_path, env=environ, timeout=TIMEOUT).returncode == 0
    assert [arrived.headers_named("authorization") for arrived in provider.wait_for(2)] == [[f"Bearer {KEY}"]] * 2
