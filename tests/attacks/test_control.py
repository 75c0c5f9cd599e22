"""P24: the control socket is for the proxy's owner alone, answers questions alone, and tells no secret."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys

import pytest

from mitmvault.core.records import control
from mitmvault.home import control_client, state
from tests.attacks.tools import BOB, CHAT_TARGET, DECOY, SECRETS
from tests.books import wait_for
from tests.client import BEARER, send
from tests.provider import FakeProvider
from tests.proxy import KEY, PASSWORD, TIMEOUT, TOKEN, RunningProxy

pytestmark = pytest.mark.e2e
PROMPT, ANSWER = "the-secret-plan-of-the-prompt", "the-secret-plan-of-the-answer"
NOBODY = 65534
INTRUDER = """
import os, socket, sys
os.setgid(%d); os.setuid(%d)
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except PermissionError:
    print("kept out")
else:
    print("let in")
""" % (NOBODY, NOBODY)  # noqa: UP031


def place(proxy: RunningProxy) -> str:
    found = state.running(proxy.home)
    assert found and found.control
    return found.control


def test_modes(proxy: RunningProxy) -> None:
    path = place(proxy)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("open_directory", [False, True])
def test_another_user_of_the_machine(proxy: RunningProxy, open_directory: bool) -> None:
    """Also where the directories above are open: the socket's own mode is enough."""
    path = place(proxy)
    above = []
    parent = os.path.dirname(path)
    while open_directory and parent != "/":
        above.append((parent, stat.S_IMODE(os.stat(parent).st_mode)))
        parent = os.path.dirname(parent)
    try:
        for directory, mode in above:
            os.chmod(directory, mode | 0o555)
        said = subprocess.run([sys.executable, "-c", INTRUDER, path], capture_output=True, text=True, timeout=TIMEOUT)
    finally:
        for directory, mode in above:
            os.chmod(directory, mode)
    assert said.stdout == "kept out\n", said.stderr


@pytest.mark.parametrize(
    "line",
    [b'{"ask":"reload"}', b'{"ask":"__class__"}', b'{"ask":"status","path":"/etc/passwd"}', b"GET / HTTP/1.1",
     b'{"ask":"explain","flow":"../../ai.json"}', b'{"ask":"explain","flow":["x"]}', b"\xff\xfe", b"[" * 4000],
)  # fmt: skip
def test_what_is_no_question(proxy: RunningProxy, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT)
        client.connect(place(proxy))
        client.sendall(line + b"\n")
        said = json.loads(client.makefile("rb").readline())
    assert set(said) == {"error"} and "passwd" not in said["error"]


def test_nothing_secret_is_told(proxy: RunningProxy, provider: FakeProvider) -> None:
    provider.text = ANSWER
    body = {"model": "m-1", "messages": [{"role": "user", "content": PROMPT}]}
    for headers in (BEARER, {"x-api-key": TOKEN}, {"Authorization": f"Bearer {DECOY}"}, BEARER | {"Cookie": TOKEN}):
        for target in (CHAT_TARGET, f"{CHAT_TARGET}?key={TOKEN}&q={PROMPT}", f"/nobody/v1/x?key={TOKEN}&q={PROMPT}"):
            send(proxy, target, body, headers=headers)
    provider.next(500, body=f"{KEY} {ANSWER}")
    send(proxy, CHAT_TARGET, body)
    flows = [row.flow or "" for row in wait_for(proxy.home.ledger, 13)]
    told = [control.answer(control_client.ask(proxy.home, "explain", flow=flow)) for flow in flows]
    everything = b"".join((*told, control.answer(control_client.ask(proxy.home, "status"))))
    assert len(told) >= 13 and b"#1" in everything
    for secret in (*SECRETS, BOB, PASSWORD, PROMPT, ANSWER):
        assert secret.encode() not in everything


def test_it_is_gone_with_the_proxy(tmp_path, provider: FakeProvider, proxy: RunningProxy) -> None:
    path = place(proxy)
    control_addon = proxy.addon("control")
    proxy.call(control_addon.done)
    assert not os.path.exists(path)
    with pytest.raises(control.ControlError, match="cannot be asked"):
        control_client.ask(proxy.home, "status")
