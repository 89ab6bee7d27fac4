"""The commands of ``workspace/executeCommand``: each takes one JSON object and returns another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server.applying import apply
from lsp_server.debug import describe
from lsp_server.documents import Text
from lsp_server.edits import workspace_edit
from lsp_server.fetching import fetch_model
from lsp_server.fixing import FixResult, Stale, edit_of, find_fix, stale_line
from lsp_server.lastrun import locate
from lsp_server.reports import markdown
from lsp_server.server import EditloopServer
from lsp_server.targets import TargetError, parse
from lsp_server.training import TrainingError, train_argv
from lsp_server.trainrun import run_training
from lsp_server.wire import KeepJob
from lsp_server.workers import WorkerError

Argument = dict[str, Any]
Token = types.ProgressToken | None


async def fix(ls: EditloopServer, argument: Argument, token: Token) -> dict[str, Any]:
    try:
        target = parse(argument)
    except TargetError as error:
        raise JsonRpcInvalidParams(str(error)) from error
    result = await find_fix(ls, target, token)
    row = _row(ls, result)
    if argument.get("apply", True) is not False:
        if result.fixes:
            row |= await _apply(ls, result, 0)
        if not row["applied"]:
            ls.show(row["reason"] if result.fixes else result.report.line)
    return row


async def cancel(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    uri = argument.get("uri")
    return {"cancelled": ls.jobs.cancel(uri if isinstance(uri, str) else None)}


async def show_last_report(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    result = _last(ls, argument)
    if result is None:
        ls.show("editloop: no fix was asked for yet")
        return {"markdown": "", "report": None}
    if not ls.client.status:  # a client that knows of us shows the whole report
        ls.show(result.report.line)
    return {"markdown": markdown(result.report), "report": result.report.data()}


async def trust(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    uri = argument.get("uri")
    document = ls.documents.get(uri) if isinstance(uri, str) else None
    if document is None:
        return {"trust": None, "question": None}
    if document.weighing is not None:
        await asyncio.wait([document.weighing])
    report = document.last.report if document.last else None
    return {
        "trust": report.trust if report and report.trust else None,
        "question": report.question if report else None,
    }


async def keep_example(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    uri, call, answer = (argument.get(key) for key in ("uri", "call", "answer"))
    document = ls.documents.get(uri) if isinstance(uri, str) else None
    if document is None or not isinstance(call, str) or not isinstance(answer, str):
        raise JsonRpcInvalidParams("a document that is open, a call and an answer are needed")
    text = document.text
    hunks = await ls.checker.request("keep", KeepJob(text.text, call, answer))
    if not hunks:
        return {"edit": None, "reason": f"no docstring of {text.name} can hold the example"}
    label = "editloop: example kept"
    edit = workspace_edit(text, hunks, ls.client, encoding=ls.encoding, label=label)
    return {"edit": edit, "reason": ""}


async def apply_alternative(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    index = argument.get("index")
    result = _last(ls, argument)
    if not isinstance(index, int) or result is None or not 0 <= index < len(result.fixes) - 1:
        return {"applied": False, "reason": "there is no such alternative"}
    return await _apply(ls, result, index + 1)


async def status(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    return ls.status.now()


async def list_models(ls: EditloopServer, argument: Argument, _: Token) -> Any:
    return await ls.checker.request("models")


async def use_model(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    name = argument.get("name")
    if not isinstance(name, str) or not name:
        raise JsonRpcInvalidParams("editloop.useModel needs a name")
    try:
        return {"model": await ls.checker.request("use", {"name": name})}
    except WorkerError as error:
        raise JsonRpcInvalidParams(str(error)) from error


async def catalogue(ls: EditloopServer, argument: Argument, _: Token) -> Any:
    return await ls.checker.request("catalogue")


async def get_model(ls: EditloopServer, argument: Argument, token: Token) -> dict[str, Any]:
    name = argument.get("name") or ""
    if not isinstance(name, str):
        raise JsonRpcInvalidParams("name has to be a text")
    return await fetch_model(ls, name, token)


async def find_traceback(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, Any]:
    texts = argument.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise JsonRpcInvalidParams("texts have to be a list of texts")
    paths = [Text(uri, 0, "").path for uri in ls.workspace.folders]
    return locate(texts, [path.resolve() for path in paths if path is not None])


async def train(ls: EditloopServer, argument: Argument, token: Token) -> dict[str, Any]:
    try:
        argv = train_argv(argument)
    except TrainingError as error:
        ls.show(f"editloop: {error}", types.MessageType.Error)
        raise JsonRpcInvalidParams(str(error)) from error
    return await run_training(ls, argv, token, Path(argument["folder"]))


async def debug_information(ls: EditloopServer, argument: Argument, _: Token) -> dict[str, str]:
    return {"markdown": await describe(ls)}


COMMANDS: dict[str, Callable[[EditloopServer, Argument, Token], Awaitable[Any]]] = {
    "editloop.fix": fix,
    "editloop.cancel": cancel,
    "editloop.showLastReport": show_last_report,
    "editloop.trust": trust,
    "editloop.keepExample": keep_example,
    "editloop.applyAlternative": apply_alternative,
    "editloop.listModels": list_models,
    "editloop.useModel": use_model,
    "editloop.models.catalogue": catalogue,
    "editloop.models.get": get_model,
    "editloop.findTraceback": find_traceback,
    "editloop.train": train,
    "editloop.debugInformation": debug_information,
    "editloop.status": status,
}


def _row(ls: EditloopServer, result: FixResult) -> dict[str, Any]:
    report = result.report
    row: dict[str, Any] = {
        "status": report.status,
        "reason": report.found.reason,
        "applied": False,
        "report": report.data(),
        "alternatives": [],
    }
    try:
        edits = [edit_of(ls, result, n) for n in range(len(result.fixes))]
    except Stale as stale:
        return row | {"status": "stale", "reason": stale_line(result, stale)}
    if edits:
        row["edit"] = edits[0]
        pairs = zip(result.fixes[1:], edits[1:], strict=True)
        row["alternatives"] = [
            {"label": fix.label, "diff": fix.diff, "edit": edit} for fix, edit in pairs
        ]
    return row


async def _apply(ls: EditloopServer, result: FixResult, index: int) -> dict[str, Any]:
    """Have the client apply a fix; the keys that this changes in the answer."""
    try:
        edit = edit_of(ls, result, index)
    except Stale as stale:
        return {"applied": False, "status": "stale", "reason": stale_line(result, stale)}
    applying = asyncio.create_task(apply(ls, result.text.uri, edit, result.fixes[index].label))
    try:
        applied, reason = await asyncio.shield(applying)
    except asyncio.CancelledError:  # the edit is on its way: the answer says what became of it
        applied, reason = await applying
    return {"applied": applied, "reason": reason or result.report.found.reason}


def _last(ls: EditloopServer, argument: Argument) -> FixResult | None:
    uri = argument.get("uri")
    if not isinstance(uri, str):
        return ls.last
    document = ls.documents.get(uri)
    return document.last if document else None
