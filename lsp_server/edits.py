"""Verified edits as the protocol's: positions in the client's units, versions, and moving an edit
to a document that was changed elsewhere meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from editloop.edits import common_prefix
from editloop.text import Line
from lsp_server.client import Client
from lsp_server.positions import to_client

if TYPE_CHECKING:
    from lsp_server.documents import Text

Hunk = Mapping[str, Any]
"""``{"start", "end": {"line", "character"}, "new_text"}`` in code points."""


def shift(old: Sequence[Line], new: Sequence[Line], first: int, stop: int) -> int | None:
    """How many lines the lines ``first`` to ``stop`` (exclusive) have moved down; None where they
    themselves have changed.

    They have not where all changes are before or after them, or where their text is there once.
    """
    head = common_prefix(old, new)
    if stop <= head:
        return 0
    limit = min(len(old), len(new)) - head
    tail = common_prefix(old[::-1][:limit], new[::-1][:limit])
    if first >= len(old) - tail:
        return len(new) - len(old)
    block = tuple(old[first:stop])
    before, now = _places(old, block), _places(new, block)
    return now[0] - first if len(before) == len(now) == 1 else None


def workspace_edit(
    text: Text,
    hunks: Sequence[Hunk],
    client: Client,
    *,
    encoding: str,
    label: str,
    moved: tuple[Text, int] | None = None,
) -> types.WorkspaceEdit:
    """The edit of one document, one undo step. ``moved``: the present text, and how many lines the
    hunks have to go down in it."""
    present, lines = moved or (text, 0)
    annotated = client.annotations and client.document_changes
    edits: list[types.TextEdit | types.AnnotatedTextEdit | types.SnippetTextEdit] = []
    for hunk in hunks:
        start, end = (
            to_client(text.lines, hunk[side]["line"], hunk[side]["character"], encoding)
            for side in ("start", "end")
        )
        start.line += lines
        end.line += lines
        place = types.Range(start, end)
        if annotated:
            edits.append(types.AnnotatedTextEdit("editloop", place, hunk["new_text"]))
        else:
            edits.append(types.TextEdit(place, hunk["new_text"]))
    if not client.document_changes:
        plain = [edit for edit in edits if isinstance(edit, types.TextEdit)]
        return types.WorkspaceEdit(changes={text.uri: plain})
    document = types.OptionalVersionedTextDocumentIdentifier(present.uri, present.version)
    annotations = {"editloop": types.ChangeAnnotation(label)} if annotated else None
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, edits)],
        change_annotations=annotations,
    )


def _places(lines: Sequence[Line], block: tuple[Line, ...]) -> list[int]:
    """Where the block begins."""
    size = len(block)
    starts = range(len(lines) - size + 1) if size else ()
    return [n for n in starts if lines[n] == block[0] and tuple(lines[n : n + size]) == block]
