"""A model hub on this machine: a real HTTP server that can be told to misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Request", bytes], None]


class Hub(ThreadingHTTPServer):
    """Serves ``data`` under every path. ``behave``: what the next requests get instead."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.data = data
        self.behave: list[Behaviour] = []
        self.always: Behaviour = serve
        self.requests: list[tuple[str, str]] = []  # (path, Range)
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Request(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range", "")))
        act = self.server.behave.pop(0) if self.server.behave else self.server.always
        act(self, self.server.data)

    def do_CONNECT(self) -> None:
        self.server.requests.append((self.path, "CONNECT"))
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        """Headers with ``length`` (default: the body's) and the body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)


def serve(request: Request, data: bytes, stop: int | None = None) -> None:
    """As a good server does, but the connection ends ``stop`` bytes into the file."""
    wanted = request.headers.get("Range")
    if wanted is None:
        request.answer(200, data[:stop], len(data))
        return
    begin = int(wanted.removeprefix("bytes=").rstrip("-"))
    if begin >= len(data):
        request.answer(416, b"")
        return
    told = f"bytes {begin}-{len(data) - 1}/{len(data)}"
    request.answer(206, data[begin:stop], len(data) - begin, Content_Range=told)


def breaks_off(at: int) -> Behaviour:
    return lambda request, data: serve(request, data, at)


def knows_no_ranges(request: Request, data: bytes) -> None:
    request.answer(200, data)


def breaks_off_without_ranges(at: int) -> Behaviour:
    return lambda request, data: request.answer(200, data[:at], len(data))


def refuses(status: int) -> Behaviour:
    return lambda request, data: request.answer(status, b"no")


def claims(length: int) -> Behaviour:
    return lambda request, data: request.answer(200, data, length)


def other_range(request: Request, data: bytes) -> None:
    """The right bytes from the wrong place."""
    request.answer(206, data[5:], Content_Range=f"bytes 5-{len(data) - 1}/{len(data)}")


def wrong_bytes(request: Request, data: bytes) -> None:
    serve(request, bytes(255 - byte for byte in data))


def stalls(request: Request, data: bytes) -> None:
    """Half of it, then nothing, with the connection open."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data[: len(data) // 2])
    request.server.ended.wait(30)


def slowly(request: Request, data: bytes) -> None:
    """Ten seconds for the whole."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    for n in range(100):
        if request.server.ended.is_set():
            return
        step = -(-len(data) // 100)
        request.wfile.write(data[n * step : (n + 1) * step])
        time.sleep(0.1)


@contextmanager
def running(data: bytes) -> Iterator[Hub]:
    hub = Hub(data)
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        hub.shutdown()
        hub.server_close()
