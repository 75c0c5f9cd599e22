"""A provider that speaks HTTP/2 only, over TLS: what the wire ring writes there is read by the h2 library."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

ANSWER = b'{"object":"list","data":[]}'


class H2Provider:
    """Use as a context manager. `requests` holds the header lists that arrived; `statuses` are used up, then all is 200."""

    def __init__(self, cert: str, private: str) -> None:
        self.requests: list[list[tuple[str, str]]] = []
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.connections = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, private)
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> H2Provider:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._greet, args=(plain,), daemon=True).start()

    def _greet(self, plain: socket.socket) -> None:
        with suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as sock:
            self._serve(sock)

    def _serve(self, sock: ssl.SSLSocket) -> None:
        machine = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        machine.initiate_connection()
        sock.sendall(machine.data_to_send())
        while data := sock.recv(65536):
            for event in machine.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.requests.append(list(event.headers or []))
                    self.bodies.append(b"")
                elif isinstance(event, DataReceived):
                    self.bodies[-1] += event.data or b""
                    machine.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
                elif isinstance(event, StreamEnded) and event.stream_id:
                    status = self.statuses.pop(0) if self.statuses else 200
                    head = [(":status", str(status)), ("content-type", "application/json")]
                    machine.send_headers(event.stream_id, head)
                    machine.send_data(event.stream_id, ANSWER, end_stream=True)
            sock.sendall(machine.data_to_send())
