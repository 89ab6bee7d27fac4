"""Notebook cells: each is a document of its own.

Names come from other cells, so no static check is made and no test is run there; lines that are
IPython's own (``%magic``, ``!command``, ``help?``) are taken for statements that do nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from editloop.document.text import split_lines
from editloop.python.lexer import shape

SCHEME = "vscode-notebook-cell"
NOTE = "a notebook cell: names of other cells are not known, so only its syntax was checked"
_MAGIC = re.compile(r"([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)")


def as_python(text: str) -> str | None:
    """The cell with the same lines and no IPython; None where all of it is something else."""
    if text.lstrip().startswith("%%"):
        return None
    lines, place = [], _Place()
    for line in split_lines(text):
        magic = _MAGIC.fullmatch(line.text) if place.begins else None
        lines.append((f"{magic[1]}pass" if magic else line.text) + line.end)
        place = place if magic else place.after(line.text)
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line begins: in a string that ends with ``closer``, in brackets, or after a
    backslash."""

    closer: str = ""
    depth: int = 0
    continued: bool = False

    @property
    def begins(self) -> bool:
        """Whether a statement can begin there, and with it what is IPython's own."""
        return not (self.closer or self.depth or self.continued)

    def after(self, text: str) -> _Place:
        """Where the line after this one begins."""
        if self.closer:
            _, found, text = text.partition(self.closer)
            if not found:
                return self
        line = shape(text)
        last = line.tokens[-1] if line.tokens else None
        closer = last.text.lstrip("rRbBfFuU")[:3] if last and last.kind == "open" else ""
        depth = self.depth + sum(1 if line.tokens[i].text in "([{" else -1 for i in line.loose)
        return _Place(closer, max(depth, 0), text.endswith("\\"))
