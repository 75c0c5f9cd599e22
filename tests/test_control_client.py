"""Asking the running proxy: what is said when there is none, or one that does not answer."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from mitmvault.core.records import control
from mitmvault.core.records.control import ControlError
from mitmvault.home import control_client, state
from mitmvault.home.layout import Home
from tests.test_state import dead


def announce(home: Home, path: str | None, pid: int = 0) -> None:
    state.write(home, state.State(pid or os.getpid(), "http://127.0.0.1:1", None, 1.0, path))


class Answering:
    """A socket that answers one question with these bytes, and closes."""

    def __init__(self, path: str, answer: bytes) -> None:
        self.heard = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, args=(answer,), daemon=True)
        self._thread.start()

    def _serve(self, answer: bytes) -> None:
        connection, _ = self._socket.accept()
        self.heard = connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    def end(self) -> bytes:
        self._thread.join(5)
        self._socket.close()
        return self.heard


def test_an_answer(tmp_path):
    home, path = Home(tmp_path), str(tmp_path / "s")
    announce(home, path)
    other = Answering(path, control.answer({"a": 1}))
    assert control_client.ask(home, "explain", flow="f") == {"a": 1}
    assert control.read_question(other.end()).words == {"flow": "f"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [(control.problem("no such flow"), "^no such flow$"), (b"x\n", "another version"), (b'{"answer":', "complete")],
)
def test_no_answer(tmp_path, answer, words):
    home, path = Home(tmp_path), str(tmp_path / "s")
    announce(home, path)
    other = Answering(path, answer)
    with pytest.raises(ControlError, match=words):
        control_client.ask(home, "status")
    other.end()


def test_no_proxy(tmp_path):
    home = Home(tmp_path)
    with pytest.raises(ControlError, match="mitmvault serve"):
        control_client.ask(home, "status")
    announce(home, str(tmp_path / "s"), dead())
    with pytest.raises(ControlError, match="mitmvault serve"):
        control_client.ask(home, "status")


def test_a_proxy_without_a_socket(tmp_path):
    home = Home(tmp_path)
    announce(home, None)
    with pytest.raises(ControlError, match="its log says why"):
        control_client.ask(home, "status")
    announce(home, str(tmp_path / "gone"))
    with pytest.raises(ControlError, match="No such file"):
        control_client.ask(home, "status")


def test_a_proxy_that_hangs(tmp_path, monkeypatch):
    home, path = Home(tmp_path), str(tmp_path / "s")
    announce(home, path)
    monkeypatch.setattr(control_client, "TIMEOUT", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        with pytest.raises(ControlError, match="did not answer"):
            control_client.ask(home, "status")
