"""The handlers: each takes a message apart and delegates."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server import actions, commands
from lsp_server.cells import SCHEME
from lsp_server.client import describe
from lsp_server.documents import Text, changed
from lsp_server.fixing import Stale, edit_of, find_fix, stale_line
from lsp_server.server import EditloopServer
from lsp_server.settings import Settings
from lsp_server.targets import TargetError, parse
from lsp_server.workers import WorkerError

log = logging.getLogger(__name__)


def make_server() -> EditloopServer:
    """A server with all handlers."""
    server = EditloopServer()
    options = types.CodeActionOptions(code_action_kinds=list(actions.KINDS), resolve_provider=True)
    feature = server.feature
    feature(types.INITIALIZE)(initialize)
    feature(types.INITIALIZED)(initialized)
    feature(types.TEXT_DOCUMENT_DID_OPEN)(did_open)
    feature(types.TEXT_DOCUMENT_DID_CHANGE)(did_change)
    feature(types.TEXT_DOCUMENT_DID_CLOSE)(did_close)
    feature(types.TEXT_DOCUMENT_DID_SAVE)(did_save)
    feature(types.TEXT_DOCUMENT_CODE_ACTION, options)(code_action)
    feature(types.CODE_ACTION_RESOLVE)(resolve)
    feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(did_change_configuration)
    feature("editloop/didChangeTrust")(did_change_trust)
    for name, handler in commands.COMMANDS.items():
        server.command(name)(handler)
    return server


def initialize(ls: EditloopServer, params: types.InitializeParams) -> None:
    ls.client = describe(params)
    if ls.client.pulls_diagnostics:
        ls.feature(types.TEXT_DOCUMENT_DIAGNOSTIC)(diagnostic)
    ls.trust.trusted = ls.client.trusted
    options = params.initialization_options
    if isinstance(options, Mapping):
        ls.configuration.push(options.get("settings"))


def initialized(ls: EditloopServer, _: types.InitializedParams) -> None:
    ls.spawn(begin(ls))


async def begin(ls: EditloopServer) -> None:
    """What a session begins with, beside the client's first requests."""
    if ls.client.registers_configuration:
        item = types.Registration("configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION)
        params = types.RegistrationParams([item])
        await ls.ask(types.CLIENT_REGISTER_CAPABILITY, params, seconds=5.0)
    settings = await ls.configuration.of("")
    set_log_level(settings.log_level)
    ls.status.changed()
    if settings.enable:
        await warm_up(ls, settings)


async def warm_up(ls: EditloopServer, settings: Settings) -> None:
    """Start the workers, so that the first fix need not wait for them."""
    try:
        await ls.checker.request("ping")
        if settings.load_model == "startup" and not settings.server:
            await ls.fixer.request("load", {"model": settings.model})
        else:
            await ls.fixer.request("ping")
    except WorkerError as error:
        log.info("%s", error)


def did_open(ls: EditloopServer, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    if item.language_id == "python":
        cell = item.uri.startswith(f"{SCHEME}:")
        ls.open_document(Text(item.uri, item.version, item.text, cell=cell))


def did_change(ls: EditloopServer, params: types.DidChangeTextDocumentParams) -> None:
    item = params.text_document
    document = ls.documents.get(item.uri)
    if document is not None:
        text = changed(document.text, item.version, params.content_changes, ls.encoding)
        ls.change_document(text)


def did_save(ls: EditloopServer, params: types.DidSaveTextDocumentParams) -> None:
    if ls.documents.get(params.text_document.uri) is not None:
        ls.diagnostics.saved(params.text_document.uri)


def did_close(ls: EditloopServer, params: types.DidCloseTextDocumentParams) -> None:
    if ls.documents.get(params.text_document.uri) is not None:
        ls.close_document(params.text_document.uri)


async def diagnostic(
    ls: EditloopServer, params: types.DocumentDiagnosticParams
) -> types.RelatedFullDocumentDiagnosticReport:
    return types.RelatedFullDocumentDiagnosticReport(
        await ls.diagnostics.pull(params.text_document.uri)
    )


async def did_change_configuration(
    ls: EditloopServer, params: types.DidChangeConfigurationParams
) -> None:
    ls.configuration.push(params.settings)
    ls.diagnostics.settings_changed()
    set_log_level((await ls.configuration.of("")).log_level)


def did_change_trust(ls: EditloopServer, params: Any) -> None:
    trusted = getattr(params, "trusted", None)
    if isinstance(trusted, bool):
        ls.trust.trusted = trusted


async def code_action(
    ls: EditloopServer, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command]:
    document = ls.documents.get(params.text_document.uri)
    if document is None or not (await ls.configuration.of(document.text.uri)).enable:
        return []
    ls.diagnostics.saw(document, list(params.context.diagnostics))
    menu: list[types.CodeAction | types.Command] = []
    for offer in actions.offers(document, params.range, params.context):
        if not actions.wanted(offer.kind, params.context):
            continue
        known = document.results.get(offer.target.key)
        edit = None
        if known is not None and known.fixes:
            try:
                edit = edit_of(ls, known)
            except Stale:
                continue
        menu.append(actions.action(offer, ls.client, known, edit))
    return menu


async def resolve(ls: EditloopServer, params: types.CodeAction) -> types.CodeAction:
    if params.edit is not None or params.data is None:
        return params
    try:
        target = parse(params.data)
    except TargetError as error:
        raise JsonRpcInvalidParams(str(error)) from error
    result = await find_fix(ls, target)
    if not result.fixes:
        ls.show(result.report.line)
        return params
    try:
        params.edit = edit_of(ls, result)
    except Stale as stale:
        ls.show(stale_line(result, stale))
    return params


def set_log_level(name: str) -> None:
    logging.getLogger("lsp_server").setLevel(name.upper())
