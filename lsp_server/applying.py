"""Having the client apply an edit, and finding out whether it did."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

_SECONDS = 3.0
_QUIET_SECONDS = 0.3
"""How long a client that has changed the document may take to answer."""


async def apply(
    server: EditloopServer, uri: str, edit: types.WorkspaceEdit, label: str
) -> tuple[bool, str]:
    """(applied, why not). A client that does not answer has applied it if the document changed."""
    document = server.documents.get(uri)
    before = document.text if document else None

    def changed() -> bool:
        now = server.documents.get(uri)
        return now is not None and now.text is not before

    params = types.ApplyWorkspaceEditParams(edit, label)
    asking = asyncio.create_task(server.ask(types.WORKSPACE_APPLY_EDIT, params, seconds=_SECONDS))
    try:
        while not asking.done() and not changed():
            await asyncio.wait([asking], timeout=0.05)
        await asyncio.wait([asking], timeout=_QUIET_SECONDS)
        answer = asking.result() if asking.done() else None
    finally:
        asking.cancel()
    if answer is None or not answer.ok:
        return changed(), "" if changed() else "the editor did not say whether it applied the fix"
    if answer.result is not None and answer.result.applied:
        return True, ""
    why = getattr(answer.result, "failure_reason", None)
    return False, f"the editor did not apply the fix: {why or 'it gave no reason'}"
