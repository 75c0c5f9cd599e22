"""Somebody else's server, with a certificate of somebody else's authority: what a client behind us may meet."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME = "other.example"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"


@dataclass(frozen=True)
class Authority:
    """PEM files: `ca` is what a client must trust; `cert` and `private` are the server's."""

    ca: Path
    cert: Path
    private: Path

    def client(self, *alpn: str) -> ssl.SSLContext:
        """A client that trusts this authority alone."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    @property
    def der(self) -> bytes:
        """The server's certificate as it travels."""
        return ssl.PEM_cert_to_DER_cert(self.cert.read_text())


def make_authority(folder: Path, *addresses: str) -> Authority:
    """An authority and a certificate for NAME and these addresses, made by the openssl program."""
    made = Authority(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    ca_key, names = folder / "ca-key.pem", [f"DNS:{NAME}", *(f"IP:{address}" for address in addresses)]
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    ours = [
        "-subj",
        "/CN=Other Authority",
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-keyout",
        ca_key,
        "-out",
        made.ca,
    ]
    leaf = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=CA:FALSE",
            "-CA", made.ca, "-CAkey", ca_key, "-keyout", made.private, "-out", made.cert]  # fmt: skip
    for rest in (ours, leaf):
        subprocess.run([*new, *map(str, rest)], check=True, capture_output=True)
    return made


class ForeignServer:
    """Use as a context manager. Over TLS it answers each request head with ANSWER.

    Without an authority it speaks no TLS: after `expects` bytes it sends `reply`, and reads on until the client ends.
    """

    def __init__(self, authority: Authority | None, address: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if authority else None
        if self._context and authority:
            self._context.load_cert_chain(authority.cert, authority.private)
        self._thread = threading.Thread(target=self._accept, name="foreign server", daemon=True)
        self.port = int(self._listener.getsockname()[1])
        self.connections, self.received = 0, b""
        self.expects, self.reply, self.ended = 0, b"", threading.Event()

    def __enter__(self) -> ForeignServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
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
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError):
            if self._context is None:
                self._answer_once(plain)
                return
            with self._context.wrap_socket(plain, server_side=True) as sock:
                while data := sock.recv(65536):
                    self.received += data
                    if self.received.endswith(b"\r\n\r\n"):
                        sock.sendall(ANSWER)

    def _answer_once(self, sock: socket.socket) -> None:
        got, reply = bytearray(), self.reply
        while data := sock.recv(1 << 20):
            got += data
            if reply and len(got) >= self.expects:
                sock.sendall(reply)
                reply = b""
        self.received = bytes(got)
        self.ended.set()
