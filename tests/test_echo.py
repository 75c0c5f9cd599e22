"""What a provider repeats of the credentials it was sent is blotted out, wherever it stands."""

from __future__ import annotations

from mitmproxy import http

from mitmvault.core.decide import decide
from mitmvault.core.verdict import Permit
from mitmvault.wire import echo
from tests.worlds import arrival, bearer, world

MADE = decide(world(), arrival("/openai/v1/models", bearer(), method="GET"))
assert isinstance(MADE, Permit)
PERMIT = MADE
[KEY] = echo.secrets_of(PERMIT)
STARS = b"*" * len(KEY)


def test_head() -> None:
    fields = [(b"X-" + KEY, b"1"), (b"X-A", b"Bearer " + KEY + b"!"), (b"X-B", b"clean")]
    response = http.Response(b"HTTP/1.1", 401, b"Bad " + KEY, http.Headers(fields), b"", None, 0, 0)
    echo.mask_head(PERMIT, response)
    assert response.headers.fields == ((b"X-" + STARS, b"1"), (b"X-A", b"Bearer " + STARS + b"!"), (b"X-B", b"clean"))
    assert response.data.reason == b"Bad " + STARS


def test_text() -> None:
    assert echo.mask_text(PERMIT, f"got b'{KEY.decode()}'") == f"got b'{STARS.decode()}'"


def test_body_never_yields_an_empty_chunk() -> None:
    stream = echo.body_filter(PERMIT, http.Response.make(200))
    assert [stream(b"ab"), stream(KEY[:5]), stream(KEY[5:]), stream(b"")] == [[b"ab"], [], [STARS], []]


def test_a_filter_that_breaks_blanks() -> None:
    stream = echo.body_filter(PERMIT, http.Response.make(200))
    assert stream("text") == [bytes(4)]  # type: ignore[arg-type]
    assert stream(b"later") == [bytes(5)]
