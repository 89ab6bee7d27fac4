"""A whole program as an answer: how a chat model is asked for one, and what its answer means.

It is what the loop of turns is compared with (Chain-of-Edits, arXiv 2507.05065, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from editloop.model.backend import Chat

__all__ = ["ask_whole", "read_whole", "say_whole"]

_DIRECT = "Answer with the whole corrected code in one ```python block and nothing else."
_PROSE = (
    "Explain in a few sentences what is wrong, then give the whole corrected code in one ```python "
    "block."
)
_BLOCK = re.compile(r"```(?:python)?[^\n]*\n(.*?)```", re.DOTALL)


def ask_whole(source: str, failed: Sequence[str], *, prose: bool = False) -> Chat:
    """The question for the whole program, `failed` what the checks say; with `prose` it is to be
    explained first."""
    told = "".join(f"{text}\n" for text in failed)
    asked = f"This Python code fails its tests.\n\n```python\n{source}```\n\n{told}\n"
    return Chat((("user", asked + (_PROSE if prose else _DIRECT)),))


def say_whole(source: str) -> str:
    """The answer that means this program."""
    return f"```python\n{source}```"


def read_whole(text: str) -> str | None:
    """The program that an answer gives, the last where there are several; None where it gives
    none."""
    blocks: list[str] = _BLOCK.findall(text)
    return blocks[-1] if blocks else None
