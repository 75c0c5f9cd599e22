"""`mitmvault run` as a person types it: old programs, unchanged, with their hard-coded https://api.openai.com.

The provider must get the vault's key and nothing of the token, the program its answer; what the program can see of its
environment holds no secret but its user token. (SECURITY P23)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mitmvault.core.configuration.dummy_keys import dummy, is_dummy
from mitmvault.core.secret import Secret
from mitmvault.home import running, store
from mitmvault.home.layout import Home
from tests import sdk
from tests.leaks import arrival, canary, leaks
from tests.provider import FakeProvider
from tests.serving import ADDONS, Program, Serving, eventually

pytestmark = pytest.mark.e2e

LEGACY = Path(__file__).parent.parent / "clients" / "legacy"
TOKEN, CRYPTOKEN, KEY = canary("mv-"), canary("pw-"), canary("sk-")
# What the person has in the shell; none of it may reach a program.
SECRETS = {
    "OPENAI_API_KEY": canary("sk-proj-"),
    "MISTRAL_API_KEY": canary("mi"),
    "AI_JSON_CRYPTOKEN": CRYPTOKEN,
    "CF_AIG_TOKEN": canary("cf-"),
    "CLOUDFLARE_API_TOKEN": canary("cf-"),
    "ANTHROPIC_AUTH_TOKEN": canary("sk-ant-"),
    "LEGACY_APP_SECRET": canary("sk-proj-"),
}


@pytest.fixture(scope="module")
def home(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("person") / "a home"  # with a blank, as people have them
    path.mkdir(mode=0o700)
    entry = {"endpoint": f"{provider_of_module.url}/v1", "keys": [{"key": KEY}]}
    store.save_vault_document(Home(path), {"providers": {"openai": entry, "anthropic": entry}}, Secret(CRYPTOKEN))
    store.save_users_document(Home(path), {"alice": {"key": TOKEN}})
    return path


@pytest.fixture(scope="module")
def serving(home: Path) -> Iterator[Serving]:
    with Serving(home, environ={"AI_JSON_CRYPTOKEN": CRYPTOKEN}) as running:
        yield running.ready()


def run(home: Path, *arguments: str | Path) -> Program:
    command = (sys.executable, "-m", "mitmvault", "run", "--home", home, *arguments)
    return Program(*command, environ={"PYTHONPATH": str(ADDONS)} | SECRETS, cwd=home.parent)


def clients_python() -> str:
    sdk.require()
    return os.environ[sdk.VARIABLE]


def runtime(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"there is no {name} on this machine")


def curl() -> list[str]:
    body = '{"model":"gpt-4o","messages":[{"role":"user","content":"ping"}]}'
    script = 'curl -s https://api.openai.com/v1/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" ' \
             f"-H 'Content-Type: application/json' -d '{body}' | grep -o pong"  # fmt: skip
    return ["sh", "-c", script]


PROGRAMS = {
    "urllib": lambda: [sys.executable, LEGACY / "with_urllib.py"],
    "requests": lambda: [clients_python(), LEGACY / "with_requests.py"],
    "openai": lambda: [clients_python(), LEGACY / "with_openai.py"],
    "curl": curl,
    "node https": lambda: [runtime("node"), LEGACY / "with_https.mjs"],
    "node https, an agent of its own": lambda: [runtime("node"), LEGACY / "with_agent.cjs"],
    "node fetch": lambda: [runtime("node"), LEGACY / "with_fetch.mjs"],
    "java HttpClient": lambda: [runtime("java"), LEGACY / "WithHttpClient.java"],
    "java HttpURLConnection": lambda: [runtime("java"), LEGACY / "WithUrlConnection.java"],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_old_program_works_unchanged(serving: Serving, provider: FakeProvider, name: str) -> None:
    with run(serving.home, "--", *PROGRAMS[name]()) as program:
        code = program.exit(60)
    assert (code, program.stdout.strip()) == (0, "pong"), program.stderr
    (arrived,) = provider.wait_for(1)
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]
    assert leaks({"token": TOKEN} | SECRETS, arrival(arrived)) == []


@pytest.mark.parametrize("name", ["urllib", "curl", "node https", "node fetch"])
def test_credentials_of_nobody_reach_nothing(serving: Serving, provider: FakeProvider, name: str) -> None:
    """A dummy key alone is worth nothing: it is the tunnel's credentials that vouch."""
    address = f"http://x:mv-nobody-has-this-token@{serving.address}"
    spoilt = ["env", f"HTTPS_PROXY={address}", f"https_proxy={address}"]
    with run(serving.home, "--", *spoilt, *PROGRAMS[name]()) as program:
        assert program.exit() != 0
    assert "pong" not in program.stdout and provider.arrivals == []


@pytest.mark.parametrize("name", ["urllib", "openai"])
def test_base_urls(serving: Serving, provider: FakeProvider, name: str) -> None:
    """The SDK goes to our address, with the token as its key; a program without one still goes through the tunnel."""
    with run(serving.home, "--base-url", "--", *PROGRAMS[name]()) as program:
        assert (program.exit(), program.stdout.strip()) == (0, "pong"), program.stderr
    (arrived,) = provider.wait_for(1)
    assert arrived.headers_named("authorization") == [f"Bearer {KEY}"]
    said = serving.wait_for(r"alice → openai.*").string
    assert "unknown_token" not in said


PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.mark.parametrize("options", [[], ["--base-url"]], ids=["proxy", "base url"])
def test_no_secret_in_the_environment_but_the_token(serving: Serving, options: list[str]) -> None:
    with run(serving.home, *options, "--", sys.executable, "-c", PRINT) as program:
        assert program.exit() == 0, program.stderr
    seen = json.loads(program.stdout)
    secrets = SECRETS | {"key": KEY} | ({} if options else {"token": TOKEN})
    whole = json.dumps(
        {name: value for name, value in seen.items() if not (name == "MITMVAULT_TOKEN" or "proxy" in name.lower())}
    )
    assert leaks(secrets, whole.encode()) == []
    assert leaks(SECRETS | {"key": KEY}, program.stdout.encode()) == []
    assert (TOKEN in seen["LEGACY_APP_SECRET"]) if options else is_dummy(seen["LEGACY_APP_SECRET"])
    assert seen["OPENAI_API_KEY"] == (TOKEN if options else dummy("sk-{48}", "alice"))
    assert seen["MISTRAL_API_KEY"] != SECRETS["MISTRAL_API_KEY"] and is_dummy(seen["MISTRAL_API_KEY"])
    assert set(seen) & {"AI_JSON_CRYPTOKEN", "CF_AIG_TOKEN", "ANTHROPIC_AUTH_TOKEN"} == set()
    assert "GROQ_API_KEY" not in seen  # the vault has no key for it


def test_nothing_stays_between_when_a_proxy_runs(serving: Serving) -> None:
    with run(serving.home, "--quiet", "--", sys.executable, "-c", "import os; print(os.getpid())") as program:
        assert program.exit() == 0
        assert int(program.stdout) == program.process.pid
        assert program.stderr.count("\n") == 1 and "--keep LEGACY_APP_SECRET" in program.stderr


def test_the_crypto_token_is_the_running_proxys_own_affair(serving: Serving) -> None:
    """Who serves has it in the environment of that terminal; who runs programs in another one has not."""
    command = (sys.executable, "-m", "mitmvault", "run", "--home", serving.home, "--", "true")
    with Program(*command, environ={"PYTHONPATH": str(ADDONS)}, cwd=serving.home.parent) as program:
        assert program.exit() == 0, program.stderr


@pytest.mark.parametrize("running_proxy", [True, False], ids=["exec", "supervised"])
@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 7", 7), ("kill -TERM $$", 128 + signal.SIGTERM), ("kill -KILL $$", 128 + signal.SIGKILL)],
)
def test_exit_codes(
    request: pytest.FixtureRequest, home_alone: Path, running_proxy: bool, script: str, code: int
) -> None:
    place = request.getfixturevalue("serving").home if running_proxy else home_alone
    with run(place, "--", "sh", "-c", script) as program:
        ended = program.exit()
    assert ended == (128 - code if running_proxy and code > 128 else code)  # exec: the signal itself, as Popen tells it


@pytest.fixture
def home_alone(home: Path, tmp_path: Path) -> Path:
    """The same home, in which no proxy runs."""
    return Path(shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("state.json", "run")))


WAIT = """
import os, signal, sys
def end(number, frame):
    os.write(1, b"got\\n")  # print could be interrupted by itself
    sys.exit(40 + number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, end)
os.write(1, b"waiting\\n")
while True:
    signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_the_programs(home_alone: Path, number: int) -> None:
    with run(home_alone, "--", sys.executable, "-c", WAIT) as program:
        program.wait_for("waiting")
        assert program.end(number) == 40 + number
        assert program.stdout.count("got") == 1


def test_python_ignores_broken_pipes_but_the_program_does_not(home_alone: Path) -> None:
    with run(home_alone, "--", "sh", "-c", "yes | head -1; kill -PIPE $$") as program:
        assert program.exit() == 128 + signal.SIGPIPE
        assert program.stdout == "y\n"


def test_the_programs_own_proxy_ends_with_it(home_alone: Path, provider: FakeProvider) -> None:
    with run(home_alone, "--", "sh", "-c", f"{sys.executable} '{LEGACY / 'with_urllib.py'}'; read line") as program:
        url = program.wait_for(r"a proxy of its own at (\S+)$", stderr=True)[1]
        assert program.exit() == 1  # stdin is empty: `read` fails
    assert program.stdout.strip() == "pong"
    assert provider.wait_for(1)[0].headers_named("authorization") == [f"Bearer {KEY}"]
    assert eventually(lambda: running.ask(url, TOKEN) is None)
    assert not (home_alone / "state.json").exists()


def test_its_own_proxy_ends_even_when_we_are_killed(home_alone: Path) -> None:
    with run(home_alone, "--", sys.executable, "-c", WAIT) as program:
        url = program.wait_for(r"a proxy of its own at (\S+)$", stderr=True)[1]
        program.wait_for("waiting")
        left = int(re.findall(r"\d+", os.popen(f"ps -o pid= --ppid {program.process.pid}").read())[-1])
        program.process.kill()
        program.process.wait()
        assert eventually(lambda: running.ask(url, TOKEN) is None)
        os.kill(left, signal.SIGTERM)  # the program itself goes on without us


@pytest.mark.parametrize("running_proxy", [True, False], ids=["exec", "supervised"])
def test_a_command_that_is_not_there(request: pytest.FixtureRequest, home_alone: Path, running_proxy: bool) -> None:
    place = request.getfixturevalue("serving").home if running_proxy else home_alone
    with run(place, "--", "no-such-command-anywhere") as program:
        assert program.exit() == 127
    assert program.stderr == "mitmvault: there is no command no-such-command-anywhere\n"


def test_a_fresh_machine(tmp_path: Path) -> None:
    """No home yet: the demo provider answers, through a proxy of the program's own."""
    with run(tmp_path / "new", "--", "curl", "-sf", "https://demo.mitmvault.test/v1/models") as program:
        assert program.exit() == 0, program.stderr
    assert json.loads(program.stdout)["data"]
    assert (tmp_path / "new" / "users.json").exists()
