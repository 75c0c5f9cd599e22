"""The model in a form: found and changed in place, in bodies that other libraries made."""

from __future__ import annotations

import email
import email.policy
import uuid
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from mitmvault.core.formats.multipart import boundary, find, replace
from mitmvault.core.refusal import Refusal

MARK = "----WebKitFormBoundaryAbC123"
TYPE = f"multipart/form-data; boundary={MARK}"


def part(head: str, content: bytes = b"", more: str = "") -> bytes:
    return f"Content-Disposition: form-data; {head}\r\n{more}\r\n".encode() + content


def form(*parts: bytes, mark: str = MARK, preamble: bytes = b"", epilogue: bytes = b"\r\n") -> bytes:
    """A body as browsers, urllib3, httpx and undici write it."""
    return (
        preamble + b"".join(f"--{mark}\r\n".encode() + p + b"\r\n" for p in parts) + f"--{mark}--".encode() + epilogue
    )


FILE = part('name="file"; filename="a.wav"', bytes(range(256)) * 40, "Content-Type: audio/wav\r\n")
MODEL = part('name="model"', b"whisper-1")
LANGUAGE = part('name="language"', b"en")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (form(MODEL, FILE), "whisper-1"),
        (form(FILE, MODEL), "whisper-1"),
        (form(LANGUAGE, FILE, MODEL, LANGUAGE), "whisper-1"),
        (form(FILE, LANGUAGE), None),
        (form(MODEL, epilogue=b""), "whisper-1"),
        (form(MODEL, preamble=b"preamble\r\n", epilogue=b"\r\nepilogue --x"), "whisper-1"),
        (form(part("name=model", b"m")), "m"),
        (form(part('NAME="model"', b"m")), "m"),
        (form(part('name = "model"', b"m")), "m"),
        (form(part('filename="x";name="model"', b"m")), "m"),
        (form(b'content-type: text/plain\r\ncontent-disposition:form-data;name="model"\r\n\r\nm'), "m"),
        (form(part('name="model"', b"", "Content-Type: text/plain\r\n")), ""),
        (form(part('name="model"', b" m\t")), "m"),
        (form(part('name="model"', "m\u00f6".encode())), "m\u00f6"),
        (form(part('name="model"', b"a\r\n\r\nb")), "a\r\n\r\nb"),
        (form(part('name="Model"', b"m")), None),
        (form(part('name="models"', b"m"), part('name="x"; filename="model"', b"m")), None),
        (form(part('name="mod\\"el"', b"m")), None),
        (form(part('name="x"; filename="a; name=model; b"', b"data")), None),
        # what a file holds is the file's
        (form(part('name="f"; filename="x"', b'\r\nContent-Disposition: form-data; name="model"\r\n\r\nno'), MODEL),
         "whisper-1"),
        (form(part('name="f"; filename="x"', f"\r\n--{MARK[:-1]}\r\nno".encode()), MODEL), "whisper-1"),
        (form(part('name="f"; filename="x"', f"x--{MARK}--\r\n".encode()), MODEL), "whisper-1"),
        # what is no form
        (b"", None),
        (b"--", None),
        (f"--{MARK}".encode(), None),
        (f"--{MARK}--\r\n".encode(), None),
        (f"--{MARK}\r\n".encode() + MODEL, None),
        (b"no form at all", None),
    ],
)  # fmt: skip
def test_find(body, value):
    span = find(body, boundary(TYPE))
    assert (span.value if span else None) == value
    if span:
        edited = replace(body, span, "groq/w")
        assert edited == body[: span.start] + b"groq/w" + body[span.end :]
        assert find(edited, boundary(TYPE)).value == "groq/w"


def read_by_email(body: bytes, mark: str) -> dict[str, bytes]:
    whole = f'Content-Type: multipart/form-data; boundary="{mark}"\r\n\r\n'.encode() + body
    message = email.message_from_bytes(whole, policy=email.policy.HTTP)
    return {p.get_param("name", header="content-disposition"): p.get_payload(decode=True) for p in message.iter_parts()}


