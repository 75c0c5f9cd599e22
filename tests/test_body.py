"""Reading the model in a body, by what the body says it is; and the prefix that the gateway wants."""

from __future__ import annotations

import gzip
import json

import pytest

from mitmvault.core.configuration.vault import checked
from mitmvault.core.message import body as bodies
from mitmvault.core.refusal import Refusal
from tests.worlds import arrival, chat

FORM = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ncheap\r\n--b--\r\n'
FORM_TYPE = "multipart/form-data; boundary=b"
LIMIT = 10_000


def read(body: bytes, kind: str | None = "application/json", coding: str | None = None):
    headers = [("Content-Type", kind)] if kind is not None else []
    headers += [("Content-Encoding", coding)] if coding is not None else []
    return bodies.read(arrival("/x", *headers), body, LIMIT)


@pytest.mark.parametrize(
    ("kind", "body", "model", "sniffed"),
    [
        ("application/json", chat(), "cheap", False),
        ("Application/JSON; charset=utf-8", chat(), "cheap", False),
        ("application/vnd.api+json", chat(), "cheap", False),
        ("application/json", b"{}", None, False),
        ("application/json", b"[]", None, False),
        (None, chat(), "cheap", True),
        ("", b" \n" + chat(), "cheap", True),
        ("text/plain;charset=UTF-8", chat(), "cheap", True),
        ("application/x-www-form-urlencoded", chat(), "cheap", True),
        (FORM_TYPE, FORM, "cheap", False),
        (FORM_TYPE.replace("multipart", "Multipart"), FORM, "cheap", False),
    ],
)
def test_read(kind, body, model, sniffed):
    reading = read(body, kind)
    assert reading is not None and (reading.model, reading.sniffed) == (model, sniffed)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b""),
        ("application/octet-stream", chat()),
        ("audio/wav", b"\xff"),
        ("application/jsonp", chat()),
        ("application/x-www-form-urlencoded", b"a=1"),
        (None, b"\xff\x00"),
        (None, b"[1]"),
        ("multipart/mixed; boundary=b", FORM),
    ],
)
def test_neither_json_nor_a_form(kind, body):
    assert read(body, kind) is None


@pytest.mark.parametrize(
    ("kind", "coding", "body", "reason"),
    [
        ("application/json", None, b"{", "bad_json"),
        (None, None, b"{", "bad_json"),
        ("application/json", "lzma", b"x", "unsupported_encoding"),
        ("application/json", "gzip, br", b"x", "unsupported_encoding"),
        ("application/json", "gzip", b"x", "bad_encoding"),
        ("application/json", "gzip", gzip.compress(bytes(LIMIT + 1), mtime=0), "body_too_large"),
        ("multipart/form-data", None, FORM, "bad_request"),
    ],
)
def test_refused(kind, coding, body, reason):
    with pytest.raises(Refusal) as caught:
        read(body, kind, coding)
    assert caught.value.reason == reason


@pytest.mark.parametrize("coding", [None, "", "identity", " GZIP ", "x-gzip"])
def test_written_in_the_coding_it_came_in(coding):
    zipped = "gzip" in (coding or "").lower()
    body = b'{ "model" : "cheap" ,"x":1.0}'
    written = read(gzip.compress(body, mtime=0) if zipped else body, coding=coding).written("groq/cheap")
    assert (gzip.decompress(written) if zipped else written) == b'{ "model" : "groq/cheap" ,"x":1.0}'


def test_a_form_is_written_as_a_form():
    assert read(FORM, FORM_TYPE).written("groq/cheap") == FORM.replace(b"cheap", b"groq/cheap")


def entry(**more):
    models = [{"id": "llama"}, {"id": "groq/compound-mini"}, {"id": "own", "gatewayPrefix": "custom"}]
    return checked({"providers": {"groq": {"models": models, **more}}}).providers["groq"]


@pytest.mark.parametrize(
    ("prefix", "asked", "sent"),
    [
        ("groq", "llama", "groq/llama"),
        ("groq", "unknown", "groq/unknown"),
        ("groq", "groq/llama", "groq/llama"),
        ("groq", "groq/unknown", "groq/unknown"),
        ("groq", "groq/compound-mini", "groq/groq/compound-mini"),
        ("groq", "groq/groq/compound-mini", "groq/groq/compound-mini"),
        ("groq", "groqx/llama", "groq/groqx/llama"),
        ("groq", "anthropic/claude", "groq/anthropic/claude"),
        ("groq", "own", "custom/own"),
        ("groq", "Groq/llama", "groq/Groq/llama"),
        (None, "llama", "llama"),
        (None, "own", "custom/own"),
    ],
)
def test_prefixed(prefix, asked, sent):
    assert bodies.prefixed(entry(), asked, prefix) == sent


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("@cf/meta/llama", "@cf/meta/llama"),
        ("@cf/unknown", "@cf/unknown"),
        ("openai/gpt-oss-20b", "@cf/openai/gpt-oss-20b"),  # not OpenAI's
    ],
)
def test_the_at_sign_of_workers_ai_is_a_part_of_the_id(asked, sent):
    assert bodies.prefixed(entry(models=[{"id": "@cf/meta/llama"}]), asked, "@cf") == sent


@pytest.mark.parametrize("body", [b"{}", chat(None), chat(""), chat(["a"]), b""])
def test_an_edit_needs_a_model(body):
    with pytest.raises(Refusal) as caught:
        bodies.edit(entry(), read(body), None)
    assert caught.value.reason == "missing_model"


def test_edit():
    edit = bodies.edit(entry(), read(chat()), "groq")
    assert (edit.asked, edit.sent) == ("cheap", "groq/cheap")
    assert json.loads(read(chat()).written(edit.sent))["model"] == "groq/cheap"


def test_an_id_with_the_models_own_prefix_is_left_alone():
    assert bodies.prefixed(entry(), "custom/own", "groq") == "custom/own"
