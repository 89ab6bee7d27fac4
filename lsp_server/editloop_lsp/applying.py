"""Having the client apply an edit, and finding out whether it did."""

from __future__ import annotations

import asyncio

from lsprotocol import types

from editloop_lsp.documents import Documents
from editloop_lsp.protocol import Protocol

_SECONDS = 3.0
_QUIET_SECONDS = 0.3
"""How long a client that has changed the document may take to answer."""


async def apply(
    protocol: Protocol, documents: Documents, uri: str, edit: types.WorkspaceEdit, label: str
) -> tuple[bool, str]:
    """(applied, why not). A client that does not answer has applied it if the document changed."""
    before = documents.text(uri)

    def changed() -> bool:
        return documents.text(uri) not in (None, before)

    params = types.ApplyWorkspaceEditParams(edit, label)
    asking = asyncio.create_task(protocol.ask(types.WORKSPACE_APPLY_EDIT, params, seconds=_SECONDS))
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
