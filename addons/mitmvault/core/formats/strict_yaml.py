"""YAML as we take it: no duplicate keys, and errors of one line that quote nothing of the file."""

from __future__ import annotations

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """SafeLoader that refuses a key that is there twice; YAML 1.2 says it must be unique, PyYAML keeps the last."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(problem="a key must be a text", problem_mark=key.start_mark)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(problem="a key is there twice", problem_mark=key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(text: str) -> Any:
    """The document in `text`; None when it is empty. Raises ValueError with one line."""
    try:
        return yaml.load(text, _Strict)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"not valid YAML{line}: {error.problem or error.context}") from None
    except RecursionError:
        raise ValueError("not valid YAML: nested too deeply") from None
    except yaml.YAMLError:
        raise ValueError("not valid YAML: it holds characters that YAML does not allow") from None
