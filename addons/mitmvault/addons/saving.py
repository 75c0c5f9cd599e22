"""A request that was seen becomes a case of a policy's tests. (core/records/case.py, core/records/reduced.py)

Rules: 1. Only what this process has decided about itself: a flow from a file has lost what came.
       2. What is expected is what was decided first, whatever became of further attempts.
       3. Of the file's name, only the end comes from the request; a file that is there is not replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

from mitmproxy import http

from mitmvault.addons.arrivals import came_of
from mitmvault.core import explain
from mitmvault.core.records import case, reduced
from mitmvault.core.records.case import CaseError
from mitmvault.home import case_files
from mitmvault.local.pages import PAGES
from mitmvault.wire import permits

_PLAIN = re.compile(r"[^A-Za-z0-9.]+")


def case_of(flow: http.HTTPFlow) -> case.Case:
    """The case of a flow. Raises CaseError."""
    came, given = came_of(flow.request), permits.given(flow.request)
    if came is None:
        raise CaseError("only requests that this proxy itself has decided about can be saved, since its start")
    if given:
        decided = case.decision(explain.of_flow(came.arrival, given[0]))
    elif reason := flow.metadata.get("mitmvault_refusal"):
        decided = {"refused": reason}
    else:
        raise CaseError("nothing was decided about this request: it is still on its way, or for a page of our own")
    body = came.body
    if body is None and given and given[0].body is not None:
        raise CaseError("the body that decided was too large to be kept")
    if body is None:
        body = flow.request.raw_content or b""
    return reduced.saved(came.world, came.arrival, body, decided, PAGES)


def save(flow: http.HTTPFlow, path: Path) -> Path:
    """Write the case of a flow to a file, or to one of a name of its own in a directory. Raises CaseError, OSError."""
    made = case_of(flow)
    path = path.expanduser()
    if path.is_dir():
        path /= f"{_name(made)}-{flow.id[:8]}.yaml"
    case_files.save(path, made)
    return path


def _name(made: case.Case) -> str:
    """What people find it by: `alice-groq-llama-3.3`."""
    words = [made.request.user, made.expect.get("provider"), made.expect.get("model"), made.expect.get("refused")]
    return _PLAIN.sub("-", "-".join(word for word in words if word)).strip("-.")[:80] or "case"
