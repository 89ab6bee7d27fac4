"""A worker process as the server sees it: started when needed, asked, cancelled, started again."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from editloop_lsp.wire import ChangeJob, CheckJob, FixJob, KeepJob, SuspectsJob, TestsJob, WeighJob

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.15
"""How long a cancelled job may take to stop before its worker is killed."""
_LINE_LIMIT = 256 << 20
_MALLOC = {"MALLOC_ARENA_MAX": "2"}
"""Jobs have threads of their own, and glibc would keep memory for each of many threads."""

Order = FixJob | WeighJob | KeepJob | CheckJob | SuspectsJob | ChangeJob | TestsJob
Heard = Callable[[dict[str, Any]], None]


class WorkerError(Exception):
    """The job failed; the message is one line for a person. ``kind`` is the error's class."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class WorkerDied(WorkerError):
    """The worker's process ended under the job."""


@dataclasses.dataclass(slots=True)
class _Pending:
    answer: asyncio.Future[Any]
    on_progress: Heard | None


class WorkerProcess:
    """``on_event`` hears what the worker tells unasked, and ``{"event": "ended"}`` of its end. Used
    from the event loop alone."""

    def __init__(
        self, name: str, on_event: Heard | None = None, *, grace: float = GRACE_SECONDS
    ) -> None:
        self.name = name
        self.restarts = 0
        self._on_event = on_event
        self._grace = grace
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[int, _Pending] = {}
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def request(
        self, method: str, params: Any = None, on_progress: Heard | None = None
    ) -> Any:
        """The job's result. Raises WorkerError, WorkerDied.

        Cancelling the awaiting task cancels the job: it stops within GRACE_SECONDS or its process
        is killed. The next request waits for that.
        """
        if self._stopping:
            await asyncio.wait(self._stopping)
        process = await self._running()
        number = next(self._numbers)
        pending = _Pending(asyncio.get_running_loop().create_future(), on_progress)
        self._pending[number] = pending
        body = dataclasses.asdict(params) if isinstance(params, Order) else params
        try:
            self._write(process, {"id": number, "method": method, "params": body})
            return await asyncio.shield(pending.answer)
        except asyncio.CancelledError:
            pending.on_progress = None
            self._stop(process, number, pending)
            raise

    async def close(self) -> None:
        """End the process at once; jobs in progress get WorkerDied."""
        self._closed = True
        self._kill()
        if self._reader is not None:
            await self._reader

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._closed:
                raise WorkerDied("the server is shutting down")
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # a workspace's own modules must not stand in for the library's
                    "-m",
                    "editloop_lsp.worker",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=_LINE_LIMIT,
                    env=_MALLOC | os.environ,
                    start_new_session=os.name == "posix",
                )
                self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    def _write(self, process: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):  # _read tells of its death
            process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._hear(json.loads(line))
        finally:
            self._kill(process)
            code = await process.wait()
            self._ended(process, code)

    def _hear(self, message: dict[str, Any]) -> None:
        if "event" in message:
            if self._on_event is not None:
                self._on_event(message)
            return
        number = message["id"]
        if "progress" in message:
            pending = self._pending.get(number)
            if pending is not None and pending.on_progress is not None:
                pending.on_progress(message["progress"])
            return
        pending = self._pending.pop(number, None)
        if pending is None or pending.answer.done():
            return
        if "error" in message:
            pending.answer.set_exception(WorkerError(message["error"], message["kind"]))
            pending.answer.exception()  # retrieved: nobody may be waiting any more
        else:
            pending.answer.set_result(message["result"])

    def _ended(self, process: asyncio.subprocess.Process, code: int) -> None:
        if self._process is process:
            self._process = None
            self.restarts += 1
            if self._on_event is not None:
                self._on_event({"event": "ended"})
        told = (
            "the server is shutting down"
            if self._closed
            else f"the {self.name} process {_ending(code)}"
        )
        pending, self._pending = self._pending, {}
        for one in pending.values():
            if not one.answer.done():
                one.answer.set_exception(WorkerDied(told))
                one.answer.exception()

    def _stop(self, process: asyncio.subprocess.Process, number: int, pending: _Pending) -> None:
        self._write(process, {"cancel": number})

        async def wait() -> None:
            with contextlib.suppress(WorkerError, asyncio.CancelledError):
                try:
                    await asyncio.wait_for(asyncio.shield(pending.answer), self._grace)
                except TimeoutError:
                    log.warning("the %s process did not stop in time and was ended", self.name)
                    self._kill(process)
                    await asyncio.shield(pending.answer)

        task = asyncio.create_task(wait())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _kill(self, process: asyncio.subprocess.Process | None = None) -> None:
        process = process or self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
