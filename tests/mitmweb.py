"""Watches a running mitmweb as a person's browser does, and more often: every page again and again, and the WebSocket.

Everything that came back is kept once, headers included.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import wsproto
from wsproto import events

from tests.proxy import TIMEOUT

PAGES = ("/flows", "/flows.json", "/events", "/commands", "/options", "/state", "/flows/dump")
VIEWS = ("Auto", "Rewrite", "Answer")
FORMATS = ("curl", "httpie", "raw", "raw_request", "raw_response")
NEWEST = 6  # flows whose content is read in every round; at the end it is read of all


class Mitmweb:
    """Use as a context manager around the traffic. `url` is the one that the banner shows, with its token if any."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.port = parts.port or 0
        self.token = parse_qs(parts.query).get("token", [""])[0]
        self.pages: set[bytes] = set()
        self.frames: list[bytes] = []
        self.flows: list[dict[str, Any]] = []
        self.rounds = 0
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._poll, self._listen)]

    def __enter__(self) -> Mitmweb:
        for thread in self._threads:
            thread.start()
        self.look()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._threads[0].join(TIMEOUT)
        self._round(NEWEST if exc[0] else 10_000)
        self._http.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._threads[1].join(TIMEOUT)
        self._socket.close()

    def look(self) -> None:
        """Wait until every page was read once more, from the first to the last."""
        with self._changed:
            wanted = self.rounds + 2
            assert self._changed.wait_for(lambda: self.rounds >= wanted or self.failure, TIMEOUT), "no more rounds"
        assert self.failure is None, self.failure

    def replay(self, flow_id: str) -> None:
        """Press the button that sends a flow again."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request("POST", f"/flows/{flow_id}/replay", b"", self._headers())
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    def run(self, command: str, *arguments: str) -> dict[str, Any]:
        """Type a command into the command line; what came of it, as `value` or `error`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)  # the other one is the poll's
        connection.request("POST", f"/commands/{command}", json.dumps({"arguments": arguments}), self._headers())
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 200, content
        self.pages.add(content)
        told: dict[str, Any] = json.loads(content)
        return told

    def view(self, flow_id: str, name: str, part: str = "request") -> str:
        """The text that a content view shows of a flow."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)  # the other one is the poll's
        connection.request("GET", f"/flows/{flow_id}/{part}/content/{name}.json", headers=self._headers())
        shown = json.loads(connection.getresponse().read())
        connection.close()
        lines = shown.get("lines")  # 11.0.2; 12.x has one text
        return shown["text"] if lines is None else "\n".join("".join(text for _, text in line) for line in lines)

    def heard(self, words: bytes) -> int:
        """In how many messages of the WebSocket these words were, so far."""
        return sum(words in frame for frame in list(self.frames))

    def newest_to(self, path: str) -> str:
        """The id of the newest flow with this path that got a 200."""
        self.look()
        return next(f["id"] for f in reversed(self.flows) if f["request"]["path"] == path
                    and f.get("response", {}).get("status_code") == 200)  # fmt: skip

    def _poll(self) -> None:
        try:
            while not self._stop.is_set():
                self._round(NEWEST)
                with self._changed:
                    self.rounds += 1
                    self._changed.notify_all()
        except BaseException as error:
            self.failure = error
            with self._changed:
                self._changed.notify_all()

    def _round(self, count: int) -> None:
        for page in PAGES:
            self._get(page)
        self.flows = json.loads(self._get("/flows"))
        for flow in self.flows[-count:]:
            self._read(flow)
            if count > NEWEST:
                for style in FORMATS:
                    self._post("/commands/export", {"arguments": [style, "@" + flow["id"]]})

    def _read(self, flow: dict[str, Any]) -> None:
        for part in ("request", "response"):
            if flow.get(part, {}).get("contentLength"):
                self._get(f"/flows/{flow['id']}/{part}/content.data")
                for view in VIEWS:
                    self._get(f"/flows/{flow['id']}/{part}/content/{view}.json")
        if "websocket" in flow:
            self._get(f"/flows/{flow['id']}/messages/content/Auto.json")

    def _get(self, target: str) -> bytes:
        return self._ask("GET", target)

    def _post(self, target: str, body: Any) -> bytes:
        return self._ask("POST", target, json.dumps(body).encode())

    def _ask(self, method: str, target: str, body: bytes | None = None) -> bytes:
        self._http.request(method, target, body, self._headers())
        answer = self._http.getresponse()
        content = answer.read()
        assert answer.status == 200, (target, answer.status, content[:200])
        self.pages |= {content, str(answer.headers).encode()}
        return content

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Cookie": "_xsrf=00; _mitmproxy_xsrf=00", "X-XSRFToken": "00"}
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    def _listen(self) -> None:
        machine = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        target = f"/updates?token={self.token}"
        self._socket.sendall(machine.send(events.Request(host=f"127.0.0.1:{self.port}", target=target)))
        self._socket.settimeout(None)
        while data := self._socket.recv(65536):
            machine.receive_data(data)
            for event in machine.events():
                if isinstance(event, events.Message):
                    self.frames.append(event.data if isinstance(event.data, bytes) else event.data.encode())
