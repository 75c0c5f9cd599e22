"""A content view of ours, for mitmweb and the console: a name, and a function from a flow to text.

mitmproxy 11.0.2 calls an instance and wants styled lines; 12.x calls `prettify` and wants a string, and shows an old
class with a warning and without its description. Both add instances with `contentviews.add`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitmproxy import contentviews, http

# From the flow, the message that is looked at and its body, to text. May raise: mitmproxy then shows the raw body.
Render = Callable[[http.HTTPFlow, Any, bytes], str]
_NEW = hasattr(contentviews, "Contentview")  # 12.x
NEVER = -1.0  # the priority of a view that is shown when it is chosen, and not by itself


def _never(content_type: str) -> float:
    return NEVER


def add(name: str, render: Render, priority: Callable[[str], float] = _never) -> None:
    """Add a view, in place of one of the same name. It stays until the process ends: 12.x cannot remove one.

    `priority`: from a content type, in lower case and without parameters; mitmproxy's own have 0 to 2.
    """
    if not _NEW and (old := contentviews.get(name)):
        contentviews.remove(old)  # type: ignore[arg-type, unused-ignore]
    contentviews.add(_view(name, render, priority))


def _view(name: str, render: Render, priority: Callable[[str], float]) -> Any:
    if _NEW:

        class New(contentviews.Contentview):
            """A view that is chosen by name."""

            @property
            def name(self) -> str:
                return name

            def prettify(self, data: bytes, metadata: Any) -> str:
                return render(_flow(metadata.flow), metadata.http_message, data)

            def render_priority(self, data: bytes, metadata: Any) -> float:
                return priority((metadata.content_type or "").lower())

        return New()

    class Old(contentviews.View):  # type: ignore[misc, unused-ignore]
        """The same for 11.x."""

        def __call__(self, data: bytes, **metadata: Any) -> Any:
            text = render(_flow(metadata.get("flow")), metadata.get("http_message"), data)
            return self.name, ([("text", line)] for line in text.splitlines())

        def render_priority(self, data: bytes, **metadata: Any) -> float:
            return priority((metadata.get("content_type") or "").lower())

    Old.name = name
    return Old()


def _flow(flow: Any) -> http.HTTPFlow:
    if not isinstance(flow, http.HTTPFlow):
        raise ValueError("This view is for HTTP flows.")
    return flow