@pytest.mark.parametrize("first", [True, False], ids=["model first", "model last"])
def test_a_form_made_by_pythons_email_package(first):
    message = MIMEMultipart("form-data")
    model, file = MIMEText("whisper-1", "plain", "us-ascii"), MIMEApplication(bytes(range(256)) * 99)
    model.add_header("Content-Disposition", "form-data", name="model")
    file.add_header("Content-Disposition", "form-data", name="file", filename="r\u00e9sum\u00e9.wav")
    for item in (model, file) if first else (file, model):
        message.attach(item)
    head, _, body = message.as_bytes(policy=email.policy.HTTP).partition(b"\r\n\r\n")
    mark = boundary(email.message_from_bytes(head)["content-type"])
    span = find(body, mark)
    assert span is not None and span.value == "whisper-1"
    after = read_by_email(replace(body, span, "groq/whisper"), mark.decode())
    assert after == read_by_email(body, mark.decode()) | {"model": b"groq/whisper"}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_form_as_urllib3_writes_it(count):
    mark = uuid.uuid4().hex
    files = [
        part(f'name="image[]"; filename="{i}.png"', b"\x89PNG\r\n\x1a\n" * 1000, "Content-Type: image/png\r\n")
        for i in range(count)
    ]
    body = form(*files, part('name="model"', b"gpt-image-1"), part('name="prompt"', b"a\r\n--b"), mark=mark)
    span = find(body, mark.encode())
    assert span is not None
    after = read_by_email(replace(body, span, "openai/gpt-image-1"), mark)
    assert after["model"] == b"openai/gpt-image-1" and after["prompt"] == b"a\r\n--b"


@pytest.mark.parametrize("second", ['name="model"', "name=model", 'filename="x"; name="model"'])
def test_two_models_are_refused(second):
    with pytest.raises(Refusal) as caught:
        find(form(MODEL, FILE, part(second, b"other")), boundary(TYPE))
    assert caught.value.reason == "duplicate_field"


@pytest.mark.parametrize(
    ("content_type", "mark"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; boundary="a b:c"', b"a b:c"),
        ("Multipart/Form-Data;BOUNDARY=abc; charset=utf-8", b"abc"),
        ("multipart/form-data; charset=utf-8; boundary=abc", b"abc"),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
        ("application/json", None),
        ("multipart/mixed; boundary=abc", None),
        ("", None),
    ],
)
def test_boundary(content_type, mark):
    assert boundary(content_type) == mark


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "; boundary=",
        '; boundary=""',
        "; boundary=" + "b" * 71,
        "; boundary=\u00e4",
        "; boundary*=UTF-8''abc",
        "; x=y",
    ],
)
def test_no_boundary(parameters):
    with pytest.raises(Refusal) as caught:
        boundary("multipart/form-data" + parameters)
    assert caught.value.reason == "bad_request"


# --- what was wrong once ---


@pytest.mark.parametrize(
    "hidden",
    [
        part('x="; name=junk; "; name="model"', b"dear"),
        part("name*=UTF-8''model", b"dear"),
        b'Content-Disposition: form-data;\r\n name="model"\r\n\r\ndear',
        b'Content-Disposition : form-data; name="model"\r\n\r\ndear',
        part('name="mod\\el"', b"dear"),
        part('name="junk"; name="model"', b"dear"),
        part('name="junk"', b'x\n--%s\nContent-Disposition: form-data; name="model"\n\ndear' % MARK.encode()),
    ],
    ids=["name in a quoted value", "name*", "folded", "space before colon", "needless escape", "two names", "bare LF"],
)
def test_a_second_model_that_others_see(hidden):
    with pytest.raises(Refusal):
        find(form(MODEL, hidden), boundary(TYPE))


def test_a_file_name_that_looks_like_parameters():
    body = form(part('filename="a; name=model; b"; name="file"', b"data"), LANGUAGE)
    assert find(body, boundary(TYPE)) is None


@pytest.mark.parametrize(
    "line", [f"--{MARK}--more", f'--{MARK}X\r\nContent-Disposition: form-data; name="model"\r\n\r\nno']
)
def test_a_line_in_a_file_that_only_begins_like_the_boundary(line):
    body = form(part('name="f"; filename="x"', f"data\r\n{line}\r\n".encode()), MODEL)
    assert find(body, boundary(TYPE)).value == "whisper-1"


def test_two_boundaries_are_ambiguous():
    with pytest.raises(Refusal):
        boundary("multipart/form-data; boundary=abc; boundary=def")


def test_a_boundary_right_behind_the_headers_is_unclear():
    """RFC 2046 can be read both ways: a part without a body, or a body that begins like a boundary."""
    with pytest.raises(Refusal):
        find(form(part('name="f"; filename="x"', f"--{MARK}\r\n".encode()), MODEL), boundary(TYPE))
