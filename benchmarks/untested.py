"""Tasks in which the parser or ruff alone finds the fault, with their tests hidden: how often what
these two accept is right, too.

python benchmarks/untested.py TASKS.jsonl --fault syntax --out SYNTAX.jsonl
editloop bench SYNTAX.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from editloop.checks.static import StaticChecker, StaticCheckError
from editloop.checks.syntax import check_syntax
from editloop.tasks import Task, TaskError, read_tasks, task_row


def main(argv: Sequence[str]) -> int:
    """Write the file; 2 where a task cannot be read or ruff does not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fault", choices=("syntax", "names"), required=True)
    options = parser.parse_args(argv)
    try:
        with StaticChecker() as static:
            found = [t for t in read_tasks(options.tasks) if _fault(t, static) == options.fault]
    except (OSError, TaskError, StaticCheckError) as error:
        print(error, file=sys.stderr)
        return 2
    hidden = [
        replace(
            task,
            tests="",
            test_names=(),
            hidden_tests=task.tests,
            hidden_test_names=task.test_names,
        )
        for task in found
    ]
    options.out.write_text("".join(json.dumps(task_row(task)) + "\n" for task in hidden))
    print(f"{options.out}: {len(hidden)} tasks")
    return 0


def _fault(task: Task, static: StaticChecker) -> str:
    """``names``: something is used that nothing binds."""
    if check_syntax(task.buggy) is not None:
        return "syntax"
    return "names" if any(d.code == "F821" for d in static.check(task.prelude + task.buggy)) else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
