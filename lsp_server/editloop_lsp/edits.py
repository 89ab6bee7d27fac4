"""Verified edits as the protocol's: positions in the client's units, versions, and moving an edit
to a document that was changed elsewhere meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from editloop.report.values import Fix
from editloop_lsp.client import Client
from editloop_lsp.positions import to_client
from editloop_lsp.reports import Report
from editloop_lsp.targets import Target
from editloop_lsp.text import Text, shift

Hunk = Mapping[str, Any]
"""A change of a text: ``{"start", "end": {"line", "character"}, "new_text"}`` in code points."""


@dataclass(frozen=True, slots=True)
class FixResult:
    """How a target of a text came out."""

    target: Target
    text: Text
    report: Report
    level: str = ""
    """Level of the sandbox in which code may be run, "" where none may."""

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The best is first."""
        return self.report.found.fixes

    def edit(self, now: Text | None, client: Client, index: int = 0) -> types.WorkspaceEdit:
        """The edit of a fix for the document's present text, None where it is closed.

        Raises Stale, IndexError.
        """
        fix = self.fixes[index]
        if now is None:
            raise Stale(self.text, "the document was closed meanwhile")
        lines = 0 if now is self.text else shift(self.text.lines, now.lines, *fix.region)
        if lines is None:
            raise Stale(self.text, "the document changed meanwhile where the fix is")
        return workspace_edit(self.text, fix.edits, client, label=fix.label, moved=(now, lines))


class Stale(Exception):
    """The document was changed where the edit is; the message is one line for a person."""

    def __init__(self, text: Text, why: str) -> None:
        super().__init__(f"{text.name}: the fix was not applied: {why}")


def workspace_edit(
    text: Text,
    hunks: Sequence[Hunk],
    client: Client,
    *,
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
            to_client(text.lines, hunk[side]["line"], hunk[side]["character"], client.encoding)
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
