"""pygls' protocol, with what it leaves out: every malformed request gets a reply, requests out of
order are refused, commands can be cancelled, shutdown ends running jobs first, and a client that
never answers holds nobody up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from editloop_lsp.client import Client

log = logging.getLogger(__name__)

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
NOT_INITIALIZED: Final = -32002

Argument = dict[str, Any]
"""What a command is given."""
Token = types.ProgressToken | None
"""Where its progress goes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client said to a request; not ``ok`` for an error and for silence."""

    ok: bool
    result: Any = None


class Protocol(LanguageServerProtocol):
    """The way to the client. ``receive`` takes the body of one message."""

    client = Client()
    """What the client can do; nothing until it has said so."""
    finish: Callable[[], Awaitable[None]]
    """Ends all jobs; whoever runs them sets it."""
    _greeted = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._code: int | None = None
        self._stopped = asyncio.Event()

    async def ask(self, method: str, params: Any, *, seconds: float) -> Answer:
        """Send a request. Clients that never answer exist, so nobody waits for ever."""
        number = f"editloop-{uuid.uuid4()}"
        try:
            future = self.send_request_async(method, params, number)
            return Answer(True, await asyncio.wait_for(future, seconds))
        except TimeoutError:
            log.info("the client did not answer %s", method)
        except JsonRpcException as error:
            log.info("the client refused %s: %s", method, error)
        finally:
            self._request_futures.pop(number, None)
            self._result_types.pop(number, None)
        return Answer(False)

    def show(self, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """One line for the person."""
        self.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(kind, text))

    def stop(self, code: int) -> None:
        """End the serving; the first exit code counts."""
        self._code = code if self._code is None else self._code
        self._stopped.set()

    async def stopped(self) -> int:
        """The exit code, when the serving has ended."""
        await self._stopped.wait()
        return self._code or 0

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

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: object) -> None:  # type: ignore[override]  # was a generator
        self._shutdown = True
        await self.finish()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # was a generator
        self.stop(0 if self._shutdown else 1)


class Unremarkable(logging.Filter):
    """Drops pygls' tracebacks of refusals: the client has made a mistake, and has been told."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException))


def _id(data: object) -> int | str | None:
    number = data.get("id") if isinstance(data, dict) else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None
