"""Asks the running proxy of a home. (core/records/control.py: what; home/control_socket.py: where)"""

from __future__ import annotations

import socket
from typing import Any

from mitmvault.core.records import control
from mitmvault.core.records.control import MAX_ANSWER, ControlError
from mitmvault.home import state
from mitmvault.home.layout import Home

TIMEOUT = 5.0  # seconds, of each step


def ask(home: Home, name: str, **words: str) -> Any:
    """The answer to a question of the table. Raises ControlError: no proxy, or what it says instead."""
    found = state.running(home)
    if found is None:
        raise ControlError(f"no proxy of {home.path} runs: start one with mitmvault serve")
    if found.control is None:
        raise ControlError(f"the proxy of {home.path} answers no questions: its log says why")
    try:
        line = _exchange(found.control, control.question(name, words))
    except TimeoutError:
        raise ControlError(f"the proxy of {home.path} did not answer within {TIMEOUT:.0f} s") from None
    except OSError as error:
        text = f"the proxy of {home.path} cannot be asked at {found.control}: {error.strerror or error}"
        raise ControlError(text) from None
    return control.read_answer(line)


def _exchange(path: str, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
        connection.sendall(question)
        with connection.makefile("rb") as answer:
            line = answer.readline(MAX_ANSWER + 1)
    if not line.endswith(b"\n"):
        raise ControlError("the proxy's answer is not complete")
    return line
