"""How many threads a model runs fastest with here: measured while nothing else is at work (when a
model comes into the store, and by the doctor), remembered for this machine.

Not in a fix: its search is at work meanwhile, and one thread would seem best for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from editloop.engine import ModelInfo, host

MEASURE_SECONDS = 1.0
_TOKENS = 8  # of a step: between a single token and a prompt
_ROUNDS = 3
_WORTH = 0.95
"""More threads are taken where they need at most this share of the time: others want cores, too."""


class Engine(Protocol):
    """The part of an engine that is measured."""

    @property
    def info(self) -> ModelInfo: ...

    def set_threads(self, count: int) -> None: ...

    def logits(self, tokens: list[int]) -> object: ...


def known(info: ModelInfo, folder: Path | None = None) -> int:
    """The number of threads that was found fastest for a model. Where nothing was measured, all
    cores; but one where other programs want them. ``folder`` holds what was measured (None: the
    user's cache).
    """
    cores = host.physical_cores()
    rule = cores if _others_at_work() < 1 else max(1, cores - 1)
    return _remembered(folder or _cache_folder()).get(_key(info), rule)


def set_fastest(engine: Engine, folder: Path | None = None) -> int:
    """Measure how many threads are fastest, have the engine use as many, and say how many.

    It is kept for `known` in ``folder``, unless the machine had other work meanwhile.
    """
    folder = folder or _cache_folder()
    counts = candidates(host.physical_cores())
    quiet = _others_at_work() < 1
    count = fastest(measured(counts, lambda n: _step(engine, n))) if len(counts) > 1 else 1
    if quiet:
        _remember(folder, {**_remembered(folder), _key(engine.info): count})
    engine.set_threads(count)
    return count


def _key(info: ModelInfo) -> str:
    """A model by what its speed hangs on, and the machine."""
    model = f"{info.parameters} parameters in {info.file_size} bytes"
    return f"{model} on {host.processor()}, {host.physical_cores()} cores"


def candidates(cores: int) -> list[int]:
    """Numbers of threads that are worth a try, ascending."""
    return sorted({max(1, cores // 2), max(1, cores - 1), cores})


def measured(counts: list[int], step: Callable[[int], float]) -> dict[int, float]:
    """Seconds of the fastest of some steps by threads; in turns, so that a burst of other work
    falls on all of them."""
    step(counts[-1])  # reads the weights from disk
    times = {count: float("inf") for count in counts}
    until = time.perf_counter() + MEASURE_SECONDS
    for _ in range(_ROUNDS):
        for count in counts:
            times[count] = min(times[count], step(count))
        if time.perf_counter() > until:
            break
    return times


def fastest(times: Mapping[int, float]) -> int:
    """The number of threads to take, given seconds by threads."""
    best = min(times)
    for count in sorted(times):
        if times[count] < _WORTH * times[best]:
            best = count
    return best


def _step(engine: Engine, count: int) -> float:
    engine.set_threads(count)
    began = time.perf_counter()
    engine.logits([0] * _TOKENS)
    return time.perf_counter() - began


def _others_at_work() -> float:
    """Processes that want a core beyond those there are, over the last minute."""
    try:
        return os.getloadavg()[0] - host.physical_cores()
    except (AttributeError, OSError):
        return 0.0


def _cache_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("editloop", appauthor=False)


def _remembered(folder: Path) -> dict[str, int]:
    try:
        found = json.loads((folder / "threads.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: n for key, n in found.items() if type(n) is int and 0 < n <= 1024}


def _remember(folder: Path, counts: Mapping[str, int]) -> None:
    """Another process reads the file before or after, never half of it; failing costs a second."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".threads.", dir=folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(counts, file, indent=1)
        os.replace(name, folder / "threads.json")
