"""Our content views, as mitmproxy calls them: one way in 11.0.2, another in 12.x."""

from __future__ import annotations

import warnings

import pytest
from mitmproxy import contentviews
from mitmproxy.test import taddons, tflow

from mitmvault.wire import content_view

NEW = hasattr(contentviews, "prettify_message")


def shown(flow, message, name: str) -> tuple[str, str]:
    """What mitmproxy shows of a message in a view: the view's name, the text."""
    if NEW:
        made = contentviews.prettify_message(message, flow, name)
        return made.view_name, made.text
    description, lines, error = contentviews.get_message_content_view(name, message, flow)
    assert error is None, error
    return description, "\n".join("".join(text for _, text in line) for line in lines)


@pytest.fixture
def flow():
    with taddons.context():  # views may depend on mitmproxy's options
        yield example()


def example():
    """A request with a JSON body."""
    found = tflow.tflow(resp=True)
    found.request.content = b'{"a": 1}'
    found.request.headers["content-type"] = "application/json"
    return found


def test_a_view_is_shown_when_it_is_chosen(flow):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 12.x warns of views in the old form
        content_view.add("Mitmvault test", lambda flow, message, data: f"{flow.id}\n{message.method} {data!r}")
    name, text = shown(flow, flow.request, "mitmvault test")
    assert (name, text) == ("Mitmvault test", f"{flow.id}\nPOST b'{{\"a\": 1}}'".replace("POST", flow.request.method))
    assert "Mitmvault" not in shown(flow, flow.request, "auto")[0]


def test_adding_it_again_replaces_it(flow):
    for text in ("one", "two"):
        content_view.add("Mitmvault again", lambda flow, message, data, text=text: text)
    assert shown(flow, flow.request, "Mitmvault again")[1] == "two"


def test_other_flows_are_not_for_it():
    with pytest.raises(ValueError, match="HTTP"):
        content_view._flow(tflow.ttcpflow())
