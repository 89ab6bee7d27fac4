"""Work-done progress of one job. A token of the client's own is used, else one is created."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from lsprotocol import types

from editloop_lsp.jobs import Job
from editloop_lsp.protocol import Protocol

_INTERVAL = 0.1
"""Seconds between two reports."""


class WorkDone:
    """A job for a client: ``begin``, any ``report``, one ``end``; silent where it wants none."""

    def __init__(self, protocol: Protocol, job: Job, token: types.ProgressToken | None) -> None:
        self._protocol = protocol
        self._job = job
        self._created = token is None
        self._token = job.token = token if token is not None else f"editloop-{uuid.uuid4()}"
        self._open = False
        self._ended = False
        self._opening: asyncio.Task[None] | None = None
        self._last = 0.0

    def begin(self, title: str) -> None:
        if not self._created:
            self._begin(title)
        elif self._protocol.client.progress:
            self._opening = asyncio.create_task(self._create(title))

    def report(self, message: str, percentage: float, **state: Any) -> None:
        """``state`` is what the job keeps beside the message."""
        now = time.monotonic()
        if self._open and not self._ended and now - self._last >= _INTERVAL:
            self._last = now
            percent = max(0, min(100, round(percentage)))
            self._send(types.WorkDoneProgressReport(message=message, percentage=percent))
        self._job.tell({**state, "message": message})

    def end(self, message: str) -> None:
        if self._open and not self._ended:
            self._send(types.WorkDoneProgressEnd(message=message))
        self._ended = True

    async def _create(self, title: str) -> None:
        answer = await self._protocol.ask(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE,
            types.WorkDoneProgressCreateParams(self._token),
            seconds=5.0,
        )
        if answer.ok and not self._ended:
            self._begin(title)

    def _begin(self, title: str) -> None:
        self._open = True
        self._send(types.WorkDoneProgressBegin(title=title, cancellable=True, percentage=0))

    def _send(self, value: object) -> None:
        params = types.ProgressParams(self._token, value)
        self._protocol.notify(types.PROGRESS, params)
