"""Having the client apply an edit, and finding out whether it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

_SECONDS = 3.0


async def apply(
    server: EditloopServer, uri: str, edit: types.WorkspaceEdit, label: str
) -> tuple[bool, str]:
    """(applied, why not). A client that does not answer has applied it if the document changed."""
    document = server.documents.get(uri)
    before = document.text if document else None
    params = types.ApplyWorkspaceEditParams(edit, label)
    answer = await server.ask(types.WORKSPACE_APPLY_EDIT, params, seconds=_SECONDS)
    if answer.ok:
        if answer.result is not None and answer.result.applied:
            return True, ""
        why = getattr(answer.result, "failure_reason", None)
        return False, f"the editor did not apply the fix: {why or 'it gave no reason'}"
    document = server.documents.get(uri)
    if document is not None and document.text is not before:
        return True, ""
    return False, "the editor did not say whether it applied the fix"
