"""Messages in and out over stdio or a socket. Reading and writing have threads of their own, so a
client that does not read can never block the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import socket
import sys
import threading
from typing import IO

from editloop_lsp.protocol import Protocol, Unremarkable

log = logging.getLogger(__name__)

MAX_MESSAGE = 256 << 20
_FLUSH_SECONDS = 5.0


class FrameError(ValueError):
    """The headers of a message cannot be read: where the next one starts is not known."""


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The body of the next message, None at the end. Raises FrameError, OSError."""
    length: int | None = None
    while line := stream.readline(4096):
        if line in (b"\r\n", b"\n"):
            if length is None:
                continue  # stray empty lines between messages
            body = stream.read(length)
            return body if len(body) == length else None
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit() or int(value) > MAX_MESSAGE:
                raise FrameError(f"not a length: {value.strip()!r}")
            length = int(value)
    return None


class ThreadWriter:
    """pygls' writer interface; writing never waits."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        self._queue.put(data)

    def close(self) -> None:
        """Write what is queued, for at most a few seconds."""
        self._queue.put(None)
        self._thread.join(_FLUSH_SECONDS)

    def _work(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client is gone; the reader tells
            while (data := self._queue.get()) is not None:
                self._stream.write(data)
                self._stream.flush()


def serve_stdio(protocol: Protocol) -> int:
    """Serve until ``exit`` or the end of stdin; the exit code. Prints elsewhere go to stderr."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # no child shares the client's pipe
    os.close(null)
    return asyncio.run(_serve(protocol, source, target))


def serve_tcp(protocol: Protocol, host: str, port: int) -> int:
    """Serve one connection; the exit code. Raises OSError."""
    with socket.create_server((host, port)) as listener:
        place = listener.getsockname()
        print(f"listening on {place[0]}:{place[1]}", file=sys.stderr, flush=True)
        connection, _ = listener.accept()
    with connection:
        source, target = connection.makefile("rb"), connection.makefile("wb")
        return asyncio.run(_serve(protocol, source, target))


async def _serve(protocol: Protocol, source: IO[bytes], target: IO[bytes]) -> int:
    loop = asyncio.get_running_loop()
    logging.getLogger("pygls.protocol.json_rpc").addFilter(Unremarkable())
    writer = ThreadWriter(target)
    protocol.set_writer(writer)

    def read() -> None:
        try:
            while (body := read_frame(source)) is not None:
                loop.call_soon_threadsafe(protocol.receive, body)
        except (OSError, FrameError) as error:
            log.error("reading from the client failed: %s", error)
        except RuntimeError:
            return  # the loop is closed
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(protocol.stop, 1)

    threading.Thread(target=read, name="reader", daemon=True).start()
    code = await protocol.stopped()
    await protocol.finish()
    writer.close()
    return code
