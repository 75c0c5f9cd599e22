"""What the lab runs in: a provider, a home, `mitmvault serve` as a process, and the environments that it gives."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests.clients.lab.judge import CREDENTIALS
from tests.clients.lab.stage import Stage
from tests.leaks import canary, leaks
from tests.provider import FakeProvider
from tests.serving import ADDONS, Serving

PATHS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "groq": "/openai/v1", "mistral": "/v1", "cohere": ""}
BODY_BYTES = 5_000_000
# What a program may want of the machine beside what mitmvault sets.
MACHINE = ("PATH", "LANG", "TMPDIR")


class World:
    """Use as a context manager. `place` is an empty folder; `runtimes` say what a language's drivers are run by."""

    def __init__(self, place: Path, provider: FakeProvider, runtimes: Mapping[str, str]) -> None:
        self.place = place
        self.provider = provider
        self.runtimes = runtimes
        self.stage = Stage(provider)
        self.token, self._password = canary("mv-"), canary("pw-")
        self.keys = {name: canary("key-") for name in CREDENTIALS}
        self.body = _five_megabytes()
        self.body_file = place / "body.txt"
        self._stack = ExitStack()

    def __enter__(self) -> World:
        self.body_file.write_text(self.body, "utf-8")
        home = self.place / "home"
        home.mkdir(mode=0o700)
        providers = {
            name: {"endpoint": self.provider.url + path, "keys": [{"key": self.keys[name]}]}
            for name, path in PATHS.items()
        }
        store.save_vault_document(Home(home), {"providers": providers}, Secret(self._password))
        store.save_users_document(Home(home), {"lab": {"key": self.token}})
        self.serving = self._stack.enter_context(Serving(home, environ={"AI_JSON_CRYPTOKEN": self._password}))
        self._banner = len(self.serving.ready().out)  # it may show the token
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def machine(self) -> dict[str, str]:
        """The environment of somebody who has set nothing up."""
        kept = {name: os.environ[name] for name in MACHINE if name in os.environ}
        return kept | {"HOME": str(self.place)}

    @property
    def secrets(self) -> dict[str, str]:
        """What must not reach a provider: the token, and the dummies that stand for keys."""
        dummies = {f"dummy {name}": value for name, value in self.proxied.items() if name.endswith("_API_KEY")}
        return {"the user token": self.token, "the password": self._password} | dummies

    def leaked(self) -> list[str]:
        """What of the keys, the token and the password is in the proxy's output."""
        secrets = {f"key of {name}": key for name, key in self.keys.items()} | self.secrets
        return leaks(secrets, bytes(self.serving.out[self._banner :] + self.serving.err))

    @cached_property
    def proxied(self) -> dict[str, str]:
        """What `mitmvault env` sets."""
        return self._env()

    @cached_property
    def proxied_with_token(self) -> dict[str, str]:
        """The same for programs that cannot send proxy credentials."""
        return self._env("--token-as-key")

    @cached_property
    def based(self) -> dict[str, str]:
        """The same with base URLs."""
        return self._env("--base-url")

    def run(self, command: list[str]) -> list[str]:
        """The command as `mitmvault run` starts it."""
        return [*self._mitmvault("run"), "--quiet", "--", *command]

    def _env(self, *options: str) -> dict[str, str]:
        command = [*self._mitmvault("env"), "--shell", "json", *options]
        done = subprocess.run(command, env=self.own, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)["set"]

    @property
    def own(self) -> dict[str, str]:
        """The environment in which mitmvault's commands run."""
        return self.machine | {"PYTHONPATH": str(ADDONS)}

    def _mitmvault(self, command: str) -> list[str]:
        return [sys.executable, "-m", "mitmvault", command, "--home", str(self.serving.home)]


def _five_megabytes() -> str:
    """Text with what JSON escapes and what is not ASCII; the same in every run."""
    letters = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 "\\/<&\t\n éß€漢🏓'
    text = "".join(random.Random(5).choices(letters, k=BODY_BYTES))
    return text.encode()[:BODY_BYTES].decode(errors="ignore")
