"""What ties a request to its case: a mark at the start of the prompt, such as `lab:requests:proxy:async:2`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(rb"lab:([a-z0-9-]+):(base|proxy):([a-z0-9]+)(?::(\d))?")


@dataclass(frozen=True)
class Mark:
    """Client, mode and case; and which request of the case, where it makes several at once."""

    client: str
    mode: str
    case: str
    number: int = 0

    @classmethod
    def find(cls, body: bytes) -> Mark | None:
        """The mark in a request's body."""
        found = _MARK.search(body)
        if found is None:
            return None
        client, mode, case, number = (part.decode() if part else "" for part in found.groups())
        return cls(client, mode, case, int(number or 0))

    def __str__(self) -> str:
        return f"lab:{self.client}:{self.mode}:{self.case}" + (f":{self.number}" if self.number else "")

    @property
    def answer(self) -> str:
        """What the provider answers to it: no other request gets the same, and not all of it is ASCII."""
        return f"Pong 🏓 to {self}"
