"""What a provider repeats of the credentials it was sent is blotted out, wherever it stands."""

from __future__ import annotations

from mitmproxy import http

from mitmvault.core.answer.attempts import expand
from mitmvault.core.decide import decide
from mitmvault.core.verdict import Permit
from mitmvault.wire import echo, permits
from tests import aws
from tests.worlds import arrival, bearer, world

MADE = decide(world(), arrival("/openai/v1/models", bearer(), method="GET"))
assert isinstance(MADE, Permit)
REQUEST = http.Request.make("GET", "https://api.openai.com/v1/models")
permits.attach(REQUEST, MADE)
[KEY] = echo.secrets_of(REQUEST)
STARS = b"*" * len(KEY)


def test_head() -> None:
    fields = [(b"X-" + KEY, b"1"), (b"X-A", b"Bearer " + KEY + b"!"), (b"X-B", b"clean")]
    response = http.Response(b"HTTP/1.1", 401, b"Bad " + KEY, http.Headers(fields), b"", None, 0, 0)
    echo.mask_head(REQUEST, response)
    assert response.headers.fields == ((b"X-" + STARS, b"1"), (b"X-A", b"Bearer " + STARS + b"!"), (b"X-B", b"clean"))
    assert response.data.reason == b"Bad " + STARS


def test_text() -> None:
    assert echo.mask_text(REQUEST, f"got b'{KEY.decode()}'") == f"got b'{STARS.decode()}'"


def test_body_never_yields_an_empty_chunk() -> None:
    stream = echo.body_filter(REQUEST, http.Response.make(200))
    assert [stream(b"ab"), stream(KEY[:5]), stream(KEY[5:]), stream(b"")] == [[b"ab"], [], [STARS], []]


def test_a_filter_that_breaks_blanks() -> None:
    stream = echo.body_filter(REQUEST, http.Response.make(200))
    assert stream("text") == [bytes(4)]  # type: ignore[arg-type]
    assert stream(b"later") == [bytes(5)]


def test_a_request_that_was_never_permitted_has_nothing_to_mask() -> None:
    assert echo.mask_text(http.Request.make("GET", "http://h/"), "as it is") == "as it is"


def test_the_keys_of_every_attempt() -> None:
    steps = decide(world(), arrival("/groq/v1/models", bearer(), method="GET"))
    assert isinstance(steps, Permit) and len(steps.keys) == 2
    request = http.Request.make("GET", "https://api.groq.com/")
    for permit in expand((steps,), 3):
        permits.attach(request, permit)
    first, second = echo.secrets_of(request)
    masked = echo.mask_text(request, f"1 {first.decode()} 2 {second.decode()}")
    assert masked == f"1 {'*' * len(first)} 2 {'*' * len(second)}"
    response = http.Response.make(200, b"", {"x-first": first.decode(), "x-second": second.decode()})
    echo.mask_head(request, response)
    assert not [secret for secret in (first, second) if secret in repr(response.headers.fields).encode()]
    assert echo.body_filter(request, response)(first + b" " + second + b"!") == [
        b"*" * len(first) + b" " + b"*" * len(second) + b"!"
    ]


def test_of_a_key_pair_its_parts() -> None:
    entry = {
        "endpoint": "https://bedrock-runtime.eu-west-1.amazonaws.com",
        "keys": [{"key": aws.PAIR | {"sessionToken": aws.SESSION}}],
    }
    permit = decide(world({"aws-bedrock": entry}), arrival("/bedrock/model/x/y", bearer(), method="GET"))
    assert isinstance(permit, Permit)
    request = http.Request.make("GET", "https://aws.example/")
    permits.attach(request, permit)
    assert echo.secrets_of(request) == (aws.SECRET_KEY.encode(), aws.SESSION.encode())
