"""Why a model's process ended, in one line for a person."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Sequence

_SIGNALS = {
    "SIGILL": "llama.cpp was compiled for another processor (see editloop doctor)",
    "SIGKILL": "it was killed, perhaps for want of memory",
    "SIGABRT": "llama.cpp gave up",
}


def why_ended(model: str, said: Sequence[str], ended_for: str | None, code: int) -> str:
    """The reason, by the process's own last lines where it had any.

    ``ended_for``: why it was ended from here, if it was; ``code``: its exit code, negative for a
    signal.
    """
    told = next((line for line in said if line.startswith("refused: ")), None)
    if told is not None:
        return told.removeprefix("refused: ")
    if ended_for is not None:
        return f"the model {model} was ended: {ended_for}"
    name = ""
    if code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
    words = [line for line in said if "GGML_ASSERT" in line or "error" in line.lower()]
    words += list(said)[-1:]
    last = re.sub(r"^\S*/", "", words[0])[:200] if words else ""
    why = _SIGNALS.get(name, name or f"exit code {code}")
    return f"the model {model} ended: {why}{f' ({last})' if last else ''}"
