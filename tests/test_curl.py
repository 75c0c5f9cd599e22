"""curl's command line as data."""

from __future__ import annotations

import shlex

import pytest

from mitmvault.core.message.curl import CurlError, parse

URL = "http://127.0.0.1:8080/x"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("text", "method", "headers", "body"),
    [
        (URL, "GET", [], None),
        (f"-s -o /dev/null {URL}", "GET", [], None),
        (f"-sSo/dev/null -m 5 --url {URL}", "GET", [], None),
        (f"-XPUT {URL} -H 'A: b' -H 'Empty:' -H 'C:d'", "PUT", [("A", "b"), ("C", "d")], None),
        (f"-sXDELETE {URL}", "DELETE", [], None),
        (f"{URL} -d a=1 -d b=2", "POST", [FORM], b"a=1&b=2"),
        (f"{URL} --data-raw @x -H 'content-type: text/plain'", "POST", [("content-type", "text/plain")], b"@x"),
        (f"{URL} --json '{{}}'", "POST", [("Content-Type", "application/json"), ("Accept", "application/json")], b"{}"),
        (f"-I {URL}", "HEAD", [], None),
        (f"-A me -e there -b s=1 {URL}", "GET", [("User-Agent", "me"), ("Referer", "there"), ("Cookie", "s=1")], None),
        (f"-u a:b {URL}", "GET", [("Authorization", "Basic YTpi")], None),
        (f"--oauth2-bearer t {URL}", "GET", [("Authorization", "Bearer t")], None),
        (f"--compressed --no-progress-meter -N -k {URL}", "GET", [], None),
    ],
)
def test_requests(text: str, method: str, headers: list[tuple[str, str]], body: bytes | None) -> None:
    found = parse(shlex.split(text))
    assert (found.url, found.sent_method, found.headers, found.body) == (URL, method, headers, body)


def test_data_as_query() -> None:
    found = parse(["-G", URL, "-d", "a=1"])
    assert (found.url, found.sent_method, found.body) == (f"{URL}?a=1", "GET", None)


@pytest.mark.parametrize(
    ("text", "proxy", "user"),
    [
        ("-x http://x:TOKEN@127.0.0.1:8080", "127.0.0.1:8080", "x:TOKEN"),
        ("-x 127.0.0.1:8080 -U a:b", "127.0.0.1:8080", "a:b"),
        ("--proxy http://proxy", "proxy:1080", ""),
    ],
)
def test_proxies(text: str, proxy: str, user: str) -> None:
    found = parse([*shlex.split(text), URL])
    assert (found.proxy, found.proxy_user, found.url) == (proxy, user, URL)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "no URL"), (f"{URL} {URL}", "two URLs"), (f"{URL} -F a=b", "form"), (f"{URL} -d @file", "file"),
     (f"{URL} -H", "argument"), (f"-K conf {URL}", "configuration"), (f"-T up {URL}", "upload")],
)  # fmt: skip
def test_what_cannot_be_explained(text: str, word: str) -> None:
    with pytest.raises(CurlError, match=word):
        parse(shlex.split(text))
