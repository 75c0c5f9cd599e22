"""No secret in anything that can be observed. (SECURITY P10)

A real `mitmvault serve --web` with secrets that exist nowhere else; while all kinds of traffic run, everything that
mitmweb offers is read again and again. Then they are looked for, in every spelling: see tests/leaks.py.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mitmvault.core.formats import openssl
from mitmvault.core.secret import Secret
from mitmvault.home import store
from mitmvault.home.layout import Home
from tests import sdk
from tests.client import CHAT, Reply, over_tls, raw, send, tunnel
from tests.leaks import arrival, canary, leaks
from tests.mitmweb import Mitmweb
from tests.provider import FakeProvider
from tests.proxy import RunningProxy, key
from tests.serving import Serving, free_port

pytestmark = pytest.mark.e2e

BANNER = canary("mv-")  # of the first user, whom the banner greets; nobody else uses it
BOB, EXPIRED, REJECTED, CRYPTOKEN = canary("mv-"), canary("mv-"), canary("mv-"), canary("pw-")
OPENAI, ANTHROPIC, GEMINI, GROQ = canary("sk-proj-"), canary("sk-ant-api03-"), canary("AIza"), canary("gsk_")
GATEWAY, GATEWAY_OF_GROQ = canary("cf-aig-"), canary("cf-own-")
SECRETS = {
    "bob's token": BOB, "expired token": EXPIRED, "rejected token": REJECTED, "crypto token": CRYPTOKEN,
    "key of openai": OPENAI, "key of anthropic": ANTHROPIC, "key of gemini": GEMINI, "key of groq": GROQ,
    "gateway token": GATEWAY, "groq's own gateway token": GATEWAY_OF_GROQ, "token in the banner": BANNER,
}  # fmt: skip
# Where a request arrives -> the secrets that belong there, and no others. The first path that fits counts.
DUE = {
    "/v1/models/gemini": {"key of gemini"},
    "/v1/chat/completions": {"key of openai"},
    "/v1/models": {"key of openai"},
    "/v1/realtime": {"key of openai"},
    "/v1/messages": {"key of anthropic"},
    "/v1beta/": {"key of gemini"},
    "/v1/acct/default/compat/chat/completions": {"key of groq", "gateway token"},
}
PATHS = {
    "api.openai.com": ("/openai", "/v1/chat/completions"),
    "api.anthropic.com": ("/anthropic", "/v1/messages"),
    "generativelanguage.googleapis.com": ("/gemini", "/v1beta/models/gemini-2.5-flash:generateContent"),
}
CHAT_AT_OPENAI = "/openai/v1/chat/completions"


def providers(url: str) -> dict[str, Any]:
    gateway = {"gatewayEndpoint": f"{url}/v1/{{account}}/default/compat", "gatewayModelPrefix": "groq"}
    return {
        "openai": {"endpoint": f"{url}/v1", "keys": [key(OPENAI)]},
        "anthropic": {"protocol": "anthropic", "endpoint": f"{url}/v1", "keys": [key(ANTHROPIC)]},
        "gemini": {"protocol": "gemini", "endpoint": f"{url}/v1beta", "keys": [key(GEMINI)]},
        "groq": gateway | {"gatewayKey": GATEWAY_OF_GROQ, "keys": [key(GROQ)]},
    }


USERS = {"first": {"key": BANNER}, "bob": {"key": BOB}, "gone": {"key": EXPIRED, "type": "expired"}}


@dataclass
class Scene:
    proxy: Any  # a Serving, which fits where tests.client wants a RunningProxy
    provider: FakeProvider
    web: Mitmweb
    home: Home

    def send(self, target: str, body: Any = CHAT, *, token: str = BOB, **how: Any) -> Reply:
        return send(self.proxy, target, body, **({"headers": {"Authorization": f"Bearer {token}"}} | how))

    def head(self, target: str, token: str = BOB, host: str | None = None) -> bytes:
        lines = (f"GET {target} HTTP/1.1", f"Host: {host or self.proxy.address}", f"Authorization: Bearer {token}")
        return ("\r\n".join(lines) + "\r\n").encode()


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"x:{token}".encode()).decode()


# -- the traffic, in order


def plain_and_streamed(scene: Scene) -> None:
    for host, (prefix, path) in PATHS.items():
        streamed = path.replace("generateContent", "streamGenerateContent?alt=sse")
        for target in (path, streamed):
            body = CHAT | {"max_tokens": 5, "stream": target == streamed}
            assert scene.send(prefix + target, body).status == 200
            assert scene.send(target, body, via=host).status == 200
            proxy_auth = {"Proxy-Authorization": basic(BOB)}
            dummy = {"x-api-key": "sk-dummy"}
            assert scene.send(target, body, via=host, connect_headers=proxy_auth, headers=dummy).status == 200
    assert scene.send("/groq/v1/chat/completions").status == 200


def every_carrier(scene: Scene) -> None:
    for token, status in ((BOB, 200), (REJECTED, 403), (EXPIRED, 403)):
        carriers = {name: token for name in ("x-api-key", "x-goog-api-key", "api-key", "X-AUTH-TOKEN", "Authorization")}
        carriers |= {
            "AUTHORIZATION": f"bearer {token}",
            "authorization": basic(token),
            "Proxy-Authorization": basic(token),
        }
        for name, value in carriers.items():
            assert scene.send(CHAT_AT_OPENAI, headers={name: value}).status == status, name
        for query in (
            f"key={token}",
            f"a=1&auth_token={quote(token)}&b=2",
            "%6bey=" + "".join(f"%{ord(c):02x}" for c in token),
        ):
            assert scene.send(f"{CHAT_AT_OPENAI}?{query}", headers={}).status == status, query
        cookies = {"Cookie": f"session={token}", "cf-aig-authorization": f"Bearer {token}", "Authorization": token}
        assert scene.send(CHAT_AT_OPENAI, headers=cookies).status == status
        for target in ("/nowhere/v1/x", "/openai/../v1", "/v1/chat/completions"):
            assert scene.send(target, token=token).status in (400, 403)
        with tunnel(scene.proxy, "api.openai.com:443", f"Proxy-Authorization: {basic(token)}\r\n") as client:
            assert client.received.startswith(b"HTTP/1.1 %d " % status)


def curl(scene: Scene) -> None:
    for version in ("--http1.1", "--http2"):
        for token in (BOB, REJECTED):
            done = subprocess.run(
                ["curl", "-sS", version, "-x", scene.proxy.url, "--cacert", scene.proxy.ca, "-d", json.dumps(CHAT),
                 "-H", f"Authorization: Bearer {token}", "-H", f"x-api-key: {token}", "-o", os.devnull, "-w",
                 "%{http_code}", f"https://api.openai.com/v1/chat/completions?key={token}"],
                capture_output=True, text=True, timeout=30,
            )  # fmt: skip
            assert done.stdout == ("200" if token == BOB else "403"), done.stderr


def held_streams(scene: Scene) -> None:
    for end in ("finish", "abort", "client abort"):
        held = scene.provider.stream(chunks=[b"data: first\n\n"])
        with raw(scene.proxy) as client:
            client.send(scene.head("/openai/v1/models") + b"\r\n").until(b"data: first")
            scene.web.look()
            assert scene.web.flows[-1]["response"]["timestamp_end"] is None  # watched while under way
            if end == "finish":
                held.send(b"data: last\n\n")
                held.finish()
                client.until(b"data: last")
            elif end == "abort":
                held.abort()
                client.to_end()
        assert end != "client abort" or held.disconnected.wait(10)


def repeated_keys(scene: Scene) -> None:
    """Streams in which the provider says the key that it was sent; the bodies are kept (store_bodies)."""
    for pieces in ((OPENAI,), (OPENAI[:20], OPENAI[20:])):
        held = scene.provider.stream(chunks=[b"data: {}\n\n"])
        with raw(scene.proxy) as client:
            client.send(scene.head("/openai/v1/models") + b"\r\n").until(b"data: {}")
            for piece in (b'data: {"choices": [{"delta": {"content": "', *map(str.encode, pieces), b'"}}]}\n\n'):
                held.send(piece)
            held.finish()
            client.until(b"***")
            scene.web.look()


def websockets(scene: Scene) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    upgrade += base64.b64encode(os.urandom(16)) + b"\r\n"
    protocol = f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{BOB}\r\n".encode()
    with raw(scene.proxy) as client:
        client.send(scene.head(f"/openai/v1/realtime?model=m&key={BOB}") + upgrade + protocol + b"\r\n")
        client.until(b"session.created")
        scene.web.look()
        client.send(b"\x81\x85\0\0\0\0hello").until(b"hello")  # a text frame, masked with zeros
        scene.web.look()
    with raw(scene.proxy) as client:
        client.send(scene.head("/openai/v1/realtime", REJECTED) + upgrade + b"\r\n").until(b"unknown_token")


def provider_errors(scene: Scene) -> None:
    for status in (401, 404, 429, 500):
        scene.provider.next(status=status, body=b'{"error": {"message": "no"}}')
        assert scene.send(CHAT_AT_OPENAI).status == status
    scene.provider.next(status=302, headers={"Location": "https://elsewhere.example/"})
    assert scene.send(CHAT_AT_OPENAI).reason == "upstream_redirect"
    for answer in (b"SSH-2.0\r\n\r\n", b""):
        scene.provider.raw(answer)
        assert scene.send(CHAT_AT_OPENAI).status == 502


def nonsense(scene: Scene) -> None:
    whole = [
        f"GARBAGE {BOB}\r\n\r\n",
        f"GET /openai/v1/models?key={BOB} HTTP/9.9\r\n\r\n",
        f"GET /openai/v1/models HTTP/1.1\r\nHost: x\r\nAuthorization {BOB}\r\n\r\n",
        f"POST /openai/v1/models HTTP/1.1\r\nAuthorization: Bearer {BOB}\r\nContent-Length: x\r\n\r\n",
        f"POST /openai/v1/models HTTP/1.1\r\nx-api-key: {BOB}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        f"CONNECT {BOB} HTTP/1.1\r\nProxy-Authorization: Bearer {BOB}\r\n\r\n",
        f"CONNECT x:{BOB}@api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
        f"GET http://x:{BOB}@api.openai.com/v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
        "x-api-key: " + BOB * 10_000,
    ]
    for data in whole:
        with raw(scene.proxy) as client:
            client.send(data.encode()).until(b'"bad_request"')
    half = scene.head("/openai/v1/models")
    with raw(scene.proxy) as client:
        client.send(half)
        scene.web.look()
    for inside in (
        half,
        half[:-9],
        f"GARBAGE {BOB}\r\n\r\n".encode(),
        scene.head("/v1/models", host="other") + b"\r\n",
    ):
        with tunnel(scene.proxy, "api.openai.com:443") as opened:
            with over_tls(opened, scene.proxy.tls("http/1.1"), "api.openai.com") as client:
                client.send(inside)
                scene.web.look()
        with tunnel(scene.proxy, "api.openai.com:443") as opened:  # no TLS in it
            opened.send(inside)
            scene.web.look()


def broken_files(scene: Scene) -> None:
    """What does not load is reported, and the world before it stays in force."""
    shapeless = json.dumps({"providers": {"openai": {"keys": [OPENAI], "endpoint": f"nonsense-{OPENAI}"}}}).encode()
    vault, users = scene.home.vault, scene.home.users
    spoilt = {
        vault: [vault.read_bytes()[:50], OPENAI.encode(), openssl.seal(shapeless, Secret(CRYPTOKEN), os.urandom(8))],
        users: [
            json.dumps(USERS).encode()[:-9],
            json.dumps({"bob": BOB}).encode(),
            json.dumps({BOB: {}}).encode()[:-2],
        ],
    }
    for path, contents in spoilt.items():
        good = path.read_bytes()
        for content in contents:
            reports = scene.web.heard(b"a changed file is not used")
            path.write_bytes(content)
            assert scene.send(CHAT_AT_OPENAI).status == 200
            scene.web.look()
            assert scene.web.heard(b"a changed file is not used") > reports
        path.write_bytes(good)
        assert scene.send(CHAT_AT_OPENAI).status == 200


def sdks(scene: Scene) -> None:
    if not sdk.missing():
        keys = dict.fromkeys(sdk.SDKS, BOB)
        for environ in (sdk.at_base_url(scene.proxy.url, BOB), sdk.at_proxy(scene.proxy.url, scene.proxy.ca, keys)):
            scripts = {name: [script, "--answer", "stream"] for name, (script, *_) in sdk.SDKS.items()}
            assert {outcome.said.get("text") for outcome in sdk.run(scripts, environ).values()} == {"pong"}


def replayed(scene: Scene) -> None:
    before = len(scene.provider.arrivals)
    scene.web.replay(scene.web.newest_to("/v1/chat/completions"))
    scene.provider.wait_for(before + 1)
    scene.web.look()


def saved(scene: Scene) -> None:
    """Every flow as a case of tests, where it can be one."""
    (folder := scene.home.path / "saved").mkdir()
    scene.web.look()
    for flow in scene.web.flows:
        scene.web.run("mitmvault.test.save", f"@{flow['id']}", str(folder))


TRAFFIC: list[Callable[[Scene], None]] = [
    plain_and_streamed, every_carrier, curl, held_streams, repeated_keys, websockets, provider_errors, nonsense, broken_files, sdks,
    replayed, saved,
]  # fmt: skip


# -- what was seen of it


@pytest.fixture(scope="module")
def seen(provider_of_module: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """Run all the traffic, and return what observers saw of it, by the place where they looked."""
    folder = tmp_path_factory.mktemp("canary")
    home = Home(folder / "home")
    home.path.mkdir(mode=0o700)
    store.save_vault_document(home, {"providers": providers(provider_of_module.url)}, Secret(CRYPTOKEN))
    store.save_users_document(home, USERS)
    home.settings.write_text("store_bodies: true\n")
    environ = {"AI_JSON_CRYPTOKEN": CRYPTOKEN, "CLOUDFLARE_ACCOUNT_ID": "acct", "CLOUDFLARE_AIG_TOKEN": GATEWAY}
    options = {"save_stream_file": folder / "flows", "hardump": folder / "har", "termlog_verbosity": "debug",
               "store_streamed_bodies": "true"}  # fmt: skip
    sets = [f"--set={name}={value}" for name, value in options.items()]
    with Serving(home.path, "--web", f"--web-port={free_port()}", *sets, environ=environ) as proxy:
        with Mitmweb(proxy.ready().fact("mitmweb")) as web:
            for traffic in TRAFFIC:
                traffic(Scene(proxy, provider_of_module, web, home))
        process = Path(f"/proc/{proxy.process.pid}")
        command_lines = b"".join((task / "cmdline").read_bytes() for task in (process / "task").iterdir())
        files = observable_files(home)
        assert proxy.end() == 0
    yield {
        "pages of mitmweb": b"\n".join(web.pages),
        "WebSocket of mitmweb": b"\n".join(web.frames),
        "flow file": (folder / "flows").read_bytes(),
        "HAR file": (folder / "har").read_bytes(),
        "output": without_banner(proxy.stdout) + proxy.err,
        "files of the home": files,
        "command line": command_lines,
        "saved tests": b"\n".join(path.read_bytes() for path in (home.path / "saved").iterdir()),
    }


def observable_files(home: Home) -> bytes:
    """Everything in the home but what holds the secrets on purpose."""
    kept = (home.vault.name, home.users.name, home.ca.name)
    paths = [path for path in home.path.iterdir() if path.is_file() and not path.name.startswith(kept)]
    return b"\n".join(path.name.encode() + b"\n" + path.read_bytes() for path in paths)


def without_banner(output: str) -> bytes:
    """The output without the three lines in which the banner shows the first user's token."""
    lines = output.splitlines()
    shown = [line for line in lines if BANNER in line]
    assert len(shown) == 3 and shown[0] == f"user token: {BANNER}" and all("curl" in line for line in shown[1:])
    return "\n".join(line for line in lines if line not in shown).encode()


