"""The running proxy is found by asking it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mitmvault.home import running, state
from mitmvault.home.layout import Home
from mitmvault.home.running import Running
from mitmvault.home.state import State

OK = b'{"status": "ok", "service": "mitmvault", "version": "1", "available_providers": ["openai"]}'
STRANGER = b'{"status": "ok", "service": "mitmvault", "version": "1"}'


class Answering(BaseHTTPRequestHandler):
    body = OK
    seen: list[tuple[str, str | None]]

    def do_GET(self):
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    handler = type("Handler", (Answering,), {"seen": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def url(server, host="127.0.0.1"):
    return f"http://{host}:{server.server_port}"


def test_found(tmp_path, server):
    home = Home(tmp_path)
    assert running.find(home, "mv-token") is None
    state.write(home, State(os.getpid(), url(server), None, 1.0))
    assert running.find(home, "mv-token") == Running(url(server), frozenset({"openai"}))
    assert server.RequestHandlerClass.seen == [("/health", "Bearer mv-token")]


def test_the_process_of_another(tmp_path, server):
    """The number lives on in another process, and at the address somebody else answers, or nobody."""
    home = Home(tmp_path)
    server.RequestHandlerClass.body = b"<html>hello</html>"
    state.write(home, State(os.getpid(), url(server), None, 1.0))
    assert running.find(home, "t") is None
    state.write(home, State(os.getpid(), "http://127.0.0.1:1", None, 1.0))
    assert running.find(home, "t") is None
    state.write(home, State(2**22 + 1, url(server), None, 1.0))
    assert running.find(home, "t") is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status": "ok"}', b'{"status": "ok", "service": "other"}'])
def test_others_are_not_ours(server, body):
    server.RequestHandlerClass.body = body
    assert running.ask(url(server), "t") is None


def test_a_token_that_it_does_not_know(server):
    server.RequestHandlerClass.body = STRANGER
    assert running.ask(url(server), "t") == Running(url(server), None)


def test_every_interface_is_asked_on_loopback(server):
    assert running.ask(url(server, "0.0.0.0"), "t") == Running(url(server), frozenset({"openai"}))
    assert running._reachable("http://[::]:80") == "http://[::1]:80"
