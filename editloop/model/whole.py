"""A program, or a part of one, as an answer: how a chat model is asked for it, and what its answer
means.

Whole programs are what the loop of turns is compared with (Chain-of-Edits, arXiv 2507.05065,
section 5). Parts are asked for where no gap helps: of models without fill-in tokens, and last of
the others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from editloop.model.backend import Chat

_DIRECT = "Answer with the whole corrected code in one ```python block and nothing else."
_PROSE = (
    "Explain in a few sentences what is wrong, then give the whole corrected code in one ```python "
    "block."
)
_KEEPING = "Correct the code. Keep as much of it as possible. Answer with the code only."
_BLOCK = re.compile(r"```(?:python)?[^\n]*\n(.*?)```", re.DOTALL)
FENCE = "```python\n"
"""What an answer to `ask_part` begins with; it ends with the three signs."""


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


def ask_part(lines: Sequence[str], failed: Sequence[str]) -> Chat:
    """The question for some lines of a program, the code first and what is wanted last: small
    models keep more of it so."""
    code = "".join(f"{line}\n" for line in unindented(lines))
    told = "".join(f"It fails: {text}\n" for text in failed)
    return Chat((("user", f"{FENCE}{code}```\n\n{told}{_KEEPING}"),), begun=FENCE)


def read_part(text: str, lines: Sequence[str]) -> tuple[str, ...]:
    """What an answer to `ask_part` puts in the place of `lines`, with their indentation.

    Comments that were not there are left out. Of an answer with more than one definition it is the
    one of the same name; what an answer leaves out behind two lines that it repeats stays.
    """
    code = text.partition("```")[0].rstrip().split("\n")
    old = unindented(lines)
    code = rejoined(_same(uncommented(code, old), old), old)
    indent = lines[0][: len(lines[0]) - len(old[0])] if lines else ""
    return tuple(indent + line.rstrip() if line.strip() else "" for line in code)


def uncommented(lines: Sequence[str], old: Sequence[str]) -> list[str]:
    """The lines without comments that are not in `old`."""
    said = {line.strip() for line in old}
    return [one for one in lines if not one.lstrip().startswith("#") or one.strip() in said]


def rejoined(lines: Sequence[str], old: Sequence[str]) -> list[str]:
    """The lines, and what follows in `old` where they change something and then end with two of its
    lines."""
    at = joint(lines, old)
    return [*lines, *(old[at:] if at is not None else ())]


def joint(lines: Sequence[str], old: Sequence[str]) -> int | None:
    """The line of `old` that follows where the last two of `lines` repeat it after a change; None
    where they do not, or where they stand in `old` more than once."""
    same = next(
        (n for n, pair in enumerate(zip(lines, old, strict=False)) if pair[0] != pair[1]), None
    )
    if same is None or len(lines) < same + 3 or not all(len(one.strip()) > 3 for one in lines[-2:]):
        return None
    found = [n for n in range(same, len(old) - 1) if list(old[n : n + 2]) == list(lines[-2:])]
    return found[0] + 2 if len(found) == 1 else None


def unindented(lines: Sequence[str]) -> list[str]:
    """The lines without what the first of them is indented by."""
    blanks = lines[0][: len(lines[0]) - len(lines[0].lstrip())] if lines else ""
    return [line.removeprefix(blanks) for line in lines]


def _same(code: list[str], old: Sequence[str]) -> list[str]:
    """Of an answer's lines those of the definition that `old` begins with, where it has others
    too."""
    name = re.match(r"(?:@.*|(?:async )?(?:def|class) (\w+).*)", old[0]) if old else None
    if name is None or name[1] is None:
        return code
    try:
        body = ast.parse("\n".join(code)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    found = [one for one in body if isinstance(one, kinds) and one.name == name[1]]
    if len(body) < 2 or len(found) != 1:
        return code
    return code[found[0].lineno - 1 : found[0].end_lineno]
