"""A whole mitmvault in a thread, for end-to-end tests: real sockets, the real entry script, a home of its own.

mitmproxy keeps its master and options in globals, so only one may run at a time in a process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import ctx, flow, http, io, options
from mitmproxy.tools.dump import DumpMaster

from mitmvault.core.configuration import ambient_keys, catalogue, environment
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from mitmvault.home.resources import config_file

ENTRY = Path(__file__).parent.parent / "addons" / "entry.py"
PASSWORD = "correct horse battery staple"
TOKEN = "mv-alice-token-for-tests-only"
KEY = "sk-canary-provider-key-0001"
TIMEOUT = 20


def key(text: str = KEY, **fields: Any) -> dict[str, Any]:
    """One entry of a provider's `keys`."""
    return {"key": text, **fields}


class RunningProxy:
    """Use as a context manager. The home's files may be changed while it runs."""

    def __init__(
        self,
        path: Path,
        providers: Mapping[str, Any],
        *,
        users: Mapping[str, Any] | None = None,
        settings: str = "",
        environ: Mapping[str, str] | None = None,
        entry: Path = ENTRY,
        **mitmproxy_options: Any,
    ) -> None:
        path.mkdir(exist_ok=True, mode=0o700)
        self.home = Home(path)
        self.token = TOKEN
        self.write_vault(providers)
        self.write_users(users or {"alice": {"key": TOKEN}})
        self.home.settings.write_text(settings)
        self.environ = {"AI_JSON_CRYPTOKEN": PASSWORD, "MITMVAULT_HOME": str(path)} | dict(environ or {})
        self.entry = entry
        self.options = mitmproxy_options
        self.recorder = Recorder()
        self.failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def write_vault(self, providers: Mapping[str, Any]) -> None:
        """Replace the vault: effective for the next request."""
        store.save_vault_document(self.home, {"version": 1, "providers": dict(providers)}, Secret(PASSWORD))

    def write_users(self, users: Mapping[str, Any]) -> None:
        """Replace the users: effective for the next request."""
        store.save_users_document(self.home, dict(users))

    def __enter__(self) -> RunningProxy:
        self._before = {name: os.environ.get(name) for name in (*self.environ, *UNSET)}
        for name in UNSET:
            os.environ.pop(name, None)
        os.environ.update(self.environ)
        self._thread.start()
        if not self.recorder.ready.wait(TIMEOUT) or self.failure:
            raise AssertionError(f"the proxy did not start: {self.failure} {self.recorder.log_text()}")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(ctx.master.shutdown)
        self._thread.join(TIMEOUT)
        for name, value in self._before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        assert not self._thread.is_alive(), "the proxy did not stop"

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`: the base URL, and the proxy."""
        return self.recorder.address

    @property
    def port(self) -> int:
        """The listener's port."""
        port = urlsplit(self.url).port
        assert port
        return port

    @property
    def ca(self) -> Path:
        """The certificate authority that clients must trust."""
        return self.home.ca / "mitmproxy-ca-cert.pem"

    def tls(self, *alpn: str) -> ssl.SSLContext:
        """A client's TLS context that trusts this proxy alone."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def call(self, work: Any) -> Any:
        """Run a function in the proxy's event loop and return its result."""
        assert self._loop

        async def run() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(TIMEOUT)

    def addon(self, name: str) -> Any:
        """The running addon of this class name (in lower case)."""
        return ctx.master.addons.get(name)

    def observed(self) -> bytes:
        """All that observers saw: every flow as a dump would write it, and the log."""
        return self.recorder.dump() + self.recorder.log_text().encode()

    def assert_nothing_leaked(self, *more: str) -> None:
        """Nothing that observers saw holds a key, a user token or the vault's password."""
        seen = self.observed()
        for secret in (KEY, self.token, PASSWORD, *more):
            at = seen.find(secret.encode())
            assert at < 0, f"a secret was visible to observers: {seen[max(0, at - 200) : at + 60]!r}"

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.failure = error
        finally:
            self.recorder.ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        opts = options.Options()
        master = DumpMaster(opts, with_termlog=False, with_dumper=False)
        master.addons.add(self.recorder)
        values = {"confdir": str(self.home.ca), "mode": ["regular@127.0.0.1:0"], "scripts": [str(self.entry)]}
        opts.update(**(values | self.options))
        root = logging.getLogger()
        level, handler = root.level, self.recorder.handler
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            await master.run()
        finally:
            # mitmproxy leaves its sockets to the end of the process, after a start that failed as well
            await master.addons.get("proxyserver").servers.update([])
            root.removeHandler(handler)
            root.setLevel(level)


# Settings of the person who runs the tests must not reach the proxy under test.
_SHIPPED = catalogue.load(config_file("providers.yaml").read_text("utf-8"))
UNSET = (
    "OTEL_EXPORTER_OTLP_ENDPOINT", *environment.NAMES, *ambient_keys.variables(_SHIPPED), "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"
)  # fmt: skip


class Recorder:
    """The last addon: sees what a dump, mitmweb or a HAR file would see."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.address = ""
        self.states: list[flow.Flow] = []
        self.handler = _Memory()
        self._ended = threading.Condition()
        self.ended = 0

    def mitmvault_ready(self, address: str, web: str | None) -> None:
        self.address = address
        self.ready.set()

    def log_text(self) -> str:
        return "\n".join(self.handler.lines)

    def dump(self) -> bytes:
        out = BytesIO()
        writer = io.FlowWriter(out)
        for state in list(self.states):
            writer.add(state)
        return out.getvalue()

    def wait_ended(self, count: int) -> list[flow.Flow]:
        """Wait until that many flows have ended, in a response or an error."""
        with self._ended:
            assert self._ended.wait_for(lambda: self.ended >= count, TIMEOUT), f"{self.ended} of {count} ended"
        return [state for state in self.states if isinstance(state, http.HTTPFlow)]

    def wait_for(self, fits: Callable[[http.HTTPFlow], Any]) -> http.HTTPFlow:
        """Wait until a flow has ended in a response, and fits. Others may end meanwhile: those of an earlier test."""

        def found() -> http.HTTPFlow | None:
            flows = (state for state in list(self.states) if isinstance(state, http.HTTPFlow))
            return next((flow for flow in flows if flow.response and flow.response.timestamp_end and fits(flow)), None)

        with self._ended:
            flow = self._ended.wait_for(found, TIMEOUT)
            assert flow, "no such flow has ended"
            return flow

    def _see(self, seen: flow.Flow) -> None:
        self.states.append(seen.copy())

    requestheaders = request = responseheaders = http_connect = websocket_message = tcp_start = tcp_message = _see

    def response(self, seen: http.HTTPFlow) -> None:
        self._end(seen)

    def error(self, seen: http.HTTPFlow) -> None:
        self._end(seen)

    def _end(self, seen: http.HTTPFlow) -> None:
        self._see(seen)
        with self._ended:
            self.ended += 1
            self._ended.notify_all()


class _Memory(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
