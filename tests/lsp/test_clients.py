"""Sessions with the recorded capabilities of editors, by a client that watches the protocol: what
the server sends has to be what the client said that it understands.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

from .conftest import Script
from .editor import ROOT, server_env
from .samples import ADD, ADD_FIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

EDITORS = {
    "VS Code": "visual_studio_code@1.65.2",
    "Neovim": "neovim@0.11.0",
    "Neovim 0.7": "neovim@0.7.0",
    "Emacs": "emacs@29.1",
}


def make_client(spec: str) -> LanguageClient:
    """pytest-lsp's client, which also applies edits and accepts registrations."""
    client = LanguageClient(converter_factory=default_converter)
    register_lsp_features(client)
    client.set_configuration({"runCode": "always"}, section="editloop")

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        """Any registration is fine."""

    @client.feature(types.WORKSPACE_APPLY_EDIT)
    def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        client.edits.append(params.edit)  # type: ignore[attr-defined]
        return types.ApplyWorkspaceEditResult(applied=True)

    client.edits = []  # type: ignore[attr-defined]
    client.capabilities = client_capabilities(spec)
    return client


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=EDITORS)
async def client(
    request: pytest.FixtureRequest, folder: Path, env: dict[str, str]
) -> AsyncIterator[LanguageClient]:
    spec = EDITORS[request.param]
    started = make_client(spec)
    command = [sys.executable, "-m", "editloop", "serve"]
    await started.start_io(*command, env=server_env(env), cwd=str(ROOT))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = await started.initialize_session(
            types.InitializeParams(
                capabilities=client_capabilities(spec),
                workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "workspace")],
                initialization_options={"settings": {"runCode": "always"}},
            )
        )
        started.protocol.server_capabilities = told.capabilities
        yield started
        await started.shutdown_session()
    await started.stop()


def opened(client: LanguageClient, folder: Path, text: str) -> str:
    uri = (folder / f"{len(client.diagnostics)}.py").as_uri()
    item = types.TextDocumentItem(uri, "python", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return uri


async def test_a_fix_by_the_editors_own_way(
    client: LanguageClient, folder: Path, script: Script
) -> None:
    script(ADD_FIX)
    uri = opened(client, folder, ADD)
    place = types.Range(types.Position(5, 4), types.Position(5, 16))
    context = types.CodeActionContext([])
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), place, context)
    menu = await client.text_document_code_action_async(params)
    assert menu
    edit = await _edit_of(client, uri, menu[0])
    documents: Any = client.capabilities.workspace.workspace_edit  # type: ignore[union-attr]
    if documents.document_changes:
        assert edit.changes is None
        [change] = edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document == types.OptionalVersionedTextDocumentIdentifier(uri, 1)
        [hunk] = change.edits
        annotated = documents.change_annotation_support is not None
        assert isinstance(hunk, types.AnnotatedTextEdit) is annotated
    else:
        assert edit.document_changes is None
        [hunk] = (edit.changes or {})[uri]
    assert hunk.range == types.Range(types.Position(5, 13), types.Position(5, 14))
    assert hunk.new_text == "+"  # type: ignore[union-attr]


async def _edit_of(
    client: LanguageClient, uri: str, entry: types.CodeAction | types.Command
) -> types.WorkspaceEdit:
    """The edit by resolve, or by the command where the editor does not resolve."""
    resolves = client.capabilities.text_document.code_action.resolve_support  # type: ignore
    if resolves is not None:
        assert isinstance(entry, types.CodeAction)
        assert (entry.edit, entry.command) == (None, None)
        resolved = await client.code_action_resolve_async(entry)
        assert resolved.edit is not None
        return resolved.edit
    # lsprotocol takes an action with a command for a command, so its argument is lost here.
    argument = {"uri": uri, "version": 1, "kind": "file"}
    done = await client.workspace_execute_command_async(
        types.ExecuteCommandParams("editloop.fix", [argument])
    )
    assert done["applied"]
    edit: types.WorkspaceEdit = client.edits[-1]  # type: ignore[attr-defined]
    return edit


async def test_diagnostics_are_pushed_where_no_refresh_is_understood(
    client: LanguageClient, folder: Path
) -> None:
    assert client.protocol.server_capabilities.diagnostic_provider is None
    uri = opened(client, folder, "x = undefd\n")
    while uri not in client.diagnostics:
        waiting = client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        await asyncio.wait_for(waiting, 60)
    [found] = client.diagnostics[uri]
    assert (found.code, found.source) == ("F821", "editloop")
