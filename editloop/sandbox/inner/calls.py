"""Runs calls and doctest examples in the candidate's process and answers what came out, never a
verdict.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Any

from editloop.sandbox.inner import encode, load, wire

OUTPUT_CAP = 100_000
LINES: set[int] = set()
"""Lines of the candidate that were run since its last answer, where the run is traced."""


def _answer(fd: int, frame: dict[str, Any]) -> None:
    lines = sorted(LINES)
    LINES.clear()
    try:
        wire.send(fd, {**frame, "lines": lines} if lines else frame)
    except wire.FrameTooLarge:
        wire.send(fd, {"n": frame["n"], "exc": too_large()})
    except OSError:
        os._exit(1)


def too_large() -> dict[str, Any]:
    """The exception of an answer over the cap, as `load.describe` tells others."""
    return {"mro": ["ValueTooLarge"], "msg": "the answer is larger than 1 MB", "line": None}


def load_or_say(fd: int, job: dict[str, Any]) -> dict[str, Any] | None:
    """The module's namespace; None where it raises, which frame -1 says."""
    try:
        return load.load(job["source"], job.get("prelude", ""))
    except BaseException as error:  # noqa: BLE001
        _answer(fd, {"n": -1, "exc": load.describe(error)})
        return None


def run_calls(fd: int, job: dict[str, Any]) -> None:
    """`items`: `{"e": expression}`; one frame for each."""
    namespace = load_or_say(fd, job)
    if namespace is None:
        return
    _answer(fd, {"n": -1})
    for number, item in enumerate(job["items"]):
        try:
            value = eval(compile(item["e"], "<call>", "eval", dont_inherit=True), namespace)
            frame = {"n": number, "ret": encode.encode(value)}
        except encode.ValueTooLarge:
            frame = {"n": number, "exc": too_large()}
        except BaseException as error:  # noqa: BLE001
            frame = {"n": number, "exc": load.describe(error)}
        _answer(fd, frame)


class _Capped(io.StringIO):
    """Output of one example; what exceeds the cap is dropped."""

    def write(self, text: str) -> int:
        if self.tell() < OUTPUT_CAP:
            super().write(text[:OUTPUT_CAP])
        return len(text)


def _example(source: str, mode: str, scope: dict[str, Any]) -> dict[str, Any]:
    """What came of it: the value of an expression, or what was raised."""
    try:
        value = eval(compile(source, "<doctest>", mode, dont_inherit=True), scope)
        return {"ret": encode.encode(value)} if mode == "eval" else {}
    except encode.ValueTooLarge:
        return {"exc": too_large(), "text": "ValueTooLarge\n"}
    except BaseException as error:  # noqa: BLE001
        # doctest compares the last entry of this; a note or a cause is not part of it.
        text = traceback.format_exception_only(type(error), error)[-1]
        return {"exc": load.describe(error), "text": text[: load.MESSAGE_CAP * 4]}


def run_doctests(fd: int, job: dict[str, Any]) -> None:
    """`groups`: lists of examples; each group has its own copy of the module's namespace.

    An example is a source, run as at a prompt, or a list of expressions whose values are answered
    (`rets`): what is made of them is the host's matter.
    """
    namespace = load_or_say(fd, job)
    if namespace is None:
        return
    _answer(fd, {"n": -1})
    number = 0
    for group in job["groups"]:
        scope = {**namespace, "__name__": "__main__"}
        for source in group:
            out = _Capped()
            sys.stdout = out
            sys.displayhook = sys.__displayhook__
            frame: dict[str, Any] = {"n": number}
            if isinstance(source, str):
                frame |= _example(source, "single", scope)
            else:
                frame["rets"] = [_example(part, "eval", scope) for part in source]
            sys.stdout = sys.__stdout__
            frame["out"] = out.getvalue()
            _answer(fd, frame)
            number += 1
