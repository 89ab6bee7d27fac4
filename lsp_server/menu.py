"""Handlers of the menu: its actions are listed, and one that was chosen gets its edit."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server import actions
from lsp_server.configuration import Configuration
from lsp_server.diagnostics import Diagnostics
from lsp_server.documents import Documents
from lsp_server.edits import Stale
from lsp_server.fixing import Fixing
from lsp_server.protocol import Protocol
from lsp_server.targets import TargetError, parse


@dataclass(frozen=True, slots=True)
class Menu:
    """What is told of other servers' diagnostics goes to ours."""

    protocol: Protocol
    documents: Documents
    configuration: Configuration
    diagnostics: Diagnostics
    fixing: Fixing

    async def code_action(
        self, params: types.CodeActionParams
    ) -> list[types.CodeAction | types.Command]:
        document = self.documents.get(params.text_document.uri)
        if document is None or not (await self.configuration.of(document.text.uri)).enable:
            return []
        self.diagnostics.saw(document, list(params.context.diagnostics))
        client = self.protocol.client
        menu: list[types.CodeAction | types.Command] = []
        for offer in actions.offers(document, params.range, params.context):
            if not actions.wanted(offer.kind, params.context):
                continue
            known = document.results.get(offer.target.key)
            edit = None
            if known is not None and known.fixes:
                try:
                    edit = known.edit(self.documents.text(document.text.uri), client)
                except Stale:
                    continue
            menu.append(actions.action(offer, client, known, edit))
        return menu

    async def resolve(self, params: types.CodeAction) -> types.CodeAction:
        if params.edit is not None or params.data is None:
            return params
        try:
            target = parse(params.data)
        except TargetError as error:
            raise JsonRpcInvalidParams(str(error)) from error
        result = await self.fixing.find(target)
        if not result.fixes:
            self.protocol.show(result.report.line)
            return params
        try:
            params.edit = result.edit(self.documents.text(target.uri), self.protocol.client)
        except Stale as stale:
            self.protocol.show(str(stale))
        return params
