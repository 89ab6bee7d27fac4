"""Tasks with some or all of their tests hidden: how often what is left accepts is right, too.

python benchmarks/hide_tests.py TASKS.jsonl --keep 1 --out WEAK.jsonl
python benchmarks/hide_tests.py TASKS.jsonl --fault syntax --out SYNTAX.jsonl
editloop bench WEAK.jsonl
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from editloop.checks.static import StaticChecker, StaticCheckError
from editloop.python.syntax import check_syntax
from editloop.tasks import Task, TaskError, read_tasks, write_tasks


def main(argv: Sequence[str]) -> int:
    """Write the file; 2 where a task cannot be read or ruff does not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=int, default=0, help="Visible tests that are kept.")
    parser.add_argument(
        "--fault",
        choices=("any", "syntax", "names"),
        default="any",
        help="Only programs that do not parse, or that use what nothing binds.",
    )
    options = parser.parse_args(argv)
    try:
        with StaticChecker() as static:
            found = [
                hidden(task, options.keep)
                for task in read_tasks(options.tasks)
                if options.fault in ("any", _fault(task, static))
            ]
    except (OSError, TaskError, StaticCheckError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.out}: {write_tasks(options.out, found)} tasks")
    return 0


def hidden(task: Task, keep: int) -> Task:
    """The task with the first ``keep`` of all its tests visible, and all among the hidden ones."""
    tests = f"{task.tests}\n\n{task.hidden_tests}"
    names = (*task.test_names, *task.hidden_test_names)
    return replace(
        task,
        test_names=names[:keep],
        tests=tests if keep else "",
        hidden_tests=tests,
        hidden_test_names=names,
    )


def _fault(task: Task, static: StaticChecker) -> str:
    if check_syntax(task.buggy) is not None:
        return "syntax"
    return "names" if any(d.code == "F821" for d in static.check(task.prelude + task.buggy)) else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
