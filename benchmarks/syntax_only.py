"""The tasks of a file that do not parse, with their tests hidden: what the parser and ruff alone
can repair, and how often the tests then pass.

python benchmarks/syntax_only.py TASKS.jsonl --out SYNTAX.jsonl
editloop bench SYNTAX.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from editloop.checks.syntax import check_syntax
from editloop.tasks import TaskError, read_tasks, task_row


def main(argv: Sequence[str]) -> int:
    """Write the file; 2 where a task cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        tasks = [task for task in read_tasks(options.tasks) if check_syntax(task.buggy) is not None]
    except (OSError, TaskError) as error:
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
        for task in tasks
    ]
    options.out.write_text("".join(json.dumps(task_row(task)) + "\n" for task in hidden))
    print(f"{options.out}: {len(hidden)} tasks that do not parse")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
