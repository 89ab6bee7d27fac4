"""The commands of ``workspace/executeCommand`` that ask for a fix, or are about one that was found.

Each takes one JSON object and returns another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from editloop_lsp.applying import apply
from editloop_lsp.documents import Document, Documents
from editloop_lsp.edits import FixResult, Stale, workspace_edit
from editloop_lsp.fixing import Fixing
from editloop_lsp.jobs import Jobs
from editloop_lsp.lastrun import locate
from editloop_lsp.protocol import Argument, Protocol, Token
from editloop_lsp.reports import markdown
from editloop_lsp.targets import parse
from editloop_lsp.text import Text
from editloop_lsp.wire import KeepJob
from editloop_lsp.workers import WorkerProcess


@dataclass(frozen=True, slots=True)
class Commands:
    """Handlers of the commands; ``checker`` is the process that writes examples."""

    protocol: Protocol
    documents: Documents
    jobs: Jobs
    fixing: Fixing
    checker: WorkerProcess

    async def fix(self, argument: Argument, token: Token) -> dict[str, Any]:
        result = await self.fixing.find(parse(argument), token)
        row = self._row(result)
        if argument.get("apply", True) is not False:
            if result.fixes:
                row |= await self._apply(result, 0)
            if not row["applied"]:
                self.protocol.show(row["reason"] if result.fixes else result.report.line)
        return row

    async def cancel(self, argument: Argument, _: Token) -> dict[str, Any]:
        uri = argument.get("uri")
        return {"cancelled": self.jobs.cancel(uri if isinstance(uri, str) else None)}

    async def show_last_report(self, argument: Argument, _: Token) -> dict[str, Any]:
        result = self._last(argument)
        if result is None:
            self.protocol.show("editloop: no fix was asked for yet")
            return {"markdown": "", "report": None}
        if not self.protocol.client.status:  # a client that knows of us shows the whole report
            self.protocol.show(result.report.line)
        return {"markdown": markdown(result.report), "report": result.report.data()}

    async def trust(self, argument: Argument, _: Token) -> dict[str, Any]:
        document = self._document(argument)
        if document is None:
            return {"trust": None, "question": None}
        if document.weighing is not None:
            await asyncio.wait([document.weighing])
        compared = document.last.report.found.compared if document.last else None
        differences = compared["differences"] if compared else []
        return {"trust": compared, "question": differences[0] if differences else None}

    async def keep_example(self, argument: Argument, _: Token) -> dict[str, Any]:
        document = self._document(argument)
        call, answer = argument.get("call"), argument.get("answer")
        if document is None or not isinstance(call, str) or not isinstance(answer, str):
            raise JsonRpcInvalidParams("a document that is open, a call and an answer are needed")
        text = document.text
        hunks = await self.checker.request("keep", KeepJob(text.text, call, answer))
        if not hunks:
            return {"edit": None, "reason": f"no docstring of {text.name} can hold the example"}
        label = "editloop: example kept"
        return {
            "edit": workspace_edit(text, hunks, self.protocol.client, label=label),
            "reason": "",
        }

    async def apply_alternative(self, argument: Argument, _: Token) -> dict[str, Any]:
        index = argument.get("index")
        result = self._last(argument)
        if not isinstance(index, int) or result is None or not 0 <= index < len(result.fixes) - 1:
            return {"applied": False, "reason": "there is no such alternative"}
        return await self._apply(result, index + 1)

    async def find_traceback(self, argument: Argument, _: Token) -> dict[str, Any]:
        texts = argument.get("texts")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise JsonRpcInvalidParams("texts have to be a list of texts")
        paths = [Text(uri, 0, "").path for uri in self.protocol.workspace.folders]
        return locate(texts, [path.resolve() for path in paths if path is not None])

    def _row(self, result: FixResult) -> dict[str, Any]:
        report = result.report
        row: dict[str, Any] = {
            "status": report.status,
            "reason": report.found.reason,
            "applied": False,
            "report": report.data(),
            "alternatives": [],
        }
        try:
            edits = [self._edit(result, index) for index in range(len(result.fixes))]
        except Stale as stale:
            return row | {"status": "stale", "reason": str(stale)}
        if edits:
            row["edit"] = edits[0]
            pairs = zip(result.fixes[1:], edits[1:], strict=True)
            row["alternatives"] = [
                {"label": fix.label, "diff": fix.diff, "edit": edit} for fix, edit in pairs
            ]
        return row

    async def _apply(self, result: FixResult, index: int) -> dict[str, Any]:
        """Have the client apply a fix; the keys that this changes in the command's answer."""
        try:
            edit = self._edit(result, index)
        except Stale as stale:
            return {"applied": False, "status": "stale", "reason": str(stale)}
        uri, label = result.text.uri, result.fixes[index].label
        applying = asyncio.create_task(apply(self.protocol, self.documents, uri, edit, label))
        try:
            applied, reason = await asyncio.shield(applying)
        except asyncio.CancelledError:  # the edit is on its way: the answer says what became of it
            applied, reason = await applying
        return {"applied": applied, "reason": reason or result.report.found.reason}

    def _edit(self, result: FixResult, index: int) -> types.WorkspaceEdit:
        now = self.documents.text(result.text.uri)
        return result.edit(now, self.protocol.client, index)

    def _last(self, argument: Argument) -> FixResult | None:
        """The last fix of the document that is named, else of all."""
        if not isinstance(argument.get("uri"), str):
            return self.documents.last
        document = self._document(argument)
        return document.last if document else None

    def _document(self, argument: Argument) -> Document | None:
        uri = argument.get("uri")
        return self.documents.get(uri) if isinstance(uri, str) else None
