"""The menu: which code actions are offered where. No check and no model is run to fill it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsprotocol import types

from editloop.document.text import Line
from editloop_lsp.client import Client
from editloop_lsp.documents import Document
from editloop_lsp.edits import FixResult
from editloop_lsp.targets import Kind, Target, first_line, place_of, shorten

FIX_ALL = "source.fixAll.editloop"
KINDS = (types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite, FIX_ALL)
COMMAND = "editloop.fix"
_HEADER = re.compile(r"([ \t\f]*)(?:async[ \t]+def|def|class)\b[ \t]*(\w+)")


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the menu."""

    target: Target
    kind: str
    title: str
    diagnostic: types.Diagnostic | None = None


def offers(
    document: Document, place: types.Range, context: types.CodeActionContext
) -> Iterator[Offer]:
    """What is offered for a range: nothing without a diagnostic, a selection or a failing test."""
    near = [*context.diagnostics]
    near += [d for d in document.diagnostics if _touches(d.range, place) and d not in near]
    selected = place.start != place.end
    text = document.text
    seen: set[str] = set()
    for diagnostic in near:
        target = _target(document, "diagnostic", diagnostic.range, diagnostic)
        if target.message and target.message not in seen:
            seen.add(target.message)
            yield Offer(target, types.CodeActionKind.QuickFix, target.title, diagnostic)
    if document.tests:
        failing = [d for d in near if d in document.tests]
        kind = types.CodeActionKind.QuickFix if failing else types.CodeActionKind.RefactorRewrite
        target = _target(document, "tests", place)
        yield Offer(target, kind, target.title)
    if not (near or selected or document.tests):
        if document.diagnostics and _is_source(context):
            yield _fix_all(document)
        return
    rewrite = types.CodeActionKind.RefactorRewrite
    if selected:
        yield Offer(
            _target(document, "selection", place), rewrite, "Fix this code: selection (editloop)"
        )
    name = enclosing(text.lines, place.start.line)
    if name:
        yield Offer(
            _target(document, "function", place),
            rewrite,
            f"Fix this code: function {name} (editloop)",
        )
    yield Offer(_target(document, "file", place), rewrite, "Fix this code: file (editloop)")
    if near or document.diagnostics:
        yield _fix_all(document)


def wanted(kind: str, context: types.CodeActionContext) -> bool:
    """Whether the client asked for this kind.

    What is asked for on every save (``source.fixAll`` without a person) has to name us, as a fix
    takes seconds.
    """
    if not context.only:
        return kind != FIX_ALL
    automatic = context.trigger_kind == types.CodeActionTriggerKind.Automatic
    if kind == FIX_ALL and automatic:
        return FIX_ALL in context.only
    return any(kind == only or kind.startswith(f"{only}.") for only in map(_word, context.only))


def action(
    offer: Offer,
    client: Client,
    known: FixResult | None,
    edit: types.WorkspaceEdit | None,
    least: float = 0.0,
) -> types.CodeAction | types.Command:
    """The entry as this client understands it; with ``edit`` where the fix is verified already, and
    preferred where ``least`` allows it (see ``Report.preferred``)."""
    data = offer.target.data()
    command = types.Command(offer.title, COMMAND, arguments=[data])
    if not client.action_literals:
        return command
    lazy = client.resolves_edits or edit is not None
    shown = offer.title
    if edit is not None and known is not None:
        shown = f"{offer.title}: {known.fixes[0].label.removeprefix('editloop: ')}"
        shown += "".join(f"; {words}" for words in _doubts(known, least))
    return types.CodeAction(
        title=shown,
        kind=offer.kind,
        diagnostics=[offer.diagnostic] if offer.diagnostic else None,
        is_preferred=True if edit and known and known.report.preferred(least) else None,
        edit=edit,
        command=None if lazy else command,
        data=data if client.resolves_edits else None,
        tags=[types.CodeActionTag.LlmGenerated] if client.llm_tag else None,
    )


def _doubts(known: FixResult, least: float) -> Iterator[str]:
    """Why a fix that was found is not preferred, in words."""
    if (question := known.report.question) is not None:
        yield shorten(question.line)
    share = known.report.found.share
    if share is not None and share.value < least:
        yield share.words


def enclosing(lines: Sequence[Line], line: int) -> str:
    """The dotted name of the function or class around a line by indentation, "" outside of all."""
    names: list[str] = []
    width: int | None = None
    for number in range(min(line, len(lines) - 1), -1, -1):
        text = lines[number].text
        bare = text.strip()
        if not bare or bare[0] in "#)]}":
            continue
        indent = len(text[: len(text) - len(text.lstrip())].expandtabs())
        header = _HEADER.match(text)
        if header is not None and (width is None or indent < width):
            names.append(header[2])
            width = indent
        elif width is None or indent < width:
            width = indent
        if width == 0:
            break
    return ".".join(reversed(names))


def _fix_all(document: Document) -> Offer:
    target = _target(document, "all", None)
    return Offer(target, FIX_ALL, target.title)


def _target(
    document: Document,
    kind: Kind,
    place: types.Range | None,
    diagnostic: types.Diagnostic | None = None,
) -> Target:
    text = document.text
    message = first_line(_message(diagnostic)) if diagnostic else ""
    code = str(diagnostic.code or "") if diagnostic else ""
    numbers = place_of(place) if place else (0, 0, 0, 0)
    source = str(diagnostic.source or "") if diagnostic else ""
    return Target(text.uri, kind, text.version, numbers, message, code, source)


def _message(diagnostic: types.Diagnostic) -> str:
    message = diagnostic.message
    return message if isinstance(message, str) else message.value


def _touches(a: types.Range, b: types.Range) -> bool:
    """Whether two ranges share a line: a cursor is rarely exactly on the diagnostic."""
    return a.start.line <= b.end.line and b.start.line <= a.end.line


def _is_source(context: types.CodeActionContext) -> bool:
    return any(_word(only).startswith("source") for only in context.only or ())


def _word(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind
