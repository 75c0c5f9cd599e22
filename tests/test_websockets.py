"""The hook for messages: what it drops, also when something in it fails. (The whole: e2e/test_websocket.py)"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import taddons, tflow

from mitmvault.addons.websockets import WebSockets
from mitmvault.core.refusal import Refusal
from mitmvault.wire import permits


def failing(error: Exception | None) -> Any:
    def check(content: bytes, is_text: bool, first: bool) -> None:
        if error:
            raise error

    return SimpleNamespace(frames=SimpleNamespace(check=check))


@pytest.mark.parametrize("error", [Refusal("model_not_allowed", "no"), ValueError("a bug of ours")])
def test_what_goes_wrong_drops_the_message_and_all_after_it(error: Exception) -> None:
    injected: list[Any] = []
    with taddons.context() as context:
        context.master.commands.call = lambda *call: injected.append(call)
        flow = tflow.twebsocketflow()
        addon = WebSockets()
        permits.attach(flow.request, failing(error))
        flow.websocket.messages[-1].from_client = True
        addon.websocket_message(flow)
        assert flow.websocket.messages[-1].dropped and len(flow.websocket.messages) == 1
        assert injected[0][0] == "inject.websocket" and b'{"type":"error",' in injected[0][3]
        permits.attach(flow.request, failing(None))
        flow.websocket.messages[-1].dropped = False
        addon.websocket_message(flow)
        assert flow.websocket.messages[-1].dropped and len(injected) == 1


@pytest.mark.parametrize(
    ("from_client", "permit"), [(False, failing(ValueError())), (True, failing(None)), (True, None)]
)
def test_the_rest_passes(from_client: bool, permit: Any) -> None:
    flow = tflow.twebsocketflow()
    if permit:
        permits.attach(flow.request, permit)
    flow.websocket.messages[-1].from_client = from_client
    WebSockets().websocket_message(flow)
    assert not flow.websocket.messages[-1].dropped and len(flow.websocket.messages) == 1
