"""The process that holds a GGUF: ``python -m editloop.model.process SETTINGS``, see `child`.

Questions are JSON lines on its standard input, answers on its output; it ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import IO, Any

from editloop.policy import Cancelled


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model that the settings name, and answer until nobody asks any more."""
    from editloop.model.answers import Answers, load

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # typing comes first
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = json.loads((arguments or sys.argv[1:])[0])
    lines = _Input(sys.stdin.buffer)
    try:
        answers = Answers(load(**settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, the process that asked tells it
        print("refused: " + " ".join(str(error).split()), file=sys.stderr, flush=True)
        os._exit(1)
    _write(out, {"about": answers.about()})
    for number, method, params, cancel in lines.questions():
        try:
            if cancel.is_set():
                raise Cancelled("cancelled before it was begun")
            message = {"id": number, "result": answers.answer(method, params, cancel)}
        except Cancelled:
            message = {"id": number, "cancelled": True}
        except Exception as error:  # noqa: BLE001 - a bad question must not end the model
            message = {"id": number, "error": " ".join(f"{error}".split()) or repr(error)}
        _write(out, message)


class _Input:
    """Questions in their order; cancels are heard while one is answered."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self._waiting: SimpleQueue[tuple[int, str, Any, threading.Event]] = SimpleQueue()
        self._cancels: dict[int, threading.Event] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            message = json.loads(line)
            if "cancel" in message:
                self._cancels.setdefault(message["cancel"], threading.Event()).set()
                continue
            cancel = self._cancels[message["id"]] = threading.Event()
            self._waiting.put((message["id"], message["method"], message["params"], cancel))
        os._exit(0)  # nobody is there any more, whatever is being computed

    def questions(self) -> Iterator[tuple[int, str, Any, threading.Event]]:
        while True:
            question = self._waiting.get()
            yield question
            self._cancels.pop(question[0], None)


def _write(out: IO[bytes], message: dict[str, Any]) -> None:
    out.write(json.dumps(message).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
