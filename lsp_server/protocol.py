"""pygls' protocol, with what it leaves out: every malformed request gets a reply, requests out of
order are refused, commands can be cancelled, and shutdown ends running jobs first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

log = logging.getLogger(__name__)

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
NOT_INITIALIZED: Final = -32002


class Protocol(LanguageServerProtocol):
    """``receive`` takes the body of one message."""

    _server: EditloopServer
    _greeted = False

    def receive(self, body: bytes) -> None:
        """Handle one message; whatever is wrong with it, the server goes on."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            self._refuse(None, PARSE_ERROR, f"this is not JSON: {error}")
            return
        if not isinstance(data, dict) or data.get("jsonrpc") != "2.0":
            self._refuse(_id(data), INVALID_REQUEST, "this is not a JSON-RPC 2.0 message")
            return
        if self._shutdown and "method" not in data:
            return  # an answer to a request of ours that nobody waits for
        refusal = self._out_of_order(data)
        if refusal is not None:
            if "id" in data:
                self._refuse(_id(data), *refusal)
            return
        try:
            message = self.structure_message(data)
        except JsonRpcException as error:
            self._malformed(data, error)
            return
        self.handle_message(message)

    def forget_request(self, number: str) -> None:
        """Drop what is kept for a request of ours that nobody waits for any more."""
        self._request_futures.pop(number, None)
        self._result_types.pop(number, None)

    def _execute_handler(
        self,
        msg_id: str | int,
        handler: Callable[..., Any],
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """pygls keeps a future for each notification, thus for each change of a document."""

        def done(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    def _out_of_order(self, data: dict[str, Any]) -> tuple[int, str] | None:
        method = data.get("method")
        if method is None:
            return None  # a response
        if not isinstance(method, str):
            return INVALID_REQUEST, "the method has to be a text"
        if method == types.INITIALIZE:
            if self._greeted:
                return INVALID_REQUEST, "the server is initialized already"
            self._greeted = True
        elif not self._greeted and method != types.EXIT:
            return NOT_INITIALIZED, "the first request has to be initialize"
        elif self._shutdown and method != types.EXIT:
            return INVALID_REQUEST, "the server is shutting down"
        return None

    def _malformed(self, data: dict[str, Any], error: JsonRpcException) -> None:
        method = data.get("method")
        if method is None:  # a response that nobody can read ends the request that it answers
            future = self._request_futures.pop(data.get("id", ""), None)
            if future is not None and not future.done():
                future.set_exception(error)
        elif "id" in data:
            if method == types.INITIALIZE:
                self._greeted = False
            self._refuse(_id(data), INVALID_PARAMS, f"the parameters of {method} are malformed")
        else:
            log.warning("a malformed %s was ignored", method)

    def _refuse(self, number: int | str | None, code: int, message: str) -> None:
        # As plain data: the converter leaves out an id of None, and JSON-RPC wants it as null.
        error = {"code": code, "message": message}
        self._send_data({"jsonrpc": "2.0", "id": number, "error": error})

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]  # was a generator
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """A coroutine, so that ``$/cancelRequest`` reaches the command itself."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"there is no command {params.command!r}")
        arguments = params.arguments or []
        if len(arguments) > 1 or not all(isinstance(a, dict | None) for a in arguments):
            raise JsonRpcInvalidParams(f"{params.command} takes at most one object")
        argument = dict(arguments[0] or {}) if arguments else {}
        return await handler(argument, params.work_done_token)

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        self._server.cancel_progress(params.token)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        self._server.notebooks.opened(params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(
        self, params: types.DidChangeNotebookDocumentParams
    ) -> None:
        self._server.notebooks.changed(params)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(
        self, params: types.DidCloseNotebookDocumentParams
    ) -> None:
        self._server.notebooks.closed(params)

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: object) -> None:  # type: ignore[override]  # was a generator
        self._shutdown = True
        await self._server.finish()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # was a generator
        self._server.stop(0 if self._shutdown else 1)


class Unremarkable(logging.Filter):
    """Drops pygls' tracebacks of refusals: the client has made a mistake, and has been told."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException))


def _id(data: object) -> int | str | None:
    number = data.get("id") if isinstance(data, dict) else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None
