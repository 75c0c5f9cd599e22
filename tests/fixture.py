"""The fixtures of tests/fixtures/providers: one file a provider, with real requests to it and answers in its shape.

    provider    its name in config/providers.yaml
    host        where programs that use HTTPS_PROXY send its requests; null: nowhere, it has no host of its own
    vault       what the vault must say beside the keys
    answers     where the shape of the answers is documented; texts, ids and numbers in them are made up
    exchanges   name -> one request and its answer
      client    how the request was made: a script of tests/clients and its environment (tests/capture.py)
      made_by   the SDK and its version
      request   what the SDK sent: written by tests/capture.py, all else by hand
      arrives   what must reach the provider (`direct`), or its place at Cloudflare AI Gateway (`gateway`): URL,
                credential, and the model that is sent
      answer    type and body (or base64), and `usage`: the tokens that it states

`KEY` stands for the credential, `HOST` for the address. What changes from run to run, or tells of the machine, is left
out of the requests.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "fixtures" / "providers"
KEY, HOST = "KEY", "HOST"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    identifier: str
    name: str
    provider: str
    host: str | None
    vault: dict[str, Any]
    data: dict[str, Any]

    @property
    def label(self) -> str:
        """For people: `groq chat`."""
        return f"{self.identifier} {self.name}"

    @property
    def target(self) -> str:
        """The provider's own path, with its query."""
        return self.data["request"]["target"]

    def headers(self, credential: str) -> list[tuple[str, str]]:
        """The request's headers with this credential."""
        return [(name, value.replace(KEY, credential)) for name, value in self.data["request"]["headers"]]

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.data["request"]["body"].encode()

    @property
    def answer(self) -> bytes:
        """The answer's body."""
        found = self.data["answer"]
        return base64.b64decode(found["base64"]) if "base64" in found else found["body"].encode()


def read(path: Path) -> list[Exchange]:
    """The exchanges of one file."""
    whole = json.loads(path.read_text("utf-8"))
    return [
        Exchange(path.stem, name, whole["provider"], whole["host"], whole["vault"], data)
        for name, data in whole["exchanges"].items()
    ]


def everything() -> list[Exchange]:
    """All exchanges of all files."""
    return [exchange for path in sorted(FOLDER.glob("*.json")) for exchange in read(path)]
