"""Replies per second: the engine's `generate` beside `Llama.create_completion`.

    python benchmarks/engine.py MODEL.gguf... [--threads N] [--rounds 3]

A state is 600 tokens of Python. Each round asks for 8 replies of 40 tokens, drawn at temperature
0.8: by one call of `generate`, and by 8 calls of create_completion with its own prefix cache on.
Once for a state not seen before (reading it is paid for) and once for a state that was read (a
second question to one place). The two take turns, so a busy machine slows them alike.

Exit code 1 when `generate` on a state that was read is less than three times as fast.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from editloop.engine import Engine, host, native, read_info  # noqa: E402

STATE, REPLIES, TOKENS, LEAST = 600, 8, 40, 3.0
OURS, BASE = "generate", "create_completion"


def states(engine: Engine, count: int) -> list[list[int]]:
    """So many states out of the standard library, in tokens."""
    lines = inspect.getsource(argparse).splitlines(keepends=True)
    found = []
    for k in range(count):
        ids = engine.tokenize("".join(lines[150 + k * 120 :]))
        found.append(ids[:STATE])
    return found


def measure(model: Path, threads: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds for all replies by state ("new", "read") and method, of every round."""
    version = read_info(model).transcript_version or 0
    llama = make_llama(model, threads)
    seconds: dict[tuple[str, str], list[float]] = {}
    with Engine.load(model, transcript_version=version, n_threads=threads, n_ctx=1024) as engine:
        prepared = states(engine, rounds + 1)
        for number, state in enumerate([prepared[-1], *prepared[:-1]]):
            ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
                OURS: (engine.forget, lambda state=state: generated(engine, state)),
                BASE: (llama.reset, lambda state=state: completed(llama, state)),
            }
            for kind in ("new", "read"):
                for name, (forget, work) in ways.items():
                    if kind == "new":
                        forget()
                    began = time.perf_counter()
                    work()
                    if number:  # the first state warms memory and caches up
                        taken = time.perf_counter() - began
                        seconds.setdefault((kind, name), []).append(taken)
    llama.close()
    return seconds


def generated(engine: Engine, state: list[int]) -> object:
    """All replies by one call; none of them ends early."""
    return engine.generate(
        [state], REPLIES, ended=lambda ids: False, temperature=0.8, seed=1, max_tokens=TOKENS
    )


def completed(llama: Any, state: list[int]) -> None:
    """Write REPLIES times TOKENS tokens by calls of create_completion."""
    wanted, seed = REPLIES * TOKENS, 0
    while wanted > 0:  # an end token may come early
        answer = llama.create_completion(
            state,
            max_tokens=min(TOKENS, wanted),
            temperature=0.8,
            seed=seed,
            top_k=0,
            top_p=1.0,
            min_p=0.0,
            repeat_penalty=1.0,
        )
        wanted -= max(1, answer["usage"]["completion_tokens"])
        seed += 1


def make_llama(model: Path, threads: int) -> Any:
    """llama-cpp-python's own class, with weights laid out as the engine has them: it takes no such
    parameter, and dies without it on a processor with AMX (docs/decisions.md)."""
    import llama_cpp.llama as high_level

    ours = native.model_params()
    default = high_level.llama_cpp.llama_model_default_params
    high_level.llama_cpp.llama_model_default_params = lambda: ours
    try:
        return high_level.Llama(
            str(model), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False
        )
    finally:
        high_level.llama_cpp.llama_model_default_params = default


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Replies per second, beside create_completion.")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--threads", type=int, default=host.physical_cores())
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    table = Table(
        title=f"{REPLIES} replies of {TOKENS} tokens to a state of {STATE}, "
        f"{options.threads} threads"
    )
    for column in ("model", "state", "method", "seconds", "ratio"):
        table.add_column(column, justify="right" if column[0] in "r" else "left", no_wrap=True)
    enough = True
    for model in options.models:
        seconds = measure(model, options.threads, options.rounds)
        for (kind, name), values in seconds.items():
            middle = statistics.median(values)
            ratio = statistics.median(seconds[kind, BASE]) / middle
            table.add_row(model.stem, kind, name, f"{middle:.1f}", f"{ratio:.2f}")
            if (kind, name) == ("read", OURS):
                enough = enough and ratio >= LEAST
    Console().print(table)
    return 0 if enough else 1


if __name__ == "__main__":
    raise SystemExit(main())
