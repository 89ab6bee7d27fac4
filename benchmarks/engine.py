"""Proposals per second: the engine's `rank` and `sample` beside `Llama.create_completion`.

    python benchmarks/engine.py [--model M.gguf] [--threads N] [--rounds 5]

A state is 600 tokens of numbered Python lines; its legal commands are some 300 edits of those
lines. Each round asks for 16 proposals four ways: the best legal commands (`rank`), legal commands
drawn at random (`sample` under a constraint), free text (`sample`), and 16 calls of
create_completion with its own prefix cache on, each for as many tokens as a legal command has on
average. Once for a state not seen before (reading it is paid for) and once for a state that was
read (search and alternatives). The methods take turns, so a busy machine slows them alike.
Without a model at hand it makes one of 12M parameters with random weights.

Exit code 1 when `rank` on a state that was read is less than three times as fast.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from editloop.engine import Engine, FreeText, OneOf, host, native, read_info  # noqa: E402

BASE = "create_completion"
STATE, PROPOSALS, LEAST = 600, 16, 3.0
SWAPS = (("+", "-"), ("<", "<="), ("==", "!="), ("self", "other"), (" in ", " not in "), ("0", "1"))


def random_model(folder: Path) -> Path:
    """A 12M-parameter Llama with random weights, Q8_0."""
    from export import write_gguf
    from export.testing import ModelSize, make_checkpoint, make_tokenizer

    size = ModelSize("llama", 6, 384, 6, 6, 1024, context=2048)
    tokenizer = make_tokenizer(folder / "trained.json", vocab_size=2048)
    checkpoint = make_checkpoint(folder / "checkpoint", size, tokenizer, scale=0.05)
    return write_gguf(checkpoint, folder / "random.gguf", quant="q8_0")


def states(engine: Engine, count: int) -> list[tuple[list[int], list[list[int]]]]:
    """(600 tokens, legal commands) out of the standard library."""
    lines = [line for line in inspect.getsource(argparse).splitlines() if line.strip()]
    found = []
    for k in range(count):
        window = lines[150 + k * 90 : 150 + k * 90 + 60]
        text = "".join(f"L {n} {line}\n" for n, line in enumerate(window, 1))
        ids = engine.tokenize(text)
        end = engine.tokenize("\n")[:1]
        rows = [[*engine.tokenize(command), *end] for command in commands(window)[:300]]
        found.append((ids[:STATE], rows))
    return found


def commands(window: Sequence[str]) -> list[str]:
    """Deletions, replacements and repeated lines, several for each line."""
    found = []
    for n, line in enumerate(window, 1):
        found += [f"DELL {n}", f"REPL {n} >>>    {line}", f"REPL {n} >>>{line.strip()}"]
        found.append(f"REPL {n} >>>{line.replace('(', '(not ')}")
        found += [f"REPL {n} >>>{line.replace(*swap)}" for swap in SWAPS if swap[0] in line]
    return found


def measure(model: Path, threads: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds for 16 proposals by method, of every round: {"new": ..., "read": ...}."""
    version = read_info(model).transcript_version or 0
    llama = make_llama(model, threads)
    seconds: dict[str, dict[str, list[float]]] = {"new": {}, "read": {}}
    with Engine.load(model, transcript_version=version, n_threads=threads, n_ctx=1024) as engine:
        prepared = states(engine, rounds + 1)
        for number, (state, rows) in enumerate([prepared[-1], *prepared[:-1]]):
            engine.forget()
            ways = methods(engine, llama, state, rows)
            for kind in ("new", "read"):
                for name, work in ways.items():
                    if kind == "new" and name == BASE:
                        llama.reset()
                    elif kind == "new":
                        engine.forget()
                    began = time.perf_counter()
                    work()
                    if number:  # the first state warms memory and caches up
                        seconds[kind].setdefault(name, []).append(time.perf_counter() - began)
    llama.close()
    return seconds


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


def methods(
    engine: Engine, llama: Any, state: list[int], rows: list[list[int]]
) -> dict[str, Callable[[], object]]:
    """16 proposals for one state, each way."""
    length = round(statistics.mean(map(len, rows)))
    free = FreeText((), n_vocab=engine.n_vocab)
    legal = OneOf(rows)

    def completion() -> None:
        wanted, calls = PROPOSALS * length, itertools.count()
        while wanted > 0:  # an end token may come early
            answer = llama.create_completion(
                state,
                max_tokens=min(length, wanted),
                temperature=1.0,
                seed=next(calls),
                top_k=0,
                top_p=1.0,
                min_p=0.0,
                repeat_penalty=1.0,
            )
            wanted -= max(1, answer["usage"]["completion_tokens"])

    return {
        "rank": lambda: list(itertools.islice(engine.rank(state, rows), PROPOSALS)),
        "sample, legal": lambda: engine.sample(
            state, PROPOSALS, allowed=legal, temperature=1.0, seed=1, max_tokens=99
        ),
        "sample, free": lambda: engine.sample(
            state, PROPOSALS, allowed=free, temperature=1.0, seed=1, max_tokens=length
        ),
        BASE: completion,
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Proposals per second, beside create_completion.")
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=host.default_threads())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or random_model(Path(folder))
        info = read_info(model)
        seconds = measure(model, options.threads, options.rounds)
    table = Table(
        title=f"{info.path.name}: {info.parameters / 1e6:.1f}M, {info.quantization}, "
        f"{options.threads} threads, {STATE}-token state, {PROPOSALS} proposals"
    )
    for column in ("state", "method", "proposals/s", "ratio"):
        table.add_column(column, justify="right" if column[0] in "pr" else "left", no_wrap=True)
    ratio = {}
    for kind, by_name in seconds.items():
        base = statistics.median(by_name[BASE])
        for name, values in by_name.items():
            middle = statistics.median(values)
            ratio[kind, name] = base / middle
            table.add_row(kind, name, f"{PROPOSALS / middle:,.1f}", f"{base / middle:.2f}")
    Console().print(table)
    return 0 if ratio["read", "rank"] >= LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
