"""The model where the path names it: found on the decoded path, changed in the raw one. (DESIGN section 6)

A template of the catalogue names the place, and by what follows `{model}` its end:

    /models/{model}:         up to the next colon, slashes included    Gemini: /models/gemini-2:generateContent
    /deployments/{model}/    one segment                               Azure: /deployments/my-gpt/chat/completions
    /model/{model}/{op}      all but the last segment                  Bedrock: /model/arn%3Aaws%3A…%2Fx/converse
    /run/{model}             the rest                                  Workers AI: /run/@cf/meta/llama-3

Rules: 1. Matched decoded: `%6dodels/secret-model` names the same model to the provider.
       2. A path in which templates find two different models is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mitmvault.core.refusal import Refusal

EXAMPLES = ("/models/{model}:", "/deployments/{model}/", "/model/{model}/{op}", "/run/{model}")
_ENDS = {":": "([^:]+?):", "/": "([^/]+)/", "/{op}": "(.+)/[^/]+/?$", "": "(.+)$"}
_UNIT = re.compile("%[0-9A-Fa-f]{2}|.", re.S)
_SAFE = "/@:._~-"  # what stays readable in a path segment, RFC 3986 section 3.3, and the slash


@dataclass(frozen=True)
class PathModel:
    """A model in a raw path, and where it stands."""

    path: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The model, decoded."""
        return unquote(self.path[self.start : self.end])

    def renamed(self, model: str) -> str:
        """The path with another model, encoded as the client encoded its own."""
        slashes = "/" in self.path[self.start : self.end] or "%2f" not in self.path[self.start : self.end].lower()
        return self.path[: self.start] + quote(model, safe=_SAFE if slashes else "") + self.path[self.end :]


def is_template(text: str) -> bool:
    """Is this a template that `find` understands?"""
    head, _, end = text.partition("{model}")
    return "{model}" in text and re.fullmatch(r"(/[A-Za-z0-9._~-]+)+/", head) is not None and end in _ENDS


def find(templates: Iterable[str], path: str) -> PathModel | None:
    """The model in a raw path without its query; None when no template fits. Raises Refusal (rule 2)."""
    units = _UNIT.findall(path)
    decoded = "".join(chr(int(unit[1:], 16)) if len(unit) == 3 else unit for unit in units)
    offsets = [0]
    for unit in units:
        offsets.append(offsets[-1] + len(unit))
    found = {
        PathModel(path, offsets[match.start(1)], offsets[match.end(1)])
        for template in templates
        for match in re.finditer(_pattern(template), decoded)
    }
    if len({model.value for model in found}) > 1:
        raise Refusal("bad_path", "The path names two models; send exactly one.")
    return min(found, key=lambda model: model.start) if found else None


def _pattern(template: str) -> str:
    head, _, end = template.partition("{model}")
    return f"(?={re.escape(head)}{_ENDS[end]})"  # looked ahead, so that matches may overlap: none is missed
