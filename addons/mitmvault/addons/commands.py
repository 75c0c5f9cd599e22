"""Commands for the `:` bar of mitmproxy's console and of mitmweb.

Rules: 1. Names are letters and dots: mitmweb runs no others (11.0.2 and 12.2.3: tools/web/app.py).
       2. Nothing that is shown holds a secret; an error is one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitmproxy import command, exceptions, flow, http, types

from mitmvault.addons import saving
from mitmvault.core.case import CaseError


class Commands:
    """What people may ask of the proxy while they look at its flows."""

    @command.command("mitmvault.test.save")
    def save_as_test(self, flows: Sequence[flow.Flow], path: types.Path) -> str:
        """Save requests as cases for `mitmvault test`: to a new file, or to a directory. No secret and no prompt."""
        try:
            written = [saving.save(_http(found), Path(path)) for found in flows]
        except FileExistsError as error:
            raise exceptions.CommandError(f"{error.filename} is there already: choose another name") from None
        except OSError as error:
            raise exceptions.CommandError(f"{error.filename or path}: {error.strerror}") from None
        except CaseError as error:
            raise exceptions.CommandError(str(error)) from None
        return "saved: " + ", ".join(map(str, written)) if written else "no flow was chosen"


def _http(found: flow.Flow) -> http.HTTPFlow:
    if not isinstance(found, http.HTTPFlow):
        raise exceptions.CommandError("this is for HTTP flows")
    return found