# Where people look -> what must be there, or nobody has looked.
PLACES = {
    "pages of mitmweb": (b"/v1/chat/completions", b"hello", b"unreadable HTTP request", b'{"value": "curl '),
    "WebSocket of mitmweb": (
        b"client connect",
        b"/v1/chat/completions",
        b"/openai/v1/chat/completions",
        b"[user token]",
    ),
    "flow file": (b"/v1/chat/completions", b"[user token]", b"/v1/realtime"),
    "HAR file": (b"/v1/chat/completions", b"[user token]"),
    "output": (b"client connect", b"refused", b"a changed file is not used"),
    "files of the home": (b"state.json", b'"pid"'),
    "command line": (b"mitmvault",),
    "saved tests": (b"user: bob", b"refused: unknown_token", b"/v1/realtime", b"gemini-2.5-flash"),
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_seen(seen: dict[str, bytes], place: str) -> None:
    for mark in PLACES[place]:
        assert mark in seen[place], (mark, len(seen[place]))
    assert leaks(SECRETS, seen[place]) == []


def test_the_keys_arrived_and_no_token(seen: dict[str, bytes], provider_of_module: FakeProvider) -> None:
    arrived = provider_of_module.arrivals
    assert {path for path in DUE if any(one.target.startswith(path) for one in arrived)} >= set(DUE) - {
        "/v1/models/gemini"
    }
    for one in arrived:
        due = next(names for path, names in DUE.items() if one.target.startswith(path))
        assert found_in(arrival(one)) == due, one.target


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "base64": base64.b64encode,
    "base64, one later": lambda data: base64.b64encode(b"x" + data),
    "base64, two later": lambda data: base64.b64encode(b"xy" + data),
    "base64url": base64.urlsafe_b64encode,
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "percent": lambda data: "".join(f"%{byte:02X}" for byte in data).encode(),
    "percent of base64": lambda data: quote(base64.b64encode(data)).encode(),
    "JSON": lambda data: json.dumps(data.decode()).encode(),
    "JSON, all escaped": lambda data: "".join(f"\\u{byte:04x}" for byte in data).encode(),
    "JSON in JSON": lambda data: json.dumps("".join(f"\\u{byte:04x}" for byte in data)).encode(),
    "cut short": lambda data: data.replace(OPENAI.encode(), OPENAI[: len(OPENAI) * 2 // 3].encode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_search_would_find_it(seen: dict[str, bytes], provider_of_module: FakeProvider, spelling: str) -> None:
    """In what did arrive, spelt otherwise and put into what was seen."""
    one = next(one for one in provider_of_module.arrivals if one.target == "/v1/chat/completions")
    assert found_in(seen["output"] + SPELLINGS[spelling](arrival(one)) + seen["flow file"]) == {"key of openai"}


def found_in(data: bytes) -> set[str]:
    return {leak.partition(",")[0] for leak in leaks(SECRETS, data)}


def test_an_invalid_header_is_not_quoted(provider: FakeProvider, tmp_path: Path) -> None:
    with RunningProxy(tmp_path / "home", providers(provider.url), users=USERS) as proxy:
        with raw(proxy) as client:
            head = f"GET /openai/v1/models HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n"
            answer = client.send(f"{head}Authorization Bearer {BOB}: x\r\n\r\n".encode()).until(b'"bad_request"')
        proxy.recorder.wait_ended(1)
        assert leaks(SECRETS, answer + proxy.observed()) == []
