"""JSON questions to an HTTP server, with a limit on everything and a cancel that is heard at once.

Standard library only. Nothing is followed (redirects) and nothing is tried twice.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any
from urllib.parse import SplitResult, urlsplit

from editloop.model.backend import ModelError, ModelLost
from editloop.policy import Cancelled

LARGEST_ANSWER = 16 << 20
"""Bytes; thousands of replies fit."""
_POLL = 0.05
_CONNECT_SECONDS = 5.0


class Refused(ModelError):
    """The server answered with a status that is no success; ``status`` is its number."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def read_url(url: str) -> SplitResult:
    """An http or https address without a user in it. Raises ModelError."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or any(c.isspace() for c in url):
        raise ModelError(f"{url!r} is no server's address: give one like http://127.0.0.1:8080")
    return parts


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class JsonServer:
    """One server; every question has a connection of its own, so that each can be broken off."""

    def __init__(self, url: str, *, key: str | None = None, seconds: float = 120.0) -> None:
        self._url = read_url(url)
        self.host = self._url.hostname or ""
        self._base = self._url.path.rstrip("/").removesuffix("/v1")
        self.seconds = seconds
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self.shown = f"{self._url.scheme}://{self._url.netloc}{self._base}"

    def ask(
        self, questions: Sequence[tuple[str, Any]], cancel: threading.Event | None = None
    ) -> list[Any]:
        """The answers to questions of path and JSON body (None: GET), all asked at once.

        Raises Refused, ModelError (no JSON, too long), ModelLost (no answer, broken off, over
        time), Cancelled. One failure breaks off the others.
        """
        asked = [_Question(self, path, body) for path, body in questions]
        until = time.monotonic() + self.seconds
        waiting = {question.answer for question in asked}
        try:
            while waiting:
                done, waiting = wait(waiting, _POLL, FIRST_COMPLETED)
                for answer in done:
                    answer.result()
                if cancel is not None and cancel.is_set():
                    raise Cancelled("cancelled while a server was asked")
                if time.monotonic() > until and waiting:
                    raise ModelLost(f"the server {self.shown} did not answer in {self.seconds:g} s")
        except BaseException:
            for question in asked:
                question.break_off()
            raise
        return [question.answer.result() for question in asked]

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is not made yet."""
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self.host, self._url.port, timeout=min(_CONNECT_SECONDS, self.seconds))

    def exchange(self, question: _Question, path: str, body: Any) -> Any:
        """One question and its answer. Raises Refused, ModelError, ModelLost."""
        data = None if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        try:
            connection = question.connect(self.seconds)
            connection.request(method, self._base + path, data, self._headers)
            with contextlib.closing(connection.getresponse()) as response:
                text = response.read(LARGEST_ANSWER + 1)
                if response.length and len(text) <= LARGEST_ANSWER:
                    raise http.client.IncompleteRead(text, response.length)
        except TimeoutError as error:
            raise ModelLost(f"the server {self.shown} does not answer in time") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise ModelLost(f"the server {self.shown} does not answer ({why[:100]})") from error
        return self._read(response.status, text, path)

    def _read(self, status: int, text: bytes, path: str) -> Any:
        if len(text) > LARGEST_ANSWER:
            raise ModelError(f"the server {self.shown} answered {path} with over 16 MB")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if status != 200:
            why = f": {_told(answer)}" if _told(answer) else ""
            raise Refused(f"the server {self.shown} refused {path} with {status}{why}", status)
        if not isinstance(answer, dict):
            raise ModelError(f"the server {self.shown} did not answer {path} with a JSON object")
        return answer


class _Question:
    """A question under way in a thread of its own."""

    def __init__(self, server: JsonServer, path: str, body: Any) -> None:
        self.answer: Future[Any] = Future()
        self._connection = server.connection()
        self._socket: socket.socket | None = None
        self._broken = False
        self._lock = threading.Lock()
        work = (server, path, body)
        threading.Thread(target=self._run, args=work, name="editloop-server", daemon=True).start()

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """The connection, made, whose waits end after ``seconds``. Raises OSError."""
        self._connection.connect()
        with self._lock:
            # The connection forgets its socket once an answer begins that is to be the last.
            self._socket = self._connection.sock
            if self._broken:
                raise ConnectionAbortedError("broken off")
        self._socket.settimeout(seconds)
        return self._connection

    def break_off(self) -> None:
        """Close the connection: the server stops its work, and the thread ends."""
        with self._lock:
            self._broken = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # closed already
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _run(self, server: JsonServer, path: str, body: Any) -> None:
        try:
            self.answer.set_result(server.exchange(self, path, body))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self.answer.set_exception(error)
        finally:
            self._connection.close()


def _told(answer: Any) -> str:
    """What an error's body says, as far as it is in one of the usual places; one line."""
    error = answer.get("error", answer.get("message")) if isinstance(answer, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    return " ".join(text.split())[:200] if isinstance(text, str) else ""
