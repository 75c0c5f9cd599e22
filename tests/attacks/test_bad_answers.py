"""P10, P11: a provider's answers that are no HTTP, or hide what it received where nobody looks."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.attacks.conftest import Attacked
from tests.attacks.tools import Evil, head
from tests.client import raw
from tests.proxy import KEY, RunningProxy

pytestmark = pytest.mark.e2e
ANSWERS = [
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b",
    b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;%b\r\nx\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n%b\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/?%b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 %b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 %b\r\nContent-Length: 0\r\n\r\n",
    b"%b\r\n\r\n",
    b"HTTP/1.1 %b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n%k : x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\nBad : x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n%k: x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n%k\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n",
]


class TestEcho(Attacked):
    leaks = True

    @pytest.mark.parametrize("form", ANSWERS)
    def test_of_what_was_sent(self, proxy: RunningProxy, wire: Evil, form: bytes) -> None:
        """The key, in every place of an answer: neither the client nor an observer gets it."""
        echo = f"Authorization: Bearer {KEY}".encode()
        wire.reply = form.replace(b"%d", str(len(echo)).encode()).replace(b"%b", echo).replace(b"%k", KEY.encode())
        flows, lines, ended = len(proxy.recorder.states), len(proxy.recorder.handler.lines), proxy.recorder.ended
        with raw(proxy) as client:
            client.sock.settimeout(1)
            with suppress(TimeoutError):
                client.send(
                    head("GET /mistral/v1/models HTTP/1.1", "Connection: close", host=f"127.0.0.1:{proxy.port}")
                ).to_end()
        assert KEY.encode() not in client.received
        proxy.recorder.wait_ended(ended + 1)
        del proxy.recorder.states[:flows]
        assert KEY.encode() not in proxy.recorder.dump()
        assert KEY not in "\n".join(proxy.recorder.handler.lines[lines:])

    def test_trailers(self, proxy: RunningProxy, wire: Evil) -> None:
        wire.reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"
        with raw(proxy) as client:
            client.sock.settimeout(1)
            client.send(head("GET /mistral/v1/models HTTP/1.1", "Connection: close", host=f"127.0.0.1:{proxy.port}"))
            assert client.to_end().endswith(b"1\r\nx\r\n0\r\n\r\n")
        assert "crashed" not in proxy.recorder.log_text()

    def test_bytes_after_the_answer(self, proxy: RunningProxy, wire: Evil) -> None:
        """They belong to nobody; mitmproxy would quote them in its log."""
        wire.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokyou sent " + KEY.encode()
        lines = len(proxy.recorder.handler.lines)
        with raw(proxy) as client:
            for _ in range(2):  # when the second is answered, the first has been logged
                client.received = b""
                client.send(head("GET /mistral/v1/models HTTP/1.1", host=f"127.0.0.1:{proxy.port}")).until(b"ok")
        said = "\n".join(proxy.recorder.handler.lines[lines:])
        assert KEY not in said and "you sent" not in said and "data from server" in said
