"""The blocks of docs/editors.md that are marked as tested: what people paste is what runs here."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "editors.md"
_BLOCK = re.compile(r"^<!-- tested: (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented_blocks() -> dict[str, str]:
    """The text of each marked block, by the name in its mark."""
    return dict(_BLOCK.findall(PAGE.read_text(encoding="utf-8")))
