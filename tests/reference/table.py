"""Make docs/reference-systems.md from features.yaml: python -m tests.reference.table"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "reference-systems.md"
ABOUT = {
    "000": "one access key, one model on Workers AI",
    "001": "OpenAI-compatible routing by model, to Workers AI, OpenAI and Gemini",
    "002": "keys from the environment, pass-through and OpenAI-compatible endpoints, AI Gateway",
    "003": "an encrypted vault, users, everything through AI Gateway",
}
HEAD = """# What the reference systems promise

mitmvault replaces four proxies that were built as Cloudflare Workers. Every feature of their READMEs stands here, with the
test that proves it, and with what mitmvault does differently. Made by `python -m tests.reference.table` from
`tests/reference/features.yaml`.
"""


def features() -> dict[str, list[dict[str, Any]]]:
    """The rows, by system."""
    return yaml.safe_load((HERE / "features.yaml").read_text("utf-8"))


def page() -> str:
    """The page as it must be."""
    parts = [HEAD]
    for system, rows in sorted(features().items()):
        parts.append(f"\n## {system}: {ABOUT[system]}\n\n| feature | test | differs |\n|---|---|---|\n")
        for row in rows:
            test = f"`{row['test'].removeprefix('tests/')}`" if row["test"] else "none"
            parts.append(f"| {row['feature']} | {test} | {row.get('differs', '')} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
