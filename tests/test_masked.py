"""Nothing that looks secret is shown, at any depth."""

import json

import pytest

from mitmvault.core.masked import masked

VALUE = "made-up-secret-0123a1f3"


@pytest.mark.parametrize(
    "document",
    [
        {"key": VALUE},
        {"providers": {"x": {"gatewayKey": VALUE}}},
        {"keys": [{"key": VALUE}]},
        {"keys": [VALUE]},
        {"tokens": [[VALUE]]},
        {"a": [{"b": [{"sharedSecret": VALUE}]}]},
        {"API_KEY": VALUE},
        {"accessToken": VALUE},
        {"dbPassword": VALUE},
        {"sha256": VALUE},
        {"headers": {"Authorization": VALUE}},
    ],
)
def test_hidden(document):
    shown = json.dumps(masked(document), ensure_ascii=False)
    assert "made-up" not in shown and "…a1f3" in shown


@pytest.mark.parametrize(
    "document", [{}, {"owner": "x"}, {"maxOutputTokens": 5}, {"tags": ["a"]}, {"key": None}, {"keys": {"owner": "x"}}]
)
def test_shown(document):
    assert masked(document) == document
