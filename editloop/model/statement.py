"""Where a reply that is to be one statement of Python ends."""

from __future__ import annotations

from editloop.document.text import split_lines


def is_statement(text: bytes) -> bool:
    """Whether a text holds a whole statement and the end of its last line."""
    if not text.endswith(b"\n") or not text.strip():
        return False
    lines = [line for line in text.split(b"\n") if line.strip()]
    opened = sum(text.count(one) for one in b"([{") - sum(text.count(one) for one in b")]}")
    return opened <= 0 and not lines[-1].rstrip().endswith((b":", b",", b"\\"))


def first_statement(text: str) -> str:
    """The text up to the end of its first statement, without comments before it."""
    taken = ""
    for line in split_lines(text):
        if not taken.strip() and line.text.lstrip().startswith("#"):
            continue
        taken += line.text + line.end
        if is_statement(taken.encode()):
            break
    return taken
