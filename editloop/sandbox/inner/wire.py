"""Length-prefixed JSON frames: 4 bytes of length (big endian), then UTF-8 JSON."""

from __future__ import annotations

import json
import os
from typing import Any

ANSWER_CAP = 1 << 20
"""Most bytes that one child may answer in all, and the largest single frame."""

ROUTES: dict[int, int] = {}
"""Where to write for a descriptor that can only be read: the other end of a pair of pipes."""


def ready(number: int) -> bytes:
    """What a warm child says when it has done its job of that number, and waits for another."""
    return b'{"ready":%d}' % number


class FrameTooLarge(ValueError):
    """A message over the cap."""


def pack(message: Any) -> bytes:
    """One frame as bytes; raises FrameTooLarge above ANSWER_CAP."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > ANSWER_CAP - 4:
        raise FrameTooLarge(len(body))
    return len(body).to_bytes(4, "big") + body


def send(fd: int, message: Any) -> None:
    """Write one frame whole."""
    write(fd, pack(message))


def write(fd: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(ROUTES.get(fd, fd), view) :]


def _read_exact(fd: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive(fd: int) -> Any:
    """Read one frame; raises EOFError when the other side is gone."""
    return json.loads(_read_exact(fd, int.from_bytes(_read_exact(fd, 4), "big")))
