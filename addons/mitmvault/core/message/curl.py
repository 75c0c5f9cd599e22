"""A curl command read as data: which request it would send, and through which proxy. Nothing is sent.

Known options: curl's manual page (8.x). An option that does not change the request is skipped, with its argument if it
takes one. What would need a file's content, or several requests, is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# short -> long
_SHORT = {
    "X": "request", "H": "header", "d": "data", "A": "user-agent", "e": "referer", "b": "cookie", "u": "user",
    "x": "proxy", "U": "proxy-user", "I": "head", "G": "get", "F": "form", "T": "upload-file", "o": "output",
    "m": "max-time", "w": "write-out", "D": "dump-header", "c": "cookie-jar", "E": "cert", "K": "config",
}  # fmt: skip
_DATA = ("data", "data-raw", "data-ascii", "data-binary", "data-urlencode", "json")
_WITH_ARGUMENT = frozenset(_SHORT.values()) - {"head", "get"} | {
    *_DATA, "url", "connect-timeout", "cacert", "capath", "key", "retry", "retry-delay", "resolve", "connect-to",
    "noproxy", "proxy-header", "proxy-cacert", "interface", "limit-rate", "oauth2-bearer", "max-redirs", "form-string",
    "unix-socket", "ciphers", "trace", "trace-ascii", "stderr", "range", "keepalive-time", "speed-time",
}  # fmt: skip
_REFUSED = {
    "form": "a form (-F)",
    "form-string": "a form",
    "upload-file": "an upload (-T)",
    "config": "a configuration file (-K)",
    "data-urlencode": "--data-urlencode",
}


class CurlError(ValueError):
    """The command is none that can be explained; the text says why."""


@dataclass
class Command:
    """The request that curl would send."""

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    proxy: str = ""  # URL or host:port of -x
    proxy_user: str = ""  # name:password
    proxy_headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sent_method(self) -> str:
        """The method that goes out."""
        return self.method or ("GET" if self.body is None else "POST")


def parse(words: Sequence[str]) -> Command:
    """Read the words behind `curl`. Raises CurlError."""
    command, as_query = Command(), False
    for name, value in _options(words):
        if name in _REFUSED:
            raise CurlError(f"{_REFUSED[name]} cannot be explained; write the body with --data")
        if name in _DATA:
            command.body = _data(command.body, name, value)
            if name == "json":
                command.headers += [("Content-Type", "application/json"), ("Accept", "application/json")]
        elif name == "url":
            if command.url:
                raise CurlError("there are two URLs; explain one request at a time")
            command.url = value
        elif name == "get":
            as_query = True
        elif setter := _SETTERS.get(name):
            setter(command, value)
    if not command.url:
        raise CurlError("there is no URL")
    if as_query and command.body is not None:
        command.url += ("&" if "?" in command.url else "?") + command.body.decode("utf-8", "replace")
        command.body = None
    named = {name.lower() for name, _ in command.headers}
    if command.body is not None and "content-type" not in named:
        command.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return command


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option by its long name, with its argument; a bare word is the URL."""
    left = iter(words)
    for word in left:
        if word == "--" or not word.startswith("-") or word == "-":
            if word != "--":
                yield "url", word
        elif word.startswith("--"):
            yield word[2:], _argument(left, word) if word[2:] in _WITH_ARGUMENT else ""
        else:
            for at, letter in enumerate(word[1:], 1):
                name = _SHORT.get(letter, letter)
                if name in _WITH_ARGUMENT:
                    yield name, word[at + 1 :] or _argument(left, word)
                    break
                yield name, ""


def _argument(left: Iterator[str], option: str) -> str:
    value = next(left, None)
    if value is None:
        raise CurlError(f"{option} has no argument")
    return value


def _data(before: bytes | None, name: str, value: str) -> bytes:
    if value.startswith("@") and name != "data-raw":
        raise CurlError("a body from a file (@…) cannot be explained; write it out, or pass it with --body-file")
    encoded = value.encode("utf-8", "surrogateescape")
    return encoded if before is None else before + (b"" if name == "json" else b"&") + encoded


def _header(command: Command, value: str) -> None:
    name, colon, text = value.partition(":")
    if colon and text.strip():
        command.headers.append((name.strip(), text.strip()))


def _proxy(command: Command, value: str) -> None:
    parts = urlsplit(value if "//" in value else f"http://{value}")
    command.proxy = f"{parts.hostname or ''}:{parts.port or 1080}"
    if parts.username is not None:
        command.proxy_user = f"{parts.username}:{parts.password or ''}"


def _basic(value: str) -> str:
    return "Basic " + base64.b64encode(value.encode()).decode()


_SETTERS = {
    "request": lambda command, value: setattr(command, "method", value),
    "head": lambda command, value: setattr(command, "method", "HEAD"),
    "header": _header,
    "proxy-header": lambda command, value: command.proxy_headers.append(
        (value.partition(":")[0].strip(), value.partition(":")[2].strip())
    ),
    "user-agent": lambda command, value: command.headers.append(("User-Agent", value)),
    "referer": lambda command, value: command.headers.append(("Referer", value)),
    "cookie": lambda command, value: command.headers.append(("Cookie", value)),
    "user": lambda command, value: command.headers.append(("Authorization", _basic(value))),
    "oauth2-bearer": lambda command, value: command.headers.append(("Authorization", f"Bearer {value}")),
    "proxy": _proxy,
    "proxy-user": lambda command, value: setattr(command, "proxy_user", value),
}
