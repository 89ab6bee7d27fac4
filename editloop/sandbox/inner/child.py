"""The first code of a forked child after it was confined: read the job, run it, end.

A warm child says that it is ready, and reads another job.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from typing import Any

from editloop.sandbox.inner import calls, judge, load, player, tracing, wire

KINDS: dict[str, Callable[[int, dict[str, Any]], None]] = {
    "calls": calls.run_calls,
    "doctests": calls.run_doctests,
    "player": player.run_player,
    "judge": judge.run_judge,
}


def run_job(fd: int) -> None:
    """Never returns. The exit status says nothing: only frames are answers."""
    depth = sys.getrecursionlimit()
    try:
        while True:
            job = wire.receive(fd)
            # Forked children would share one state, and verdicts should not depend on luck.
            random.seed(0)
            sys.setrecursionlimit(depth)
            if job.get("traced"):
                tracing.record(load.CANDIDATE, calls.LINES)
            KINDS[job["kind"]](fd, job)
            if "number" not in job:
                os._exit(0)
            ready = wire.ready(job["number"])
            wire.write(fd, len(ready).to_bytes(4, "big") + ready)
    except BaseException:  # noqa: BLE001
        os._exit(1)
