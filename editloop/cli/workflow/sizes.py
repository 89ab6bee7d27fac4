"""What some minutes on this machine can do."""

from __future__ import annotations

import os

LONG = 10.0
"""Minutes from which on a model of the middle size is worth its time, and scores their tasks."""
LONGER = 90.0


def decoder_for(minutes: float) -> tuple[list[str], list[str]]:
    """(options of the decoder, option of the vocabulary) that the minutes can train."""
    if minutes < LONG:
        width, layers, hidden, vocabulary = 128, 2, 384, 2048
    elif minutes < LONGER:
        width, layers, hidden, vocabulary = 192, 4, 576, 4096
    else:
        width, layers, hidden, vocabulary = 256, 6, 768, 4096
    shape = {"width": width, "layers": layers, "hidden": hidden, "kv-heads": 1}
    options = [word for name, value in shape.items() for word in (f"--{name}", str(value))]
    return options, ["--vocabulary", str(vocabulary)]


def cores() -> int:
    """Of the machine, as far as this process may use them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
